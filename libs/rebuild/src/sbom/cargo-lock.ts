import { parse } from 'smol-toml';
import { z } from 'zod';
import { RebuildError } from '../errors.js';
import {
  checkCount,
  compareText,
  lockedFile,
  lockfileText,
  malformed,
  MAX_EDGES,
  MAX_PACKAGES,
  plainText,
  sortedUnique,
  type DependencyGraph,
  type LockedPackage,
} from './dependency-graph.js';
import { formatPurl } from './package-url.js';
import { reachable } from './reachable.js';

const FILE = 'Cargo.lock';
const MANIFEST = 'Cargo.toml';
const CRATES_IO = [
  'registry+https://github.com/rust-lang/crates.io-index',
  'sparse+https://index.crates.io/',
];

const Locked = z.looseObject({
  version: z.int().optional(),
  package: z
    .array(
      z.looseObject({
        name: z.string(),
        version: z.string(),
        source: z.string().optional(),
        checksum: z.string().optional(),
        dependencies: z.array(z.string()).optional(),
        replace: z.string().optional(),
      }),
    )
    .default([]),
});

const Dependencies = z.record(
  z.string(),
  z.union([z.string(), z.looseObject({ package: z.string().optional() })]),
);
const Manifest = z.looseObject({
  package: z.looseObject({ name: z.string() }).optional(),
  dependencies: Dependencies.optional(),
  'build-dependencies': Dependencies.optional(),
  'dev-dependencies': Dependencies.optional(),
  target: z
    .record(
      z.string(),
      z.looseObject({
        dependencies: Dependencies.optional(),
        'build-dependencies': Dependencies.optional(),
      }),
    )
    .optional(),
});

type CargoPackage = z.infer<typeof Locked>['package'][number];

/**
 * Reads a Cargo.lock of version 3 or 4. It does not tell dependencies of tests from others; the
 * Cargo.toml beside it, when given, does for a tree of one crate.
 *
 * @throws RebuildError `lockfile-malformed`, `lockfile-unsupported`, `lockfile-too-large`
 */
export function readCargoLock(bytes: Uint8Array, manifest?: Uint8Array): DependencyGraph {
  const locked = parseToml(FILE, bytes, Locked);
  // Versions 1 and 2 write none; their packages look the same but keep checksums elsewhere.
  if (locked.version === undefined || locked.version < 3 || locked.version > 4)
    throw new RebuildError(
      'lockfile-unsupported',
      `${FILE}: version ${locked.version ?? '1 or 2'} is not read, 3 and 4 are; cargo 1.53 or later writes them`,
    );
  checkCount(FILE, 'packages', locked.package.length, MAX_PACKAGES);
  const refs = new Map(locked.package.map((found) => [found, refOf(found)]));
  if (new Set(refs.values()).size !== refs.size) throw malformed(FILE, 'a package stands twice');
  const { dependsOn, unresolved } = edgesOf(locked.package, refs);
  const local = locked.package.filter(({ source }) => source === undefined);
  const declared = manifest === undefined ? undefined : parseToml(MANIFEST, manifest, Manifest);
  const root = rootOf(local, declared?.package?.name);
  const roots = root === undefined ? local : [root];
  const remarks = [
    'Cargo.lock lists the packages of every target and feature: a build may use fewer of them.',
  ];
  const packages = locked.package
    .filter((found) => found !== root)
    .map((found) => lockedPackage(found, refs.get(found) ?? '', dependsOn.get(found) ?? []));
  const rootEdges = sortedUnique(
    root === undefined ? roots.map((found) => refs.get(found) ?? '') : (dependsOn.get(root) ?? []),
  );
  const needed = neededFrom(declared, root, local, rootEdges, packages);
  // Cargo itself passes over such: they are left by merges of lockfiles.
  if (unresolved > 0)
    remarks.push(`${unresolved} dependencies name no one package of the lockfile.`);
  if (needed === undefined)
    remarks.push('Packages that only tests need are not told apart from the others.');
  return {
    ecosystem: 'crates.io',
    files: [
      lockedFile(FILE, bytes),
      ...(manifest === undefined ? [] : [lockedFile(MANIFEST, manifest)]),
    ],
    root:
      root === undefined
        ? { name: 'workspace', dependsOn: rootEdges }
        : { name: root.name, version: root.version, dependsOn: rootEdges },
    packages: packages
      .map((found) =>
        needed === undefined || needed.has(found.ref) ? found : { ...found, development: true },
      )
      .sort((a, b) => compareText(a.ref, b.ref)),
    complete: unresolved === 0,
    remarks,
  };
}

function parseToml<T>(file: string, bytes: Uint8Array, schema: z.ZodType<T>): T {
  const text = lockfileText(file, bytes);
  let value: unknown;
  try {
    value = parse(text, { maxDepth: 32, unsafeKeyBehaviour: 'throw' });
  } catch (cause) {
    throw malformed(file, 'is not TOML', cause);
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed(file, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`);
}

/** A dependency is written `name`, `name version` or `name version (source)`, as short as is clear. */
function edgesOf(
  packages: readonly CargoPackage[],
  refs: ReadonlyMap<CargoPackage, string>,
): { dependsOn: Map<CargoPackage, string[]>; unresolved: number } {
  const named = new Map<string, CargoPackage | 'several'>();
  for (const found of packages) {
    const { name, version, source } = found;
    for (const text of [name, `${name} ${version}`, `${name} ${version} (${source ?? ''})`])
      named.set(text, named.has(text) ? 'several' : found);
  }
  const dependsOn = new Map<CargoPackage, string[]>();
  let edges = 0;
  let unresolved = 0;
  for (const found of packages) {
    const names = found.dependencies ?? [];
    checkCount(FILE, 'dependencies', (edges += names.length), MAX_EDGES);
    const targets = names.flatMap((text) => {
      const target = named.get(text);
      return target === undefined || target === 'several' ? [] : [refs.get(target) ?? ''];
    });
    unresolved += names.length - targets.length;
    dependsOn.set(found, sortedUnique(targets));
  }
  return { dependsOn, unresolved };
}

function rootOf(
  local: readonly CargoPackage[],
  declared: string | undefined,
): CargoPackage | undefined {
  if (declared !== undefined) return local.find(({ name }) => name === declared);
  return local.length === 1 ? local[0] : undefined;
}

/**
 * What a build needs, tests left out; undefined when the manifest does not tell: of a workspace each
 * member has a manifest of its own.
 */
function neededFrom(
  declared: z.infer<typeof Manifest> | undefined,
  root: CargoPackage | undefined,
  local: readonly CargoPackage[],
  rootEdges: readonly string[],
  packages: readonly LockedPackage[],
): ReadonlySet<string> | undefined {
  if (declared === undefined || root === undefined || local.length !== 1) return undefined;
  const tables = [declared, ...Object.values(declared.target ?? {})];
  const names = new Set(
    tables
      .flatMap((table) => [table.dependencies ?? {}, table['build-dependencies'] ?? {}])
      .flatMap((table) => Object.entries(table))
      .map(([key, value]) => (typeof value === 'string' ? key : (value.package ?? key))),
  );
  // `workspace = true` may rename in a table that is not here.
  const byRef = new Map(packages.map((found) => [found.ref, found]));
  const direct = rootEdges.filter((ref) => names.has(byRef.get(ref)?.name ?? ''));
  return reachable(direct, (ref) => byRef.get(ref)?.dependsOn ?? []);
}

function refOf({ name, version, source }: CargoPackage): string {
  plainText(FILE, 'name', name);
  plainText(FILE, 'version', version);
  if (source === undefined) return `path:${name}@${version}`;
  return formatPurl({ type: 'cargo', name, version, qualifiers: qualifiersOf(source) });
}

function qualifiersOf(source: string): Record<string, string> {
  plainText(FILE, 'source', source);
  if (CRATES_IO.includes(source)) return {};
  const git = /^git\+([^?#]+)(?:\?[^#]*)?(?:#(.+))?$/.exec(source);
  if (git === null) return { repository_url: source.replace(/^registry\+/, '') };
  const [, address = '', commit] = git;
  return { vcs_url: `git+${address}${commit === undefined ? '' : `@${commit}`}` };
}

function lockedPackage(found: CargoPackage, ref: string, dependsOn: string[]): LockedPackage {
  const { name, version, source, checksum } = found;
  if (checksum !== undefined && !/^[0-9a-f]{64}$/.test(checksum))
    throw malformed(FILE, `the checksum of ${name} is not SHA-256 in lower-case hex`);
  const own = { ref, name, version, development: false, optional: false, dependsOn };
  const hashes = checksum === undefined ? [] : [{ algorithm: 'SHA-256' as const, hex: checksum }];
  if (source === undefined) return { ...own, origin: 'path', hashes };
  const purl = { purl: ref };
  if (CRATES_IO.includes(source)) {
    const file = `${name}/${name}-${version}.crate`;
    const location = `https://static.crates.io/crates/${file}`;
    return { ...own, ...purl, origin: 'registry', location, hashes };
  }
  const vcs = qualifiersOf(source)['vcs_url'];
  if (vcs !== undefined) return { ...own, ...purl, origin: 'git', location: vcs, hashes };
  return { ...own, ...purl, origin: 'registry', hashes };
}

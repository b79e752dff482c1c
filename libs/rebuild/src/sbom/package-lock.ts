import { AttestError, parseJson } from '@touchstone/attest';
import { z } from 'zod';
import { RebuildError } from '../errors.js';
import {
  checkCount,
  compareText,
  lockedFile,
  malformed,
  MAX_EDGES,
  MAX_LOCKFILE_BYTES,
  MAX_PACKAGES,
  plainText,
  sortedUnique,
  type DependencyGraph,
  type HashAlgorithm,
  type LockedPackage,
  type PackageHash,
} from './dependency-graph.js';
import { formatPurl } from './package-url.js';

const REGISTRY = 'https://registry.npmjs.org/';
const MAX_PATH = 4096;
const MAX_SEGMENTS = 96;

const Ranges = z.record(z.string(), z.unknown());
const Entry = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  resolved: z.union([z.string(), z.boolean()]).optional(),
  integrity: z.string().optional(),
  link: z.boolean().optional(),
  dev: z.boolean().optional(),
  optional: z.boolean().optional(),
  devOptional: z.boolean().optional(),
  dependencies: Ranges.optional(),
  devDependencies: Ranges.optional(),
  optionalDependencies: Ranges.optional(),
  peerDependencies: Ranges.optional(),
  peerDependenciesMeta: z
    .record(z.string(), z.looseObject({ optional: z.boolean().optional() }))
    .optional(),
});
const Locked = z.looseObject({
  name: z.string().optional(),
  version: z.string().optional(),
  lockfileVersion: z.int(),
  packages: z.record(z.string(), Entry).optional(),
});

type Entry = z.infer<typeof Entry>;

/**
 * Reads a package-lock.json or npm-shrinkwrap.json of lockfileVersion 2 or 3. What npm installs in
 * several places is one package, which depends on what each of its copies finds.
 *
 * @throws RebuildError `lockfile-malformed`, `lockfile-unsupported`, `lockfile-too-large`
 */
export function readPackageLock(bytes: Uint8Array, file = 'package-lock.json'): DependencyGraph {
  const { name, version, lockfileVersion, packages } = parseLock(bytes, file);
  if (packages === undefined || lockfileVersion < 2 || lockfileVersion > 3)
    throw new RebuildError(
      'lockfile-unsupported',
      `${file}: lockfileVersion ${lockfileVersion} is not read, 2 and 3 are; npm 7 or later writes them`,
    );
  const entries = new Map(Object.entries(packages));
  checkCount(file, 'packages', entries.size, MAX_PACKAGES);
  const own = entries.get('') ?? {};
  const reader = new Reader(file, entries);
  const found = reader.packages();
  const rootVersion = own.version ?? version;
  return {
    ecosystem: 'npm',
    files: [lockedFile(file, bytes)],
    root: {
      name: plainText(file, 'the name', own.name ?? name ?? 'unnamed'),
      ...(rootVersion === undefined ? {} : { version: plainText(file, 'version', rootVersion) }),
      dependsOn: sortedUnique(reader.targets('', own)),
    },
    packages: found,
    complete: reader.unresolved === 0,
    remarks: [
      'package-lock.json lists optional packages of every platform: an installation may have fewer.',
      ...(reader.unresolved === 0
        ? []
        : [`${reader.unresolved} required dependencies are not in the lockfile.`]),
    ],
  };
}

function parseLock(bytes: Uint8Array, file: string): z.infer<typeof Locked> {
  let value: unknown;
  try {
    value = parseJson(bytes, MAX_LOCKFILE_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    const code = cause.code === 'json-too-large' ? 'lockfile-too-large' : 'lockfile-malformed';
    throw new RebuildError(code, `${file}: ${cause.message}`, { cause });
  }
  const result = Locked.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw malformed(file, `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`);
}

class Reader {
  unresolved = 0;
  #edges = 0;
  readonly #refs = new Map<string, string>();

  constructor(
    readonly file: string,
    readonly entries: ReadonlyMap<string, Entry>,
  ) {
    // The same package URL with other bytes is another package: one of the two is not what it says.
    const hashes = new Map<string, string>();
    for (const [path, entry] of entries) {
      if (path.length > MAX_PATH || path.split('/').length > MAX_SEGMENTS)
        throw malformed(file, `a path is longer than ${MAX_PATH} or deeper than ${MAX_SEGMENTS}`);
      if (path === '' || entry.link === true) continue;
      const purl = this.#purl(path, entry);
      const wanted = purl ?? `path:${plainText(file, 'a path', path)}`;
      const key = entry.integrity ?? '';
      let ref = wanted;
      for (let copy = 2; (hashes.get(ref) ?? key) !== key; copy += 1) ref = `${wanted}#${copy}`;
      hashes.set(ref, key);
      this.#refs.set(path, ref);
    }
  }

  packages(): LockedPackage[] {
    const found = new Map<string, LockedPackage>();
    const byPath = [...this.#refs].sort(([a], [b]) => compareText(a, b));
    for (const [path, ref] of byPath) {
      const next = this.#package(path, ref);
      const earlier = found.get(ref);
      found.set(ref, earlier === undefined ? next : merge(earlier, next));
    }
    return [...found.values()].sort((a, b) => compareText(a.ref, b.ref));
  }

  /** The packages that the one at `path` finds when it asks for its dependencies. */
  targets(path: string, entry: Entry): string[] {
    const { dependencies, devDependencies, optionalDependencies, peerDependencies } = entry;
    const may = new Set(Object.keys(optionalDependencies ?? {}));
    for (const [name, { optional }] of Object.entries(entry.peerDependenciesMeta ?? {}))
      if (optional === true) may.add(name);
    const names = new Set(
      [dependencies, devDependencies, optionalDependencies, peerDependencies].flatMap((ranges) =>
        Object.keys(ranges ?? {}),
      ),
    );
    this.#edges += names.size;
    checkCount(this.file, 'dependencies', this.#edges, MAX_EDGES);
    return [...names].flatMap((name) => {
      const ref = this.#lookUp(path, name);
      // A peer may be left to whoever installs; all else that is required must be there.
      if (ref === undefined && !may.has(name) && peerDependencies?.[name] === undefined)
        this.unresolved += 1;
      return ref === undefined ? [] : [ref];
    });
  }

  /** Node's own way: the nearest node_modules, then those of the folders above. */
  #lookUp(path: string, name: string): string | undefined {
    for (let folder = path; ; folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/')))) {
      const place = `${folder === '' ? '' : `${folder}/`}node_modules/${name}`;
      const entry = folder.endsWith('node_modules') ? undefined : this.entries.get(place);
      if (entry?.link === true)
        return typeof entry.resolved === 'string' ? this.#refs.get(entry.resolved) : undefined;
      if (entry !== undefined) return this.#refs.get(place);
      if (folder === '') return undefined;
    }
  }

  #nameOf(path: string, entry: Entry): string {
    const parts = path.split('node_modules/');
    return plainText(this.file, `the name of ${path}`, entry.name ?? parts.at(-1) ?? path);
  }

  #purl(path: string, entry: Entry): string | undefined {
    const installed = /(?:^|\/)node_modules\//.test(path);
    if (!installed || entry.version === undefined) return undefined;
    const version = plainText(this.file, `the version of ${path}`, entry.version);
    const { at, qualifiers } = sourceOf(this.file, this.#nameOf(path, entry), entry);
    if (at === 'path') return undefined;
    return formatPurl({ type: 'npm', name: this.#nameOf(path, entry), version, qualifiers });
  }

  #package(path: string, ref: string): LockedPackage {
    const entry = this.entries.get(path) ?? {};
    const name = this.#nameOf(path, entry);
    const purl = this.#purl(path, entry);
    const { at, location } = sourceOf(this.file, name, entry);
    const hashes = entry.integrity === undefined ? [] : readIntegrity(this.file, entry.integrity);
    return {
      ref,
      name,
      ...(entry.version === undefined ? {} : { version: entry.version }),
      ...(purl === undefined ? {} : { purl }),
      origin: purl === undefined ? 'path' : at,
      ...(location === undefined ? {} : { location }),
      hashes,
      development: entry.dev === true,
      optional: entry.optional === true || entry.devOptional === true,
      dependsOn: sortedUnique(this.targets(path, entry)),
    };
  }
}

function merge(a: LockedPackage, b: LockedPackage): LockedPackage {
  return {
    ...a,
    development: a.development && b.development,
    optional: a.optional && b.optional,
    dependsOn: sortedUnique([...(a.dependsOn ?? []), ...(b.dependsOn ?? [])]),
  };
}

interface Source {
  readonly at: LockedPackage['origin'];
  readonly location?: string;
  readonly qualifiers: Record<string, string>;
}

function sourceOf(file: string, name: string, { resolved }: Entry): Source {
  // Without an address (npm's omit-lockfile-registry-resolved, or a bundled package): the registry.
  if (typeof resolved !== 'string') return { at: 'registry', qualifiers: {} };
  const location = plainText(file, `the address of ${name}`, resolved);
  if (location.startsWith('git+') || location.startsWith('git:'))
    return { at: 'git', location, qualifiers: { vcs_url: location.replace('#', '@') } };
  if (location.startsWith('file:')) return { at: 'path', qualifiers: {} };
  if (!/^https?:\/\//.test(location)) return { at: 'path', qualifiers: {} };
  const tarball = location.indexOf(`/${name}/-/`);
  if (tarball < 0) return { at: 'url', location, qualifiers: { download_url: location } };
  const registry = location.slice(0, tarball + 1);
  const qualifiers: Record<string, string> =
    registry === REGISTRY ? {} : { repository_url: registry.replace(/\/$/, '') };
  return { at: 'registry', location, qualifiers };
}

const ALGORITHMS: Readonly<Record<string, { algorithm: HashAlgorithm; bytes: number }>> = {
  sha1: { algorithm: 'SHA-1', bytes: 20 },
  sha256: { algorithm: 'SHA-256', bytes: 32 },
  sha384: { algorithm: 'SHA-384', bytes: 48 },
  sha512: { algorithm: 'SHA-512', bytes: 64 },
};

/** Subresource Integrity: one digest or more, of one algorithm or several. */
function readIntegrity(file: string, integrity: string): PackageHash[] {
  const hashes = new Map<HashAlgorithm, PackageHash>();
  for (const part of plainText(file, 'integrity', integrity).split(/\s+/)) {
    const [name = '', digest = ''] = part.split('?')[0]?.split(/-(.*)/) ?? [];
    const known = Object.hasOwn(ALGORITHMS, name) ? ALGORITHMS[name] : undefined;
    const bytes = Buffer.from(digest, 'base64');
    if (bytes.length !== known?.bytes || bytes.toString('base64') !== digest)
      throw malformed(file, `the integrity ${JSON.stringify(part)} cannot be read`);
    const { algorithm } = known;
    if (!hashes.has(algorithm)) hashes.set(algorithm, { algorithm, hex: bytes.toString('hex') });
  }
  return [...hashes.values()].sort((a, b) => compareText(a.algorithm, b.algorithm));
}

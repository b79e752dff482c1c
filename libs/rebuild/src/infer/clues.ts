import { z } from 'zod';
import type { Artifact, Source } from '@touchstone/contract';
import { customSections, readProducers, readBinary, WasmError } from '@touchstone/wasm';
import { findModules, type FoundModule } from './find-modules.js';

/** What is known of a publication before anything is built. */
export interface Clues {
  readonly artifact: Artifact;
  readonly source: Source;
  /** Of the source, by path; the folder that everything lies in is {@link root}. */
  readonly files: ReadonlyMap<string, Uint8Array>;
  /** `package` for npm, `source` for a commit. */
  readonly root: string;
  /** Distinct by digest. */
  readonly modules: readonly FoundModule[];
  readonly manifest: PackageManifest;
}

const Strings = z
  .record(z.string(), z.unknown())
  .transform((record) =>
    Object.fromEntries(
      Object.entries(record).filter(
        (entry): entry is [string, string] => typeof entry[1] === 'string',
      ),
    ),
  );

/** The few fields of a package.json that say how something was built; anything else is nothing. */
const PackageManifest = z.object({
  scripts: Strings.catch({}),
  dependencies: Strings.catch({}),
  devDependencies: Strings.catch({}),
});
export type PackageManifest = z.infer<typeof PackageManifest>;

const MAX_TEXT = 4 * 1024 * 1024;

export function readClues(
  artifact: Artifact,
  published: ReadonlyMap<string, Uint8Array>,
  source: Source,
  files: ReadonlyMap<string, Uint8Array>,
): Clues {
  const root = [...files.keys()][0]?.split('/')[0] ?? 'package';
  const parsed = PackageManifest.safeParse(json(files.get(`${root}/package.json`)) ?? {});
  const manifest = parsed.success
    ? parsed.data
    : { scripts: {}, dependencies: {}, devDependencies: {} };
  return { artifact, source, files, root, modules: distinct(findModules(published)), manifest };
}

/** One place for each content, a file of its own before a literal; none within components. */
function distinct(found: readonly FoundModule[]): FoundModule[] {
  const whole = found.filter(
    ({ location }) => location.kind === 'bytes' || location.inside === undefined,
  );
  const byDigest = new Map<string, FoundModule>();
  const beside = new Map<string, number>();
  for (const { location } of whole) beside.set(location.path, (beside.get(location.path) ?? 0) + 1);
  // A script that holds many names each of them; one that holds one may be called anything.
  const literals = whole
    .filter(({ location }) => location.kind !== 'file')
    .sort((a, b) => (beside.get(b.location.path) ?? 0) - (beside.get(a.location.path) ?? 0));
  for (const module of [...whole.filter(({ location }) => location.kind === 'file'), ...literals])
    if (!byDigest.has(module.sha256)) byDigest.set(module.sha256, module);
  const names = new Set<string>();
  return [...byDigest.values()].map((module) => {
    // `a-2` was the second of that name among all; of what is left it may be the only one.
    const plain = module.name.replace(/-\d+$/, '');
    const name = names.has(plain) ? module.name : plain;
    names.add(name);
    return { ...module, name };
  });
}

/** Text of a source file, bounded; undefined when it is none. */
export function textOf(files: ReadonlyMap<string, Uint8Array>, path: string): string | undefined {
  const bytes = files.get(path);
  if (bytes === undefined || bytes.length > MAX_TEXT) return undefined;
  return Buffer.from(bytes).toString('utf8');
}

export function json(bytes: Uint8Array | undefined): unknown {
  if (bytes === undefined || bytes.length > MAX_TEXT) return undefined;
  try {
    return JSON.parse(Buffer.from(bytes).toString('utf8'));
  } catch {
    return undefined;
  }
}

export interface ModuleClues {
  /** `clang 22.1.3`, as the section `producers` has them. */
  readonly producers: readonly string[];
  readonly sourceMappingUrl?: string;
  readonly customSections: readonly string[];
}

/** What a module says of itself. */
export function moduleClues(bytes: Uint8Array): ModuleClues {
  try {
    const node = readBinary(bytes);
    const sections = customSections(bytes, node);
    const map = sections.find(({ name }) => name === 'sourceMappingURL');
    const said = sections.find(({ name }) => name === 'producers');
    const producers = said === undefined ? [] : readProducers(bytes, said.content);
    return {
      producers: producers.flatMap(({ values }) =>
        values.map(({ name, version }) => `${name} ${version}`.trim()),
      ),
      customSections: sections.map(({ name }) => name),
      ...(map === undefined ? {} : { sourceMappingUrl: mapUrl(bytes, map.content) }),
    };
  } catch (error) {
    if (error instanceof WasmError) return { producers: [], customSections: [] };
    throw error;
  }
}

/** A string with its length before it. */
function mapUrl(bytes: Uint8Array, { offset, size }: { offset: number; size: number }): string {
  return Buffer.from(bytes.subarray(offset + 1, offset + size))
    .toString('utf8')
    .slice(0, 512);
}

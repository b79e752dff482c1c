import { parse, TomlError } from 'smol-toml';
import { z } from 'zod';
import { textOf, type Clues } from './clues.js';

/** Something that cargo builds to a `.wasm` file. */
export interface CargoTarget {
  readonly kind: 'lib' | 'bin';
  /** As the file is called: libraries have `_` for `-`. */
  readonly file: string;
  readonly name: string;
  readonly packageName: string;
  /** Where Cargo.lock and the folder `target` are, relative to the source's root. */
  readonly workspace: string;
  /** Names of the workspace's own profiles, and `release`. */
  readonly profiles: readonly string[];
}

const Named = z.looseObject({ name: z.string().optional().catch(undefined) });
const Manifest = z.looseObject({
  package: Named.optional().catch(undefined),
  lib: z
    .looseObject({
      name: z.string().optional().catch(undefined),
      'crate-type': z.array(z.string()).optional().catch(undefined),
    })
    .optional()
    .catch(undefined),
  bin: z.array(Named).max(256).optional().catch(undefined),
  workspace: z.unknown().optional(),
  profile: z.record(z.string(), z.unknown()).optional().catch(undefined),
});
type Manifest = z.infer<typeof Manifest>;

const MAX_MANIFESTS = 256;
const NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** What every Cargo.toml of the source builds for WebAssembly: cdylibs and programs. */
export function cargoTargets(clues: Clues): CargoTarget[] {
  const manifests = new Map<string, Manifest>();
  for (const path of clues.files.keys()) {
    if (!path.endsWith('/Cargo.toml') || !path.startsWith(`${clues.root}/`)) continue;
    if (/\/(?:vendor|node_modules|target)\//.test(path) || manifests.size >= MAX_MANIFESTS)
      continue;
    const manifest = Manifest.safeParse(toml(clues, path));
    const folder = path.slice(clues.root.length + 1).replace(/\/?Cargo\.toml$/, '');
    if (manifest.success) manifests.set(folder, manifest.data);
  }
  return [...manifests].flatMap(([folder, manifest]) => {
    const name = manifest.package?.name;
    if (name === undefined || !NAME.test(name)) return [];
    const workspace = workspaceOf(folder, manifests);
    const profiles = Object.keys(manifests.get(workspace)?.profile ?? {}).filter((one) =>
      NAME.test(one),
    );
    const common = {
      packageName: name,
      workspace,
      profiles: [...new Set(['release', ...profiles])],
    };
    return targetsOf(clues, folder, manifest, name).map((target) => ({ ...target, ...common }));
  });
}

/** The nearest folder upwards that calls itself a workspace, else its own. */
function workspaceOf(folder: string, manifests: ReadonlyMap<string, Manifest>): string {
  for (let at = folder; ; at = at.includes('/') ? at.slice(0, at.lastIndexOf('/')) : '') {
    if (manifests.get(at)?.workspace !== undefined) return at;
    if (at === '') return folder;
  }
}

function targetsOf(
  { files, root }: Clues,
  folder: string,
  { lib, bin = [] }: Manifest,
  name: string,
): Pick<CargoTarget, 'kind' | 'file' | 'name'>[] {
  const base = folder === '' ? `${root}/` : `${root}/${folder}/`;
  const targets: Pick<CargoTarget, 'kind' | 'file' | 'name'>[] = [];
  if (lib?.['crate-type']?.includes('cdylib') === true) {
    const own = lib.name ?? name;
    targets.push({ kind: 'lib', name: own, file: own.replaceAll('-', '_') });
  }
  const programs = new Set(bin.flatMap((one) => one.name ?? []));
  if (files.has(`${base}src/main.rs`) && bin.length === 0) programs.add(name);
  for (const path of files.keys()) {
    const [, found] = path.startsWith(base)
      ? (/^src\/bin\/([\w-]+)(?:\.rs|\/main\.rs)$/.exec(path.slice(base.length)) ?? [])
      : [];
    if (found !== undefined) programs.add(found);
  }
  for (const program of programs)
    if (NAME.test(program)) targets.push({ kind: 'bin', name: program, file: program });
  return targets;
}

/** Undefined for what is no TOML. */
export function toml({ files }: Pick<Clues, 'files'>, path: string): unknown {
  const text = textOf(files, path);
  if (text === undefined) return undefined;
  try {
    return parse(text);
  } catch (error) {
    if (error instanceof TomlError || error instanceof RangeError) return undefined;
    throw error;
  }
}

import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { parse } from 'smol-toml';
import { z } from 'zod';
import { RebuildError, systemCode } from '../errors.js';
import { readTarball, writeEntries } from '../source/unpack.js';
import { fetchPinned } from './fetch-pinned.js';
import { DEPENDENCY_FOLDER, type DependencySources, type FetchedDependencies } from './sources.js';

const MAX_CRATE = 64 * 1024 * 1024;
const MAX_CRATES = 2000;
const CRATES_IO = [
  'registry+https://github.com/rust-lang/crates.io-index',
  'sparse+https://index.crates.io/',
];

const Crate = z.object({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/),
  version: z
    .string()
    .max(128)
    .regex(/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/),
  source: z.string().optional(),
  checksum: z
    .string()
    .regex(/^[0-9a-f]{64}$/)
    .optional(),
});
const CargoLock = z.object({ package: z.array(Crate).max(MAX_CRATES).default([]) });

/** Replaces the registry by the folder; relative to the folder that holds `.cargo`. */
const CONFIG = `# Written by the rebuilder: crates were fetched by Cargo.lock's checksums.
[source.crates-io]
replace-with = "touchstone"

[source.touchstone]
directory = "${DEPENDENCY_FOLDER}/cargo"
`;

/**
 * Crates of crates.io, by the checksums of Cargo.lock, as a folder that cargo takes for the
 * registry ("vendored"). Crates of the source's own workspace need no fetching; those of git and
 * of other registries are refused, since Cargo.lock pins no digest of theirs that could be checked.
 */
export async function fetchCrates(
  text: string,
  workspace: string,
  sources: DependencySources,
  signal?: AbortSignal,
): Promise<FetchedDependencies> {
  const crates = registryCrates(text);
  const folder = join(workspace, DEPENDENCY_FOLDER, 'cargo');
  await mkdir(folder, { recursive: true });
  const resolved = [];
  for (const { name, version, checksum } of crates) {
    const label = `${name}-${version}`;
    const bytes = await fetchPinned(
      sources,
      { sha256: checksum, maxBytes: MAX_CRATE, label: `${label}.crate` },
      `${sources.crates}/${name}/${encodeURIComponent(label)}.crate`,
      signal,
    );
    await unpackCrate(bytes, folder, label, checksum);
    resolved.push({
      uri: `pkg:cargo/${name}@${encodeURIComponent(version)}`,
      digest: { sha256: checksum },
    });
  }
  await writeConfig(join(workspace, '.cargo'));
  return { resolved, environment: {} };
}

/** Above the source's own folder, so a configuration that the source brings goes before it. */
async function writeConfig(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new RebuildError(
      'dependencies-unsupported',
      'the source brings .cargo above its own folder, or names two Cargo.lock files: give it one',
    );
  }
  await writeFile(join(folder, 'config.toml'), CONFIG, { flag: 'wx' });
}

function registryCrates(text: string): { name: string; version: string; checksum: string }[] {
  let document: unknown;
  try {
    document = parse(text);
  } catch (error) {
    throw new RebuildError('dependencies-malformed', `Cargo.lock is not TOML: ${String(error)}`, {
      cause: error,
    });
  }
  const lock = CargoLock.safeParse(document);
  if (!lock.success)
    throw new RebuildError(
      'dependencies-malformed',
      `Cargo.lock: ${z.prettifyError(lock.error).slice(0, 500)}`,
    );
  return lock.data.package.flatMap(({ name, version, source, checksum }) => {
    if (source === undefined) return [];
    if (!CRATES_IO.includes(source) || checksum === undefined)
      throw new RebuildError(
        'dependencies-unsupported',
        `${name} ${version} comes from ${source}: only crates of crates.io with a checksum can be fetched; vendor the others in the source`,
      );
    return [{ name, version, checksum }];
  });
}

async function unpackCrate(
  bytes: Uint8Array,
  folder: string,
  label: string,
  checksum: string,
): Promise<void> {
  const entries = (await readTarball(bytes))
    .map((entry) => {
      const [first, ...rest] = entry.path.split('/');
      if (first !== label)
        throw new RebuildError(
          'dependencies-malformed',
          `${label}.crate holds ${entry.path} outside of its folder`,
        );
      return { ...entry, path: rest.join('/') };
    })
    // cargo puts its own record of the checksum beside the files.
    .filter(({ path }) => path !== '' && path !== '.cargo-checksum.json' && path !== '.cargo-ok');
  const target = join(folder, label);
  await mkdir(target);
  await writeEntries(entries, target);
  await writeFile(
    join(target, '.cargo-checksum.json'),
    JSON.stringify({ files: {}, package: checksum }),
    { flag: 'wx' },
  );
}

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { artifactUri } from '@touchstone/attest';
import { RebuildError, systemCode } from '../errors.js';
import { readHostLibraries, type HostFile } from './host-libraries.js';
import { integrityHex, sha256Hex } from '../source/integrity.js';
import type { NpmSource, PinnedPackage } from '../source/npm-source.js';

import type { TarEntry } from '../source/tar.js';
import type { ToolchainCommand, ToolchainLock, ToolchainRuntime } from './toolchain-lock.js';
import { makeReadOnly, readTree, removeTree, treeDigest, type TreeEntry } from './tree.js';
import { readTarball, writeEntries } from '../source/unpack.js';

/**
 * Toolchain roots. A root is a whole root file system: what a sandbox mounts read-only as `/`.
 *
 *   <cache>/toolchains/<tree digest>/       the root, read-only
 *   <cache>/toolchains/<tree digest>.json   its entries, to name the file in which two roots differ
 *   <cache>/toolchains/keys/<key>           tree digest of the root made from these inputs
 *
 * Crash order: the root is complete and renamed into place before its key is written, so a key
 * never names a root that is not whole. What a crash leaves is a `.tmp` folder, removed later.
 */

export interface ResolvedDependency {
  readonly uri: string;
  readonly digest: Readonly<Record<string, string>>;
  readonly name?: string;
}

export interface Toolchain {
  readonly name: string;
  readonly version: string;
  /** Tree digest, hex SHA-256. */
  readonly digest: string;
  readonly root: string;
  readonly commands: Readonly<Record<string, ToolchainCommand>>;
  /** Everything that the root was made of, and the root itself. */
  readonly dependencies: readonly ResolvedDependency[];
}

const DRIVERS = fileURLToPath(new URL('../../drivers/', import.meta.url));
/** Where a sandbox mounts its own; they must exist, for the root is read-only by then. */
const MOUNT_POINTS = ['dev', 'proc', 'tmp', 'work'];
const STALE_AFTER = 3_600_000;

/** Everything that decides a root's bytes. */
interface Inputs {
  readonly lock: ToolchainLock;
  readonly runtime: ToolchainRuntime;
  readonly drivers: readonly HostFile[];
  readonly libraries: readonly HostFile[];
}

/**
 * The root of a lock, made when it is not there yet. Safe to run in several processes at once:
 * each makes its own and the first to finish wins.
 *
 * @param cache folder, made when needed
 * @throws RebuildError of the fetch and of the tarball, `toolchain-runtime`
 */
export async function assembleToolchain(
  lock: ToolchainLock,
  source: NpmSource,
  cache: string,
  signal?: AbortSignal,
): Promise<Toolchain> {
  const folder = join(cache, 'toolchains');
  const inputs = await readInputs(lock);
  const key = join(folder, 'keys', inputsKey(inputs));
  const known = await readKey(key);
  if (known !== undefined && (await isFolder(join(folder, known))))
    return describe(inputs, folder, known);
  await mkdir(join(folder, 'keys'), { recursive: true });
  await removeStale(folder);
  const temporary = join(folder, `${randomBytes(8).toString('hex')}.tmp`);
  try {
    await mkdir(temporary, { mode: 0o755 });
    await fillRoot(temporary, inputs, source, signal);
    const entries = await readTree(temporary);
    const digest = treeDigest(entries);
    await makeReadOnly(temporary, entries);
    await moveInto(temporary, join(folder, digest));
    await writeAtomically(join(folder, `${digest}.json`), `${JSON.stringify(entries)}\n`);
    await writeAtomically(key, digest);
    return describe(inputs, folder, digest);
  } finally {
    await removeTree(temporary);
  }
}

/**
 * Hashes a root anew.
 * @throws RebuildError `toolchain-mismatch`, naming the first entry that is not as it was
 */
export async function verifyToolchain(
  toolchain: Pick<Toolchain, 'root' | 'digest'>,
): Promise<void> {
  const entries = await readTree(toolchain.root);
  if (treeDigest(entries) === toolchain.digest) return;
  const recorded = await readEntries(`${toolchain.root}.json`);
  const difference = firstDifference(recorded, entries);
  throw new RebuildError(
    'toolchain-mismatch',
    `${toolchain.root} is no longer the tree ${toolchain.digest}${difference}: remove it, it is made again when needed`,
  );
}

function firstDifference(recorded: readonly TreeEntry[], found: readonly TreeEntry[]): string {
  const before = new Map(recorded.map((entry) => [entry[0], JSON.stringify(entry)]));
  const after = new Map(found.map((entry) => [entry[0], JSON.stringify(entry)]));
  const paths = [...new Set([...before.keys(), ...after.keys()])].sort();
  const path = paths.find((candidate) => before.get(candidate) !== after.get(candidate));
  if (recorded.length === 0 || path === undefined) return '';
  return `; ${path} is ${!after.has(path) ? 'missing' : before.has(path) ? 'changed' : 'new'}`;
}

async function readEntries(file: string): Promise<readonly TreeEntry[]> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as TreeEntry[];
  } catch {
    return [];
  }
}

async function readInputs(lock: ToolchainLock): Promise<Inputs> {
  const runtime = lock.runtime.architectures[process.arch];
  if (runtime === undefined || process.platform !== 'linux')
    throw new RebuildError(
      'toolchain-runtime',
      `toolchain ${lock.name} ${lock.version} has no runtime for ${process.platform} ${process.arch}`,
    );
  const names = new Set(
    Object.values(lock.commands).flatMap((command) =>
      'driver' in command ? [command.driver] : [],
    ),
  );
  const files =
    names.size === 0 ? [] : ['run.mjs', ...[...names].sort().map((name) => `${name}.mjs`)];
  const drivers = await Promise.all(
    files.map(async (file) => ({
      path: `/toolchain/drivers/${file}`,
      bytes: await readFile(join(DRIVERS, file)),
    })),
  );
  return { lock, runtime, drivers, libraries: await readHostLibraries(runtime, process.arch) };
}

function inputsKey({ lock, drivers, libraries }: Inputs): string {
  const files = [...drivers, ...libraries].map(({ path, bytes }) => [path, sha256Hex(bytes)]);
  return sha256Hex(JSON.stringify(['touchstone-root-v1', process.arch, lock, files]));
}

async function fillRoot(
  root: string,
  { lock, runtime, drivers, libraries }: Inputs,
  source: NpmSource,
  signal: AbortSignal | undefined,
): Promise<void> {
  for (const name of MOUNT_POINTS) await mkdir(join(root, name), { mode: 0o755 });
  const node = (await packageFiles(runtime.package, source, signal)).find(
    ({ path }) => path === runtime.file,
  );
  if (node === undefined)
    throw new RebuildError('toolchain-runtime', `${runtime.package.name} holds no ${runtime.file}`);
  await placeFile(root, { path: '/bin/node', bytes: node.data }, 0o755);
  for (const [index, library] of libraries.entries())
    await placeFile(root, library, index === 0 ? 0o755 : 0o644);
  for (const driver of drivers) await placeFile(root, driver, 0o644);
  for (const pin of lock.packages) {
    const target = join(root, pin.path);
    await mkdir(target, { recursive: true, mode: 0o755 });
    await writeEntries(await packageFiles(pin, source, signal), target);
  }
}

/** A package's files without the one folder that npm packs them in. */
async function packageFiles(
  pin: PinnedPackage,
  source: NpmSource,
  signal: AbortSignal | undefined,
): Promise<TarEntry[]> {
  const entries = await readTarball(await source.tarball(pin, signal));
  return entries
    .map((entry) => ({ ...entry, path: entry.path.split('/').slice(1).join('/') }))
    .filter(({ path }) => path !== '');
}

async function placeFile(root: string, file: HostFile, mode: number): Promise<void> {
  const path = join(root, file.path);
  await mkdir(dirname(path), { recursive: true, mode: 0o755 });
  await writeFile(path, file.bytes, { flag: 'wx', mode });
  await chmod(path, mode);
}

function describe(inputs: Inputs, folder: string, digest: string): Toolchain {
  const { lock, runtime, libraries } = inputs;
  const packages = [runtime.package, ...lock.packages].map((pin) => ({
    uri: artifactUri({ kind: 'npm', ...pin }),
    digest: { sha512: integrityHex(pin.integrity) },
  }));
  const host = libraries.map(({ path, bytes }) => ({
    uri: `file://${path}`,
    digest: { sha256: sha256Hex(bytes) },
    name: basename(path),
  }));
  const root = {
    uri: `https://touchstone.dev/toolchain/${lock.name}/${encodeURIComponent(lock.version)}`,
    digest: { sha256: digest },
    name: 'toolchain',
  };
  return {
    name: lock.name,
    version: lock.version,
    digest,
    root: join(folder, digest),
    commands: lock.commands,
    dependencies: [root, ...packages, ...host],
  };
}

async function readKey(file: string): Promise<string | undefined> {
  try {
    const digest = await readFile(file, 'utf8');
    return /^[0-9a-f]{64}$/.test(digest) ? digest : undefined;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

/** Leaves `from` in place when another process was first: equal digests mean equal trees. */
async function moveInto(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    if (!['EEXIST', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error;
  }
}

async function writeAtomically(file: string, text: string): Promise<void> {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, text, { flag: 'wx' });
  await rename(temporary, file);
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!/^[0-9a-f]{16}\.tmp$/.test(name)) continue;
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_AFTER) await removeTree(path);
  }
}

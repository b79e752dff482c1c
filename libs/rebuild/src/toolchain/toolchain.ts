import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, stat, utimes, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { RebuildError, systemCode } from '../errors.js';
import type { NpmSource } from '../source/npm-source.js';
import { fillRoot } from './fill-root.js';
import {
  inputsKey,
  readInputs,
  rootDependencies,
  type AssembleOptions,
  type ResolvedDependency,
  type RootInputs,
} from './root-inputs.js';
import type { ToolchainCommand, ToolchainLock } from './toolchain-lock.js';
import { makeReadOnly, readTree, removeTree, treeDigest, type TreeEntry } from './tree.js';

/**
 * Toolchain roots. A root is a whole root file system: what a sandbox mounts read-only as `/`.
 *
 *   <cache>/toolchains/<tree digest>/       the root, read-only
 *   <cache>/toolchains/<tree digest>.json   its entries, to name the file in which two roots differ
 *   <cache>/toolchains/keys/<key>           tree digest of the root made from these inputs
 *
 * Crash order: the root is complete, renamed into place and on the disk before its key is written,
 * so a key never names a root that is not whole, after a power cut neither. What a crash leaves is
 * a `.tmp` folder, removed later.
 */

export interface Toolchain {
  readonly name: string;
  readonly version: string;
  /** Tree digest, hex SHA-256. */
  readonly digest: string;
  readonly root: string;
  readonly commands: Readonly<Record<string, ToolchainCommand>>;
  /** Variables that every build with it gets. */
  readonly environment: Readonly<Record<string, string>>;
  /** Everything that the root was made of, and the root itself. */
  readonly dependencies: readonly ResolvedDependency[];
}

export type { AssembleOptions, ResolvedDependency } from './root-inputs.js';

const STALE_AFTER = 3_600_000;
const run = promisify(execFile);

/**
 * The root of a lock, made when it is not there yet. Safe to run in several processes at once:
 * each makes its own and the first to finish wins.
 *
 * @param cache folder, made when needed
 * @throws RebuildError of the fetch and of the tarball, `toolchain-runtime`,
 *   `toolchain-file-unavailable`, `toolchain-conflict`, `toolchain-tools`, `package-malformed`
 */
export async function assembleToolchain(
  lock: ToolchainLock,
  source: NpmSource,
  cache: string,
  options: AssembleOptions = {},
): Promise<Toolchain> {
  const folder = rootsFolder(cache);
  const inputs = await readInputs(lock);
  const key = keyFile(folder, inputs);
  const known = await readKey(key);
  if (known !== undefined && (await isFolder(join(folder, known)))) {
    await touch(key);
    return describe(inputs, folder, known);
  }
  await mkdir(join(folder, 'keys'), { recursive: true });
  await removeStale(folder);
  const temporary = join(folder, `${randomBytes(8).toString('hex')}.tmp`);
  try {
    await mkdir(temporary, { mode: 0o755 });
    await fillRoot(temporary, inputs, source, cache, options);
    const entries = await readTree(temporary);
    const digest = treeDigest(entries);
    await makeReadOnly(temporary, entries);
    await moveInto(temporary, join(folder, digest));
    await writeDurably(join(folder, `${digest}.json`), `${JSON.stringify(entries)}\n`);
    await flush(folder);
    await writeDurably(key, digest);
    return describe(inputs, folder, digest);
  } finally {
    await removeTree(temporary);
  }
}

/** The root of a lock if it is there, without making it. */
export async function findToolchain(
  lock: ToolchainLock,
  cache: string,
): Promise<(Toolchain & { readonly usedOn: Date }) | undefined> {
  const folder = rootsFolder(cache);
  const inputs = await readInputs(lock);
  const key = keyFile(folder, inputs);
  const known = await readKey(key);
  if (known === undefined || !(await isFolder(join(folder, known)))) return undefined;
  return { ...describe(inputs, folder, known), usedOn: (await stat(key)).mtime };
}

function keyFile(folder: string, inputs: RootInputs): string {
  return join(folder, 'keys', inputsKey(inputs));
}

export function rootsFolder(cache: string): string {
  return join(cache, 'toolchains');
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

/** Names the first path at which two trees differ, as `; PATH is changed`; empty when none does. */
export function firstDifference(
  recorded: readonly TreeEntry[],
  found: readonly TreeEntry[],
): string {
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

function describe(inputs: RootInputs, folder: string, digest: string): Toolchain {
  const { lock } = inputs;
  return {
    name: lock.name,
    version: lock.version,
    digest,
    root: join(folder, digest),
    commands: lock.commands,
    environment: lock.environment ?? {},
    dependencies: rootDependencies(inputs, digest),
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

async function writeDurably(path: string, text: string): Promise<void> {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  await writeFile(temporary, text, { flag: 'wx', flush: true });
  await rename(temporary, path);
  const folder = await open(join(path, '..'), 'r');
  await folder.sync().finally(() => folder.close());
}

/** The root's thousands of files, in one call to the file system; where there is no sync(1), the
 * system writes them in its own time, and a power cut until then may damage a root: verify finds it. */
async function flush(folder: string): Promise<void> {
  await run('sync', ['--file-system', folder]).catch(() => undefined);
}

/** When a root was last used is told by its key. A cache that cannot be written to has no need. */
async function touch(key: string): Promise<void> {
  const now = new Date();
  await utimes(key, now, now).catch(() => undefined);
}

async function removeStale(folder: string): Promise<void> {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    if (!/^[0-9a-f]{16}\.tmp$/.test(name)) continue;
    const found = await stat(path).catch(() => undefined);
    if (found !== undefined && Date.now() - found.mtimeMs > STALE_AFTER) await removeTree(path);
  }
}

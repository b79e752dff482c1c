import { CompactRange, HASH_SIZE, TILE_WIDTH, entriesPath, tilePath } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { openCheckpoint, parseVerifierKey } from '@touchstone/note';
import type { Checkpoint, SignatureVerifier } from '@touchstone/note';
import { reason } from './error.js';
import type { FsckProblem, ReportProblem } from './fsck-problem.js';
import { FsckRows } from './fsck-rows.js';
import { checkBundle } from './fsck-bundle.js';
import { nodeHasher } from './node-hasher.js';
import { decodeState, equalBytes, toHex } from './state.js';
import type { LogState } from './state.js';
import { CHECKPOINT_PATH, STATE_PATH } from './storage.js';
import type { TileStorage } from './storage.js';

export interface FsckReport {
  /** No problem at all. */
  readonly ok: boolean;
  /** Leaves checked: those of the state, or of the checkpoint where there is no state. */
  readonly size: number;
  readonly checkpoint: Checkpoint | undefined;
  /** The first so many problems; a damaged log can have millions. */
  readonly problems: readonly FsckProblem[];
  readonly truncated: boolean;
}

export interface FsckOptions {
  /** Verifier keys (C2SP signed-note) whose signature the checkpoint may carry. */
  readonly vkeys: readonly string[];
  readonly verify: SignatureVerifier;
  readonly hasher?: TreeHasher;
  readonly maxProblems?: number;
  /** Told the leaves checked so far, bundle by bundle, and waited for; what it throws ends the check. */
  readonly progress?: (leaves: number, size: number) => Promise<void>;
}

const MAX_PROBLEMS = 100;

/**
 * Checks a whole log: every hash derived again from the entry bundles to the root; every tile,
 * full and partial, that a published size implies or that lies there; checkpoint signature and
 * state. Reads each file once and holds one tile per level, whatever the size of the tree.
 *
 * Where entries and hashes disagree, the tile above says which file is wrong: it holds the hash of
 * the tile below it; at the right edge the state does.
 *
 * Reports, never throws, unless storage does. Run it on a log that is not being written.
 */
export async function fsck(
  storage: Pick<TileStorage, 'read' | 'list'>,
  options: FsckOptions,
): Promise<FsckReport> {
  const { hasher = nodeHasher, maxProblems = MAX_PROBLEMS } = options;
  const problems: FsckProblem[] = [];
  let found = 0;
  const report: ReportProblem = (path, code, message) => {
    if (found++ < maxProblems) problems.push({ path, code, message });
  };
  const checkpoint = await readCheckpoint(storage, options, report);
  const state = await readState(storage, hasher, report);
  const size = state?.range.size ?? checkpoint?.size ?? 0;
  if (state && checkpoint) compareStateWith(state, checkpoint, report);
  await checkTree(storage, { size, state, checkpoint }, { ...options, hasher }, report);
  return { ok: found === 0, size, checkpoint, problems, truncated: found > problems.length };
}

async function readCheckpoint(
  storage: Pick<TileStorage, 'read'>,
  { vkeys, verify }: FsckOptions,
  report: ReportProblem,
): Promise<Checkpoint | undefined> {
  const bytes = await storage.read(CHECKPOINT_PATH);
  if (!bytes) {
    report(CHECKPOINT_PATH, 'missing', 'there is no checkpoint');
    return undefined;
  }
  try {
    return (await openCheckpoint(bytes, vkeys.map(parseVerifierKey), verify)).checkpoint;
  } catch (error) {
    report(CHECKPOINT_PATH, 'signature', reason(error));
    return undefined;
  }
}

async function readState(
  storage: Pick<TileStorage, 'read'>,
  hasher: TreeHasher,
  report: ReportProblem,
): Promise<LogState | undefined> {
  const bytes = await storage.read(STATE_PATH);
  if (!bytes) {
    report(STATE_PATH, 'missing', 'there is no state; the log cannot be continued without it');
    return undefined;
  }
  try {
    return decodeState(bytes, hasher);
  } catch (error) {
    report(STATE_PATH, 'malformed', reason(error));
    return undefined;
  }
}

function compareStateWith(state: LogState, checkpoint: Checkpoint, report: ReportProblem): void {
  if (state.origin !== checkpoint.origin) {
    report(STATE_PATH, 'size-mismatch', `it is of "${state.origin}", not "${checkpoint.origin}"`);
  }
  if (state.range.size < checkpoint.size) {
    const message = `it has ${state.range.size} leaves, the checkpoint promises ${checkpoint.size}`;
    report(STATE_PATH, 'size-mismatch', message);
  }
}

interface ClaimedTree {
  readonly size: number;
  readonly state: LogState | undefined;
  readonly checkpoint: Checkpoint | undefined;
}

async function checkTree(
  storage: Pick<TileStorage, 'read' | 'list'>,
  { size, state, checkpoint }: ClaimedTree,
  { hasher, progress }: { readonly hasher: TreeHasher } & Pick<FsckOptions, 'progress'>,
  report: ReportProblem,
): Promise<void> {
  const range = new CompactRange(hasher);
  const rows = new FsckRows(storage, size, report);
  if (checkpoint?.size === 0) checkRoot(CHECKPOINT_PATH, range, checkpoint.root, report);
  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle++) {
    const width = Math.min(TILE_WIDTH, size - bundle * TILE_WIDTH);
    const edge = width < TILE_WIDTH ? state?.range : undefined;
    const hashes = await checkBundle(storage, { index: bundle, width, size, edge }, hasher, report);
    if (!hashes) return; // Neither entries nor hashes: nothing after this can be derived.
    for (let at = 0; at < width; at++) {
      const nodes: [level: number, hash: Uint8Array][] = [];
      range.append(hashes.slice(at * HASH_SIZE, (at + 1) * HASH_SIZE), (level, _index, hash) => {
        if (level % 8 === 0) nodes.push([level / 8, hash]);
      });
      for (const [level, hash] of nodes) await rows.add(level, hash);
      if (range.size === checkpoint?.size) {
        checkRoot(CHECKPOINT_PATH, range, checkpoint.root, report);
      }
    }
    await progress?.(range.size, size);
  }
  await rows.finish();
  if (state) checkRoot(STATE_PATH, range, state.range.root(), report);
  await checkPublishedEdge(storage, checkpoint, size, report);
}

/** The checkpoint may lag behind the state; its own partial tiles must be there all the same. */
async function checkPublishedEdge(
  storage: Pick<TileStorage, 'read'>,
  checkpoint: Checkpoint | undefined,
  size: number,
  report: ReportProblem,
): Promise<void> {
  if (!checkpoint || checkpoint.size === size) return;
  let hashes = checkpoint.size;
  for (let level = 0; hashes > 0; level++, hashes = Math.floor(hashes / TILE_WIDTH)) {
    const width = hashes % TILE_WIDTH;
    if (width === 0) continue;
    const index = Math.floor(hashes / TILE_WIDTH);
    const paths = [tilePath(level, index, width)];
    if (level === 0) paths.push(entriesPath(index, width));
    for (const path of paths) {
      // Its bytes were compared with the wider tile's, as those of every partial that is there.
      if (!(await storage.read(path))) report(path, 'missing', 'the published checkpoint needs it');
    }
  }
}

function checkRoot(
  path: string,
  range: CompactRange,
  expected: Uint8Array,
  report: ReportProblem,
): void {
  const derived = range.root();
  if (equalBytes(derived, expected)) return;
  const message = `root ${toHex(expected)} at size ${range.size}, the entries give ${toHex(derived)}`;
  report(path, 'root-mismatch', message);
}

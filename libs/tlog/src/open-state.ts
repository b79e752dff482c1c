import { verifyConsistency } from '@touchstone/merkle';
import type { CompactRange, TreeHasher } from '@touchstone/merkle';
import { decodeUtf8, openCheckpoint } from '@touchstone/note';
import type { SignatureVerifier, VerifierKey } from '@touchstone/note';
import { TlogError, reason } from './error.js';
import type { Published } from './append-pool.js';
import { findLeftovers } from './leftovers.js';
import { MAX_BATCH_ENTRIES } from './limits.js';
import { nodeHasher } from './node-hasher.js';
import { decodeState, encodeState, equalBytes, toHex } from './state.js';
import type { LogState } from './state.js';
import { CHECKPOINT_PATH, STATE_PATH } from './storage.js';
import type { TileStorage } from './storage.js';
import { TileReader } from './tile-reader.js';
import { emptyEdge, readEdge } from './tree-edge.js';
import type { TreeEdge } from './tree-edge.js';
import { parseTilePath } from '@touchstone/merkle';

/** A tree that is durable in storage, with what is needed to go on from it. */
export interface Committed {
  readonly state: LogState;
  /** The state file, byte for byte. */
  readonly bytes: Uint8Array;
  readonly edge: TreeEdge;
}

/** The state in storage, not yet held against its tiles; undefined when no log was begun there. */
export async function readState(storage: Pick<TileStorage, 'read'>): Promise<LogState | undefined> {
  const bytes = await storage.read(STATE_PATH);
  return bytes && decodeState(bytes, nodeHasher);
}

/** Reads the state, or writes that of an empty log where there never was one. */
export async function openState(
  storage: TileStorage,
  origin: string,
  hasher: TreeHasher,
): Promise<Committed> {
  const bytes = await storage.read(STATE_PATH);
  if (bytes) return committedFrom(storage, bytes, origin, hasher);
  await refuseOrphans(storage);
  const edge = emptyEdge(hasher);
  const state = { origin, generation: 0, range: edge.range };
  const created = { state, bytes: encodeState(state), edge };
  await storage.write(STATE_PATH, created.bytes);
  return created;
}

/**
 * A state with its right edge read from storage and found to give its root.
 *
 * @throws TlogError `state-malformed`, `state-inconsistent`, `tile-missing`, `tile-malformed`
 */
export async function committedFrom(
  storage: TileStorage,
  bytes: Uint8Array,
  origin: string,
  hasher: TreeHasher,
): Promise<Committed> {
  const state = decodeState(bytes, hasher);
  if (state.origin !== origin) {
    throw new TlogError(
      'state-inconsistent',
      `the folder holds the log "${state.origin}", the key is named "${origin}"`,
    );
  }
  const edge = await readEdge(storage, state.range.size, hasher);
  checkSameRoot(edge.range, state.range);
  return { state, bytes, edge };
}

/** @throws TlogError `state-inconsistent` */
export function checkSameRoot(stored: CompactRange, expected: CompactRange): void {
  if (!equalBytes(stored.root(), expected.root())) {
    throw new TlogError(
      'state-inconsistent',
      `the tiles at the right edge give root ${toHex(stored.root())}, not ${toHex(expected.root())}`,
    );
  }
}

/** Without a state nothing else may be there: it is the first thing that a log writes. */
async function refuseOrphans(storage: TileStorage): Promise<void> {
  const names = [...(await storage.list('tile/entries')), ...(await storage.list('tile/0'))];
  if (names.length > 0 || (await storage.read(CHECKPOINT_PATH))) {
    throw new TlogError(
      'state-inconsistent',
      'there are tiles or a checkpoint but no state; restore the state file of this log',
    );
  }
}

/** Removes what a batch that was never committed left to the right of the tree. */
export async function removeLeftovers(storage: TileStorage, size: number): Promise<void> {
  const leftovers = await findLeftovers(storage, size);
  for (const path of leftovers) {
    const tile = parseTilePath(path);
    if (tile.kind === 'entries' && tile.index * 256 > size + MAX_BATCH_ENTRIES) {
      throw new TlogError(
        'state-inconsistent',
        `${path} lies further beyond size ${size} than one batch reaches: the state is an old one`,
      );
    }
  }
  if (leftovers.length > 0) await storage.remove(leftovers);
}

/**
 * The published checkpoint, checked to be ours and of an earlier or the same tree. Undefined when
 * none was published yet.
 *
 * @throws TlogError `checkpoint-inconsistent`
 */
export async function openPublished(
  storage: TileStorage,
  { state }: Committed,
  keys: readonly VerifierKey[],
  verify: SignatureVerifier,
  hasher: TreeHasher,
): Promise<Published | undefined> {
  const bytes = await storage.read(CHECKPOINT_PATH);
  if (!bytes) return undefined;
  try {
    const { checkpoint } = await openCheckpoint(bytes, keys, verify);
    const { size } = state.range;
    if (checkpoint.size > size)
      throw new Error(`it has size ${checkpoint.size}, the state ${size}`);
    const reader = new TileReader((path) => storage.read(path), { hasher });
    const claim = { size1: checkpoint.size, root1: checkpoint.root, size2: size };
    const proof = await reader.consistencyProof(checkpoint.size, size);
    verifyConsistency({ ...claim, root2: state.range.root(), proof }, hasher);
    return { checkpoint: decodeUtf8(bytes), size: checkpoint.size };
  } catch (cause) {
    throw new TlogError(
      'checkpoint-inconsistent',
      `the published checkpoint is not of this log's tree: ${reason(cause)}`,
      { cause },
    );
  }
}

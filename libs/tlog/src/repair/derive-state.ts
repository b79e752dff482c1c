import {
  CompactRange,
  HASH_SIZE,
  TILE_WIDTH,
  decodeEntryBundle,
  entriesPath,
  tilePath,
} from '@touchstone/merkle';
import type { Checkpoint } from '@touchstone/note';
import { TlogError } from '../error.js';
import { nodeHasher } from '../node-hasher.js';
import { equalBytes } from '../state.js';
import type { LogState } from '../state.js';
import type { TileStorage } from '../storage.js';
import { readEntries } from './derive-tile.js';

type Read = Pick<TileStorage, 'read' | 'list'>;

/**
 * The state of a log that lost it, made from the entries and held against the checkpoint, whose
 * tree must come out on the way. Leaves beyond it are taken along where bundle and hash tile agree
 * on them: a witness may have seen them in a checkpoint that was never published.
 *
 * @throws TlogError `state-inconsistent` when the entries are not those of the checkpoint;
 * `tile-missing`, `tile-malformed`
 */
export async function deriveState(storage: Read, checkpoint: Checkpoint): Promise<LogState> {
  const range = new CompactRange(nodeHasher);
  if (checkpoint.size === 0) compare(range, checkpoint);
  for (let bundle = 0; ; bundle++) {
    const due = Math.min(TILE_WIDTH, Math.max(0, checkpoint.size - bundle * TILE_WIDTH));
    const width = due === TILE_WIDTH ? due : Math.max(due, await widest(storage, bundle));
    const path = entriesPath(bundle, width);
    for (const leaf of width === 0 ? [] : await readEntries(storage, path, width)) {
      range.append(nodeHasher.leaf(leaf));
      if (range.size === checkpoint.size) compare(range, checkpoint);
    }
    if (width < TILE_WIDTH) break;
  }
  // There was never more than one commit for each leaf, so this is not the number of an earlier one.
  return { origin: checkpoint.origin, generation: range.size + 1, range };
}

function compare(range: CompactRange, { size, root }: Checkpoint): void {
  if (equalBytes(range.root(), root)) return;
  const message = `the first ${size} entries do not give the root of the checkpoint`;
  throw new TlogError('state-inconsistent', message);
}

/** The widest bundle at an index whose hash tile is there and says the same; 0 when none is. */
async function widest(storage: Read, bundle: number): Promise<number> {
  const names = await storage.list(`${entriesPath(bundle, TILE_WIDTH)}.p`);
  const widths = [...names.map(Number), TILE_WIDTH];
  for (const width of widths.sort((a, b) => b - a)) {
    if (width >= 1 && (await agrees(storage, bundle, width))) return width;
  }
  return 0;
}

async function agrees(storage: Read, bundle: number, width: number): Promise<boolean> {
  const bytes = await storage.read(entriesPath(bundle, width));
  const hashes = await storage.read(tilePath(0, bundle, width));
  if (!bytes || hashes?.length !== width * HASH_SIZE) return false;
  try {
    return decodeEntryBundle(bytes, width).every((entry, at) =>
      equalBytes(nodeHasher.leaf(entry), hashes.subarray(at * HASH_SIZE, (at + 1) * HASH_SIZE)),
    );
  } catch {
    return false;
  }
}

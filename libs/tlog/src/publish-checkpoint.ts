import { encodeUtf8, formatCheckpoint, signNote } from '@touchstone/note';
import type { NoteSigner } from '@touchstone/note';
import type { Published } from './append-pool.js';
import type { LogState } from './state.js';
import { CHECKPOINT_PATH } from './storage.js';
import type { TileStorage } from './storage.js';

/** Signs the tree of a state that is durable, and publishes that. Durable when it resolves. */
export async function publishCheckpoint(
  storage: TileStorage,
  signer: NoteSigner,
  { origin, range }: LogState,
): Promise<Published> {
  const { size } = range;
  const text = formatCheckpoint({ origin, size, root: range.root(), extensions: [] });
  const checkpoint = await signNote(text, [signer]);
  await storage.write(CHECKPOINT_PATH, encodeUtf8(checkpoint));
  return { checkpoint, size };
}

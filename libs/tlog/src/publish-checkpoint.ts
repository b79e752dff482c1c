import { encodeUtf8, formatCheckpoint, signNote } from '@touchstone/note';
import type { NoteSigner } from '@touchstone/note';
import type { Published } from './append-pool.js';
import type { LogState } from './state.js';
import { CHECKPOINT_PATH } from './storage.js';
import type { TileStorage } from './storage.js';
import type { TlogOptions } from './tlog-options.js';

/**
 * Signs the tree of a state that is durable, has it cosigned when that is asked for, and publishes
 * it. Durable when it resolves. Nobody but witnesses sees a checkpoint before it is cosigned.
 */
export async function publishCheckpoint(
  storage: TileStorage,
  signers: readonly NoteSigner[],
  { origin, range }: LogState,
  cosign?: TlogOptions['cosign'],
): Promise<Published> {
  const { size } = range;
  const text = formatCheckpoint({ origin, size, root: range.root(), extensions: [] });
  const signed = await signNote(text, signers);
  const checkpoint = cosign ? await cosign(signed, size) : signed;
  await storage.write(CHECKPOINT_PATH, encodeUtf8(checkpoint));
  return { checkpoint, size };
}

import { MemoryStorage } from '@touchstone/kit';
import { encodeUtf8 } from '@touchstone/note';
import type { NoteSigner } from '@touchstone/note';
import { TileReader } from '../tile-reader.js';
import { Tlog } from '../tlog.js';
import { formatAddCheckpoint } from './add-checkpoint.js';

/** A real log with every checkpoint it published, by size. */
export interface GrownLog {
  readonly notes: readonly string[];
  proof(from: number, to: number): Promise<Uint8Array[]>;
  /** The body of an honest request. */
  request(from: number, to: number): Promise<Uint8Array>;
}

/** Grows a log leaf by leaf; two with the same key and other leaves are forks of each other. */
export async function growLog(signer: NoteSigner, leaves: readonly string[]): Promise<GrownLog> {
  const storage = new MemoryStorage();
  const log = await Tlog.open({ storage, signer });
  const notes = [log.checkpoint()];
  for (const leaf of leaves) {
    const { published } = await log.append(encodeUtf8(leaf));
    notes.push((await published).checkpoint);
  }
  await log.close();
  const reader = new TileReader((path) => storage.read(path));
  const proof = (from: number, to: number): Promise<Uint8Array[]> =>
    from === 0 ? Promise.resolve([]) : reader.consistencyProof(from, to);
  return {
    notes,
    proof,
    request: async (from, to) =>
      encodeUtf8(formatAddCheckpoint(from, await proof(from, to), notes[to] ?? '')),
  };
}

export function leavesOf(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${name} ${i}`);
}

import { AttestError, isLifeLeaf, openLifeLeaf, type LifeEvent } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import { decodeEntryBundle, entriesPath, TILE_WIDTH, tileWidth } from '@touchstone/merkle';
import { formatVerifierKey, parseVerifierKey, type VerifierKey } from '@touchstone/note';
import { lifeLeaves, type LogFiles } from './log-files.js';

/** An event in the life of a log that keys one trusts vouch for. */
export interface VouchedEvent {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly event: LifeEvent;
}

/**
 * The keys that follow from the ones that are trusted: those that a trusted key announced as the
 * next, and so on. Each announcement proves itself; that it is in the log is for the caller to see.
 */
export async function followKeys(
  leaves: readonly { readonly index: number; readonly leaf: Uint8Array }[],
  trusted: readonly VerifierKey[],
): Promise<{ keys: VerifierKey[]; vouched: VouchedEvent[] }> {
  const vkeys = new Set(trusted.map(formatVerifierKey));
  const vouched: VouchedEvent[] = [];
  for (const { index, leaf } of leaves) {
    const event = await openLifeLeaf(leaf, nodeVerifier).catch((error: unknown) => {
      if (error instanceof AttestError) return undefined;
      throw error;
    });
    if (event?.event !== 'rotate' || !vkeys.has(event.from) || vkeys.has(event.to)) continue;
    vkeys.add(event.to);
    vouched.push({ index, leaf, event });
  }
  return { keys: [...vkeys].map(parseVerifierKey), vouched };
}

/** The leaves in which a log speaks of itself: a server tells them, of a folder all are read. */
export async function findLifeLeaves(
  log: LogFiles,
  size: number,
): Promise<{ index: number; leaf: Uint8Array }[]> {
  if (log.url !== undefined) return lifeLeaves(log.url);
  const found: { index: number; leaf: Uint8Array }[] = [];
  for (let bundle = 0; bundle * TILE_WIDTH < size; bundle++) {
    const width = tileWidth(0, bundle, size);
    const bytes = await log.read(entriesPath(bundle, width));
    for (const [at, leaf] of (bytes ? decodeEntryBundle(bytes, width) : []).entries()) {
      if (isLifeLeaf(leaf)) found.push({ index: bundle * TILE_WIDTH + at, leaf });
    }
  }
  return found;
}

import {
  advanceLife,
  AttestError,
  beginLife,
  isLifeLeaf,
  lifeSigners,
  openLifeLeaf,
  type LifeEvent,
  type LogLife,
} from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import {
  formatVerifierKey,
  NoteError,
  openCheckpoint,
  parseVerifierKey,
  type OpenedCheckpoint,
  type VerifierKey,
} from '@touchstone/note';
import { followKeys } from '../log-keys.js';
import type { LogSource } from './log-source.js';
import type { MonitorState } from './monitor-state.js';

/** The keys of a trust root and those that they announced, of this log. */
export function knownKeys(
  trusted: readonly VerifierKey[],
  state: Pick<MonitorState, 'origin' | 'announced'> | undefined,
): VerifierKey[] {
  const known = new Map(trusted.map((key) => [formatVerifierKey(key), key]));
  for (const vkey of state?.announced ?? []) known.set(vkey, parseVerifierKey(vkey));
  return [...known.values()].filter(({ name }) => state === undefined || name === state.origin);
}

/** Opens a checkpoint also by a key that is not known, when a known one announced it. */
export async function openHead(
  bytes: Uint8Array,
  keys: readonly VerifierKey[],
  source: LogSource,
): Promise<OpenedCheckpoint> {
  try {
    return await openCheckpoint(bytes, keys, nodeVerifier);
  } catch (error) {
    if (!(error instanceof NoteError) || error.code !== 'no-known-signature') throw error;
    const leaves = await source.life().catch(() => []);
    const followed = await followKeys(leaves, keys);
    if (followed.vouched.length === 0) throw error;
    return openCheckpoint(bytes, followed.keys, nodeVerifier);
  }
}

/**
 * Takes the next leaf of a log, in order, for what it says of the log itself.
 *
 * @throws AttestError when the log could not say so, or had said that there are no more leaves
 */
export async function followLife(
  { origin, life: known, announced }: MonitorState,
  keys: readonly VerifierKey[],
  index: number,
  leaf: Uint8Array,
): Promise<{ event: LifeEvent; life: LogLife; announced: readonly string[] } | undefined> {
  if (known?.frozen) {
    const message = `the log was frozen by leaf ${known.frozen.index}`;
    throw new AttestError('life-inconsistent', message);
  }
  if (!isLifeLeaf(leaf)) return undefined;
  const event = await openLifeLeaf(leaf, nodeVerifier);
  if (event.origin !== origin) throw new AttestError('life-inconsistent', 'it names another log');
  const life = advanceLife(known ?? beginLife(lifeSigners(event)[0] ?? ''), index, event);
  const vkeys = keys.map(formatVerifierKey);
  const vouched =
    event.event === 'rotate' && vkeys.includes(event.from) && !vkeys.includes(event.to);
  return { event, life, announced: vouched ? [...announced, event.to] : announced };
}

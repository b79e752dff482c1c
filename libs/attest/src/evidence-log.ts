import { verifyInclusion, type TreeHasher } from '@touchstone/merkle';
import {
  fromBase64,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  type Checkpoint,
  type SignatureVerifier,
  type VerifierKey,
} from '@touchstone/note';
import { AttestError } from './errors.js';
import type { EvidenceEntry } from './evidence.js';

/**
 * The checkpoint of an evidence file, signed by a log that the trust root knows by its origin.
 *
 * @throws AttestError `checkpoint-malformed`, `checkpoint-origin-unknown`, `checkpoint-signature`
 */
export async function checkCheckpoint(
  note: string,
  logs: readonly VerifierKey[],
  verify: SignatureVerifier,
): Promise<Checkpoint> {
  let origin: string;
  try {
    ({ origin } = parseCheckpoint(parseNote(note).text));
  } catch (cause) {
    throw new AttestError('checkpoint-malformed', 'the checkpoint is no signed note of a log', {
      cause,
    });
  }
  const keys = logs.filter(({ name }) => name === origin);
  if (keys.length === 0) {
    throw new AttestError(
      'checkpoint-origin-unknown',
      `the trust root knows no log ${JSON.stringify(origin)}`,
    );
  }
  try {
    return (await openCheckpoint(note, keys, verify)).checkpoint;
  } catch (cause) {
    throw new AttestError(
      'checkpoint-signature',
      `the checkpoint is not signed by the log ${JSON.stringify(origin)}`,
      { cause },
    );
  }
}

/**
 * The same entry twice adds nothing, so whoever put it there meant it to count twice.
 *
 * @throws AttestError `duplicate-entry`
 */
export function checkDistinct(entries: readonly EvidenceEntry[]): void {
  const indices = new Set(entries.map(({ logIndex }) => logIndex));
  const bodies = new Set(entries.map(({ canonicalizedBody }) => canonicalizedBody));
  // One envelope can be logged in two forms.
  const envelopes = new Set(
    entries.map(({ envelope: { payload, signatures } }) =>
      [payload, ...signatures.map(({ sig }) => sig)].join(' '),
    ),
  );
  if ([indices, bodies, envelopes].some(({ size }) => size !== entries.length)) {
    throw new AttestError(
      'duplicate-entry',
      'an entry of the log stands there twice; give it once',
    );
  }
}

/** The leaf of an entry. */
export function leafOf({ canonicalizedBody }: EvidenceEntry): Uint8Array {
  return fromBase64(canonicalizedBody);
}

/**
 * Checks that the entry's leaf stands at its index in the tree of the checkpoint.
 *
 * @throws AttestError `inclusion-proof`
 */
export function checkInclusion(
  entry: EvidenceEntry,
  { size, root }: Checkpoint,
  hasher: TreeHasher,
): void {
  try {
    verifyInclusion(
      {
        index: entry.logIndex,
        size,
        leafHash: hasher.leaf(leafOf(entry)),
        proof: entry.inclusionProof.map(fromBase64),
        root,
      },
      hasher,
    );
  } catch (cause) {
    throw new AttestError(
      'inclusion-proof',
      `entry ${entry.logIndex} is not proven to be in the tree of ${size} entries`,
      { cause },
    );
  }
}

import { verifyInclusion, type TreeHasher } from '@touchstone/merkle';
import {
  cosignatureTimes,
  fromBase64,
  hasQuorum,
  openCheckpoint,
  parseCheckpoint,
  parseNote,
  verifyCosignatures,
  type Checkpoint,
  type OpenedCheckpoint,
  type SignatureVerifier,
  type VerifiedCosignature,
  type WitnessPolicy,
} from '@touchstone/note';
import { AttestError } from './errors.js';
import type { EvidenceEntry } from './evidence.js';
import type { LogKey, ResolvedTrustRoot } from './trust-root.js';

/**
 * The checkpoint of an evidence file, signed by a log that the trust root knows by its origin, with
 * a key that counts for a tree of that size.
 *
 * @throws AttestError `checkpoint-malformed`, `checkpoint-origin-unknown`,
 * `checkpoint-key-retired`, `checkpoint-signature`
 */
export async function checkCheckpoint(
  note: string,
  logs: readonly LogKey[],
  verify: SignatureVerifier,
): Promise<OpenedCheckpoint> {
  let origin: string;
  let size: number;
  try {
    ({ origin, size } = parseCheckpoint(parseNote(note).text));
  } catch (cause) {
    throw new AttestError('checkpoint-malformed', 'the checkpoint is no signed note of a log', {
      cause,
    });
  }
  const named = logs.filter(({ name }) => name === origin);
  if (named.length === 0) {
    throw new AttestError(
      'checkpoint-origin-unknown',
      `the trust root knows no log ${JSON.stringify(origin)}`,
    );
  }
  const keys = named.filter(
    ({ from = 0, until = Number.MAX_SAFE_INTEGER }) => size >= from && size <= until,
  );
  if (keys.length === 0) {
    throw new AttestError(
      'checkpoint-key-retired',
      `the trust root has no key of ${JSON.stringify(origin)} that signs for ${size} leaves`,
    );
  }
  try {
    return await openCheckpoint(note, keys, verify);
  } catch (cause) {
    throw new AttestError(
      'checkpoint-signature',
      `the checkpoint is not signed by the log ${JSON.stringify(origin)}`,
      { cause },
    );
  }
}

/**
 * Checks that the witnesses of a policy cosigned the checkpoint; C2SP tlog-cosignature and
 * tlog-policy. A cosignature of theirs that does not verify refuses it, whoever else cosigned.
 *
 * @returns seconds since the epoch by when the quorum had cosigned; undefined with the quorum `none`
 * @throws AttestError `checkpoint-unwitnessed`
 */
export async function checkWitnesses(
  { note }: OpenedCheckpoint,
  policy: WitnessPolicy,
  verify: SignatureVerifier,
): Promise<number | undefined> {
  let cosignatures: VerifiedCosignature[];
  try {
    cosignatures = await verifyCosignatures(note, policy.witnesses, verify);
  } catch (cause) {
    throw new AttestError('checkpoint-unwitnessed', 'a cosignature of a witness does not hold', {
      cause,
    });
  }
  const witnesses = new Set(cosignatures.map(({ witness }) => witness));
  if (hasQuorum(policy, witnesses)) return cosignatureTimes(policy, cosignatures).time?.since;
  const names = [...witnesses].map(({ name }) => name).join(', ');
  throw new AttestError(
    'checkpoint-unwitnessed',
    `the witness policy asks for more than ${names === '' ? 'no cosignature' : names}; ` +
      'get evidence with a checkpoint that its witnesses cosigned',
  );
}

/**
 * When the tree of a checkpoint is proven to have been there: seconds since the epoch by when the
 * quorum of the trust root's witnesses had cosigned it; undefined where it names no witnesses.
 *
 * @throws AttestError those of {@link checkCheckpoint} and {@link checkWitnesses}
 */
export async function witnessedTime(
  note: string,
  { logs, witnessPolicy }: Pick<ResolvedTrustRoot, 'logs' | 'witnessPolicy'>,
  verify: SignatureVerifier,
): Promise<number | undefined> {
  const opened = await checkCheckpoint(note, logs, verify);
  return witnessPolicy === undefined ? undefined : checkWitnesses(opened, witnessPolicy, verify);
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

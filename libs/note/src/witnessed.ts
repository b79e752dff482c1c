import { openCheckpoint, type OpenedCheckpoint } from './checkpoint.js';
import { verifyCosignature } from './cosignature.js';
import { NoteError } from './errors.js';
import { distinctSignatures, type SignedNote } from './note.js';
import { keyTuple } from './sign-note.js';
import type { SignatureVerifier } from './signature.js';
import type { VerifierKey } from './verifier-key.js';
import { hasQuorum, type PolicyWitness, type WitnessPolicy } from './witness-policy.js';

/** A witness of the policy and when it says that it saw the checkpoint. */
export interface VerifiedCosignature {
  readonly witness: PolicyWitness;
  /** Seconds since the epoch. */
  readonly timestamp: number;
}

export interface WitnessedCheckpoint extends OpenedCheckpoint {
  /** In the order of the note. */
  readonly cosignatures: readonly VerifiedCosignature[];
  /** Whether the policy's quorum cosigned. */
  readonly quorum: boolean;
  /**
   * Seconds since the epoch; absent without quorum and with the quorum `none`.
   *
   * `since`: the first time at which those who had cosigned by then make the quorum, so the
   * checkpoint existed then. `latest`: the last time at which those who cosigned then or later
   * make it, so the checkpoint was still the log's newest to a quorum. A lower bound of the time
   * now, and what freshness is judged by.
   */
  readonly time?: { readonly since: number; readonly latest: number };
}

/** What verification of a checkpoint may be told besides the policy. */
export interface WitnessedOptions {
  /** Keys of logs to accept; by default, and only then, those that the policy lists. */
  readonly logs?: readonly VerifierKey[];
}

/**
 * Opens a checkpoint by a policy: a listed log signed it, and of its cosignatures those of the
 * policy's witnesses are verified. Signatures of unknown keys, ML-DSA-44 among them, are ignored;
 * one of a known key that does not hold refuses the whole note, as C2SP signed-note has it.
 *
 * Without a policy there is never a quorum. A missing quorum is answered and not thrown.
 *
 * @throws NoteError as openCheckpoint does, `cosignature-malformed`, `bad-signature`,
 * `duplicate-signature`
 */
export async function verifyWitnessed(
  note: Uint8Array | string,
  policy: WitnessPolicy | undefined,
  verify: SignatureVerifier,
  options: WitnessedOptions = {},
): Promise<WitnessedCheckpoint> {
  const logs = options.logs ?? policy?.logs.map(({ key }) => key) ?? [];
  const opened = await openCheckpoint(note, logs, verify);
  const cosignatures = await verifyCosignatures(opened.note, policy?.witnesses ?? [], verify);
  const quorum = hasQuorum(policy, new Set(cosignatures.map(({ witness }) => witness)));
  return { ...opened, cosignatures, quorum, ...cosignatureTimes(policy, cosignatures) };
}

/**
 * The cosignatures of a note by the given witnesses; the same line again counts as one, a second
 * one of the same witness refuses the note.
 *
 * @throws NoteError `cosignature-malformed`, `bad-signature`, `duplicate-signature`,
 * `ambiguous-key`
 */
export async function verifyCosignatures(
  { text, signatures }: SignedNote,
  witnesses: readonly PolicyWitness[],
  verify: SignatureVerifier,
): Promise<VerifiedCosignature[]> {
  const known = new Map(witnesses.map((witness) => [keyTuple(witness.key), witness]));
  if (known.size !== witnesses.length) {
    throw new NoteError('ambiguous-key', 'two of the witnesses have the same name and key hash');
  }
  const cosignatures: VerifiedCosignature[] = [];
  for (const signature of distinctSignatures(signatures)) {
    const witness = known.get(keyTuple(signature));
    if (witness === undefined || !('publicKey' in witness.key)) continue;
    if (cosignatures.some((earlier) => earlier.witness === witness)) {
      throw new NoteError('duplicate-signature', `${signature.name} cosigned the note twice`);
    }
    const timestamp = await verifyCosignature(text, signature, witness.key, verify);
    cosignatures.push({ witness, timestamp });
  }
  return cosignatures;
}

/** See `time` of {@link WitnessedCheckpoint}. */
export function cosignatureTimes(
  policy: WitnessPolicy | undefined,
  cosignatures: readonly VerifiedCosignature[],
): Pick<WitnessedCheckpoint, 'time'> {
  const witnesses = new Set(cosignatures.map(({ witness }) => witness));
  if (!hasQuorum(policy, witnesses) || policy?.quorum === 'none') return {};
  const holds = (counted: (time: number) => boolean): boolean =>
    hasQuorum(
      policy,
      new Set(
        cosignatures.filter(({ timestamp }) => counted(timestamp)).map(({ witness }) => witness),
      ),
    );
  const times = cosignatures.map(({ timestamp }) => timestamp);
  const since = Math.min(...times.filter((bound) => holds((time) => time <= bound)));
  const latest = Math.max(...times.filter((bound) => holds((time) => time >= bound)));
  return { time: { since, latest } };
}

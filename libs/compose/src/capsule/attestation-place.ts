import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import {
  AttestError,
  matchLogEntry,
  soleSigner,
  verifyEnvelope,
  type DsseEnvelope,
} from '@touchstone/attest';
import { MerkleError, rfc6962, treeHasher, verifyInclusion } from '@touchstone/merkle';
import type { PublicKey } from '@touchstone/note';
import { attestingKeys } from '../attestation.js';
import { ComposeError } from '../errors.js';
import type { Sha256 } from '../graph.js';
import type { VerifyCompositionOptions } from '../verify.js';
import type { Capsule } from './capsule.js';

/** The tree of a checkpoint, whose signature is checked with the evidence. */
export interface Tree {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

interface Log {
  readonly checkpoint: Tree;
  readonly sha256: Sha256;
}

/**
 * Whether the attestation is signed by who is trusted, and logged as the capsule says. One that is
 * not signed so is in no log that matters, and refused elsewhere.
 *
 * @throws ComposeError `capsule-attestation-unproven`
 */
export async function isInLog(
  attestation: Capsule['attestation'],
  presented: NonNullable<VerifyCompositionOptions['attestation']>,
  log: Log,
): Promise<boolean> {
  if (attestation === undefined) return false;
  const { leaf, index, proof } = attestation;
  if (leaf === undefined && index === undefined && proof === undefined) return false;
  const { envelope, verify } = presented;
  if (envelope instanceof Uint8Array) throw unproven('a COSE message has no entry in a log');
  let signer: PublicKey;
  try {
    signer = soleSigner(await verifyEnvelope(envelope, await attestingKeys(presented), verify));
  } catch (cause) {
    if (cause instanceof AttestError || cause instanceof ComposeError) return false;
    throw cause;
  }
  if (leaf === undefined || index === undefined || proof === undefined) {
    throw unproven('leaf, index and proof belong together');
  }
  const { checkpoint, sha256 } = log;
  const { size, root } = checkpoint;
  const hasher = sha256 === nobleSha256 ? rfc6962 : treeHasher(sha256);
  try {
    matchLogEntry(leaf, envelope as DsseEnvelope, signer);
    verifyInclusion({ index, size, leafHash: hasher.leaf(leaf), proof, root }, hasher);
  } catch (cause) {
    if (!(cause instanceof AttestError || cause instanceof MerkleError)) throw cause;
    throw unproven(cause.message, cause);
  }
  return true;
}

function unproven(message: string, cause?: Error): ComposeError {
  const text = `the attestation is not proven to be in the log: ${message}`;
  return new ComposeError('capsule-attestation-unproven', '/', 0, text, { cause });
}

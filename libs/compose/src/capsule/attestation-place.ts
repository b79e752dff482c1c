import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import {
  AttestError,
  matchCoseEntry,
  matchLogEntry,
  soleSigner,
  verifyCose,
  verifyEnvelope,
  type DsseEnvelope,
} from '@touchstone/attest';
import { MerkleError, rfc6962, treeHasher, verifyInclusion } from '@touchstone/merkle';
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

type Presented = NonNullable<VerifyCompositionOptions['attestation']>;
/** Holds a leaf against one signature of the attestation; throws when it is of something else. */
type MatchLeaf = (leaf: Uint8Array) => void;

/**
 * Whether the attestation is signed by who is trusted, and each of its signatures logged as the
 * capsule says. One that is not signed so is in no log that matters, and refused elsewhere.
 *
 * @throws ComposeError `capsule-attestation-unproven`
 */
export async function isInLog(
  attestation: Capsule['attestation'],
  presented: Presented,
  log: Log,
): Promise<boolean> {
  if (attestation === undefined || !claimsPlace(attestation)) return false;
  const matches = await signaturesOf(presented);
  if (matches === undefined) return false;
  const places = placesOf(attestation, presented.envelope instanceof Uint8Array);
  if (places.length !== matches.length) {
    throw unproven(`it has ${matches.length} signatures, and entries of ${places.length}`);
  }
  const { checkpoint, sha256 } = log;
  const { size, root } = checkpoint;
  const hasher = sha256 === nobleSha256 ? rfc6962 : treeHasher(sha256);
  try {
    for (const [at, { leaf, index, proof }] of places.entries()) {
      matches[at]?.(leaf);
      verifyInclusion({ index, size, leafHash: hasher.leaf(leaf), proof, root }, hasher);
    }
  } catch (cause) {
    if (!(cause instanceof AttestError || cause instanceof MerkleError)) throw cause;
    throw unproven(cause.message, cause);
  }
  return true;
}

/** Whether the capsule says that its attestation is logged. */
export function claimsPlace(attestation: Capsule['attestation']): boolean {
  const { leaf, index, proof, entries } = attestation ?? {};
  return [leaf, index, proof, entries].some((part) => part !== undefined);
}

type Place = NonNullable<NonNullable<Capsule['attestation']>['entries']>[number];

function placesOf(
  { leaf, index, proof, entries }: NonNullable<Capsule['attestation']>,
  isCose: boolean,
): readonly Place[] {
  const own = [leaf, index, proof].filter((part) => part !== undefined);
  if (isCose ? own.length > 0 : entries !== undefined) {
    throw unproven('DSSE has one entry, COSE one in the list for each signature');
  }
  if (isCose) return entries ?? [];
  if (leaf === undefined || index === undefined || proof === undefined) {
    throw unproven('leaf, index and proof belong together');
  }
  return [{ leaf, index, proof }];
}

/** What the leaf of each signature must be; undefined when it is not signed by who is trusted. */
async function signaturesOf(presented: Presented): Promise<readonly MatchLeaf[] | undefined> {
  const { envelope, verify } = presented;
  try {
    const keys = await attestingKeys(presented);
    if (envelope instanceof Uint8Array) {
      const { signatures } = await verifyCose(envelope, keys, verify);
      return signatures.map((each) => (leaf) => matchCoseEntry(leaf, each));
    }
    const signer = soleSigner(await verifyEnvelope(envelope, keys, verify));
    return [(leaf) => matchLogEntry(leaf, envelope as DsseEnvelope, signer)];
  } catch (cause) {
    if (cause instanceof AttestError || cause instanceof ComposeError) return undefined;
    throw cause;
  }
}

function unproven(message: string, cause?: Error): ComposeError {
  const text = `the attestation is not proven to be in the log: ${message}`;
  return new ComposeError('capsule-attestation-unproven', '/', 0, text, { cause });
}

import {
  AttestError,
  countsAt,
  parsePae,
  paeBytes,
  readEntry,
  STATEMENT_PAYLOAD_TYPE,
  parseStatement,
  type EnrolledKey,
  type EntryView,
  type Statement,
} from '@touchstone/attest';
import type { Sha256 } from '@touchstone/merkle';
import type { SignatureVerifier } from '@touchstone/note';
import { bytesToHex } from '@noble/hashes/utils.js';
import { AirgapError } from './errors.js';

/** What an importer may make of an entry, apart from its being in the log. */
export type EntryStanding =
  /** An enrolled rebuilder said so, and its signature was verified here. */
  | { readonly kind: 'statement'; readonly signer: EnrolledKey; readonly statement: Statement }
  /** Signed by nobody whom the trust root names, or by a key retired before: counts for nothing. */
  | { readonly kind: 'foreign' }
  /** The log's own leaves, unknown kinds, and entries whose attestation was not carried. */
  | { readonly kind: 'unread' };

export interface CarriedEntry {
  readonly index: number;
  readonly leaf: Uint8Array;
  readonly attestation?: Uint8Array | undefined;
}

export interface EntryContext {
  /** Of the log. */
  readonly origin: string;
  /** Enrolled keys by key id. */
  readonly keys: ReadonlyMap<string, EnrolledKey>;
  readonly verify: SignatureVerifier;
  readonly sha256: Sha256;
}

/**
 * Reads an entry with the attestation that came with it and verifies the signature anew: a log
 * vouches for the order of what it was given, not for its truth.
 *
 * @throws AirgapError `attestation-mismatch` when the bytes are not those that the leaf names,
 * `entry-malformed`, `entry-signature` when the entry names an enrolled key that did not sign it
 */
export async function readCarriedEntry(
  { index, leaf, attestation }: CarriedEntry,
  { origin, keys, verify, sha256 }: EntryContext,
): Promise<EntryStanding> {
  const entry = viewOf(leaf);
  if (attestation === undefined) return { kind: 'unread' };
  const named = entry === undefined ? undefined : attestationDigest(entry);
  if (entry === undefined || named === undefined || !equal(sha256(attestation), named)) {
    throw new AirgapError('attestation-mismatch', 'an attestation is not the one its leaf names');
  }
  const [only, ...others] = entry.signers;
  const signer = only && others.length === 0 ? keys.get(idOf(only.spki, sha256)) : undefined;
  if (only === undefined || signer === undefined) return { kind: 'foreign' };
  // A key that was retired speaks for entries from before that alone.
  if (!countsAt(signer, origin, index)) return { kind: 'foreign' };
  const signed = entry.signed === undefined ? payloadPae(attestation) : parsePaeOf(attestation);
  if (signed === undefined) return { kind: 'foreign' };
  if (!(await verify(signer.publicKey, signed.message, only.signature))) {
    throw new AirgapError(
      'entry-signature',
      `an entry names ${signer.rebuilder} (${signer.organisation}), whose key did not sign it`,
    );
  }
  return { kind: 'statement', signer, statement: statementOf(signed.payload) };
}

/** Entries of one signer share the bytes of its key: see readEntry. */
const ids = new WeakMap<Uint8Array, string>();

function idOf(spki: Uint8Array, sha256: Sha256): string {
  const id = ids.get(spki) ?? bytesToHex(sha256(spki));
  ids.set(spki, id);
  return id;
}

/** SHA-256 of what the log keeps for an entry: its payload, or what was signed. */
export function attestationDigest({ signed, payloadSha256 }: EntryView): Uint8Array | undefined {
  return payloadSha256 ?? (signed?.algorithm === 'sha256' ? signed.digest : undefined);
}

/** What an entry says; undefined for a leaf that is not an entry of somebody's signature. */
export function viewOf(leaf: Uint8Array): EntryView | undefined {
  try {
    return readEntry(leaf);
  } catch (error) {
    if (error instanceof AttestError) return undefined;
    throw error;
  }
}

interface Signed {
  readonly message: Uint8Array;
  readonly payload: Uint8Array;
}

function payloadPae(payload: Uint8Array): Signed {
  return { message: paeBytes(STATEMENT_PAYLOAD_TYPE, payload), payload };
}

function parsePaeOf(message: Uint8Array): Signed | undefined {
  const parsed = parsePae(message);
  return parsed?.payloadType === STATEMENT_PAYLOAD_TYPE
    ? { message, payload: parsed.payload }
    : undefined;
}

function statementOf(payload: Uint8Array): Statement {
  try {
    return parseStatement(payload);
  } catch (cause) {
    throw new AirgapError('entry-malformed', 'an enrolled key signed what is no statement', {
      cause,
    });
  }
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) if (a[at] !== b[at]) return false;
  return true;
}

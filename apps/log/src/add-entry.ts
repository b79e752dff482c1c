import { DSSE_ENTRY_KIND, dsseLogEntry, keyDetails, paeBytes } from '@touchstone/attest';
import type { DsseRequest, TransparencyLogEntry } from '@touchstone/contract';
import { verifyInclusion } from '@touchstone/merkle';
import { fromBase64, publicKeyFromSpki, toBase64 } from '@touchstone/note';
import type { PublicKey, SignatureVerifier } from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import { HttpProblem } from './http-problem.js';
import type { Log } from './log.js';

type Verifiers = DsseRequest['dsseRequestV002']['verifiers'];
type Envelope = DsseRequest['dsseRequestV002']['envelope'];

/**
 * Logs a DSSE envelope and answers once a published checkpoint covers it:
 *   1. the keys are ones this log knows how to check,
 *   2. every signature verifies with one of them, and every key is needed (DSSE, "verification"),
 *   3. the entry is appended, durable and published,
 *   4. its inclusion proof holds against that very checkpoint.
 */
export async function addEntry(
  { dsseRequestV002: { envelope, verifiers } }: DsseRequest,
  log: Log,
  verify: SignatureVerifier,
): Promise<TransparencyLogEntry> {
  const keys = readKeys(verifiers);
  const signers = await matchSigners(envelope, keys, verify);
  const leaf = dsseLogEntry(envelope, signers);
  const { index, published } = await log.append(leaf);
  const { checkpoint: note, size } = await published;
  return provenEntry(log, leaf, index, note, size);
}

function readKeys(verifiers: Verifiers): PublicKey[] {
  return verifiers.map((verifier, at) => {
    const field = `dsseRequestV002.verifiers[${at}].publicKey.rawBytes`;
    let key: PublicKey;
    try {
      key = publicKeyFromSpki(fromBase64(verifier.publicKey.rawBytes));
    } catch (cause) {
      const detail = `${field} is no base64 of a supported public key (DER SubjectPublicKeyInfo)`;
      throw new HttpProblem('entry-malformed', 400, detail, { cause, field });
    }
    if (keyDetails(key.algorithm) !== verifier.keyDetails) {
      const detail = `${field} is a key of ${keyDetails(key.algorithm)}`;
      throw new HttpProblem('entry-malformed', 400, detail, { field });
    }
    return key;
  });
}

/** The key of each signature, in the order of the signatures. */
async function matchSigners(
  { payload, payloadType, signatures }: Envelope,
  keys: readonly PublicKey[],
  verify: SignatureVerifier,
): Promise<PublicKey[]> {
  const message = paeBytes(payloadType, fromBase64(payload));
  const unused = new Set(keys);
  const signers: PublicKey[] = [];
  for (const [at, { sig }] of signatures.entries()) {
    const signature = fromBase64(sig);
    let signer: PublicKey | undefined;
    for (const key of unused) {
      if (await verify(key, message, signature)) {
        signer = key;
        break;
      }
    }
    if (!signer) {
      const field = `dsseRequestV002.envelope.signatures[${at}].sig`;
      const detail = `${field} verifies with none of the given keys`;
      throw new HttpProblem('entry-signature', 400, detail, { field });
    }
    unused.delete(signer);
    signers.push(signer);
  }
  if (unused.size > 0) {
    const field = 'dsseRequestV002.verifiers';
    const detail = `${field} has ${unused.size} keys that made no signature; leave them out`;
    throw new HttpProblem('entry-signature', 400, detail, { field });
  }
  return signers;
}

async function provenEntry(
  log: Log,
  leaf: Uint8Array,
  index: number,
  note: string,
  size: number,
): Promise<TransparencyLogEntry> {
  const { root } = await log.openNote(note);
  const proof = await log.reader.inclusionProof(index, size);
  verifyInclusion({ index, size, leafHash: nodeHasher.leaf(leaf), proof, root }, nodeHasher);
  return {
    logIndex: String(index),
    logId: { keyId: toBase64(log.keyId) },
    kindVersion: { ...DSSE_ENTRY_KIND },
    integratedTime: '0',
    inclusionProof: {
      logIndex: String(index),
      rootHash: toBase64(root),
      treeSize: String(size),
      hashes: proof.map(toBase64),
      checkpoint: { envelope: note },
    },
    canonicalizedBody: toBase64(leaf),
  };
}

import { AttestError, soleSigner, verifyEnvelope } from '@touchstone/attest';
import { keyId, type PublicKey, type SignatureVerifier } from '@touchstone/note';
import { at as findingAt, rootOf } from '../compare.js';
import { ComposeError, type Finding } from '../errors.js';
import type { CompositionGraph, GraphNode } from '../graph.js';
import { parseRevocationList, type RevocationList } from './revocation-list.js';

export interface RevocationOptions {
  /** Revocation lists: DSSE envelopes as parsed JSON. */
  readonly files: readonly unknown[];
  /** Who may take a node back. Of each there must be a list that is in force. */
  readonly revokers: readonly PublicKey[];
  readonly verify: SignatureVerifier;
  /** For which time: now, for somebody who is about to run the file. */
  readonly at: Date;
}

type SignedList = RevocationList & { readonly signer: string };

/**
 * Whether a node was taken back: its bytes, with or without its own attestation sections, are on a
 * list of somebody who may do that. Every list counts that is signed, older ones too; but one that
 * is in force must be among them, or a list might have been left out.
 */
export async function checkRevocations(
  graph: CompositionGraph,
  { files, revokers, verify, at }: RevocationOptions,
): Promise<Finding[]> {
  const root = rootOf(graph);
  const findings: Finding[] = [];
  const lists: SignedList[] = [];
  for (const [index, file] of files.entries()) {
    try {
      const verified = await verifyEnvelope(file, revokers, verify);
      const signer = keyId(soleSigner(verified));
      lists.push({ ...parseRevocationList(verified.payload), signer });
    } catch (cause) {
      if (!(cause instanceof AttestError || cause instanceof ComposeError)) throw cause;
      const message = `revocation list ${index + 1}: ${cause.message}`;
      findings.push(findingAt(root, cause.code, message));
    }
  }
  for (const revoker of revokers) findings.push(...inForce(root, keyId(revoker), lists, at));
  for (const node of graph.nodes) findings.push(...revokedBy(node, lists));
  return findings;
}

function inForce(
  root: GraphNode,
  signer: string,
  lists: readonly SignedList[],
  at: Date,
): Finding[] {
  const own = lists.filter((list) => list.signer === signer);
  if (own.length === 0) {
    return [findingAt(root, 'revocation-missing', `there is no revocation list of ${signer}`)];
  }
  if (own.some(({ issuedOn, nextUpdate }) => issuedOn <= at && at <= nextUpdate)) return [];
  const message = `no revocation list of ${signer} is in force at ${at.toISOString()}`;
  return [findingAt(root, 'revocation-expired', message)];
}

function revokedBy(node: GraphNode, lists: readonly SignedList[]): Finding[] {
  const digests = [node.digest.sha256, node.contentDigest.sha256];
  for (const { revoked, signer } of lists) {
    const entry = revoked.find(({ digest }) => digests.includes(digest.sha256));
    if (entry === undefined) continue;
    const why = entry.reason === undefined ? '' : `: ${entry.reason}`;
    const message = `${node.path}, sha256:${entry.digest.sha256}, was revoked by ${signer}${why}`;
    return [findingAt(node, 'node-revoked', message)];
  }
  return [];
}

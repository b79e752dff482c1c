import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  canonicalJson,
  coseRequests,
  encodeKeyAnswer,
  envelopeLogEntry,
  indexEntry,
  mapCommitmentLeaf,
  mapKeyOf,
  MAP_COMMITMENT_SCHEMA,
  paeBytes,
  SEARCH_EVIDENCE_SCHEMA,
  UNREAD_KEY,
  type Asked,
  type DsseEnvelope,
  type Evidence,
  type KeptAnswer,
  type SearchEvidence,
  type VerifiedCose,
} from '@touchstone/attest';
import { CompactRange, inclusionProof, MerkleMap, rfc6962 } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  fromBase64,
  keyId,
  noteSigner,
  signNote,
  toBase64,
  type PublicKey,
  type Signer,
} from '@touchstone/note';
import { log, ORIGIN } from '../evidence.fixture.js';

/** A leaf, and what it names if the log has that. */
export interface LoggedEntry {
  readonly leaf: Uint8Array;
  readonly attestation?: Uint8Array;
}

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

/** How the log has an envelope: Ed25519 by its payload, P-256 by what was signed. */
export function entryOf(envelope: DsseEnvelope, { algorithm, spki }: PublicKey): LoggedEntry {
  const payload = fromBase64(envelope.payload);
  const isDsse = algorithm === 'ed25519';
  const attestation = isDsse ? payload : paeBytes(envelope.payloadType, payload);
  return { leaf: envelopeLogEntry(envelope, { algorithm, spki }), attestation };
}

/** How the log has an attestation in COSE: an entry for each signature. */
export function coseEntries(cose: VerifiedCose): LoggedEntry[] {
  return coseRequests(cose).map(({ request, attestation }) => {
    if (!('hashedRekordRequestV002' in request)) throw new Error('COSE is logged by digest');
    const { digest, signature } = request.hashedRekordRequestV002;
    const data = { algorithm: 'SHA2_256', digest };
    const spec = { hashedRekordV002: { data, signature } };
    const leaf = canonicalJson({ apiVersion: '0.0.2', kind: 'hashedrekord', spec });
    return { leaf: encodeUtf8(leaf), ...(attestation && { attestation: attestation.bytes }) };
  });
}

/** A signer as a chip is one. */
export function p256Signer(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  return {
    publicKey: { algorithm: 'ecdsa-p256-sha256', spki },
    sign: (message) => new Uint8Array(sign('sha256', message, privateKey)),
  };
}

/** What a log of these entries answers about signers and others: its map covers the first `mapped`. */
export async function searched(
  entries: readonly LoggedEntry[],
  mapped: number,
  asked: readonly (PublicKey | Asked)[],
): Promise<
  SearchEvidence & {
    readonly reprove: (evidence: Evidence) => Promise<Evidence>;
    readonly proof: (index: number) => Promise<string[]>;
  }
> {
  const map = await mapOf(entries.slice(0, mapped));
  const commitment = await mapCommitmentLeaf(
    {
      ...{ schema: MAP_COMMITMENT_SCHEMA, origin: ORIGIN, treeSize: mapped, previous: 0 },
      ...{ absent: [], mapRoot: toBase64(map.root()), keys: map.size },
    },
    log,
  );
  const leaves = entries.map(({ leaf }) => leaf);
  leaves.splice(mapped, 0, commitment);
  const tree = treeOf(leaves);
  const head = { origin: ORIGIN, size: leaves.length, root: tree.root, extensions: [] };
  const checkpoint = await signNote(formatCheckpoint(head), [noteSigner(ORIGIN, log)]);
  const listed = new Set<number>();
  const answers: SearchEvidence['answers'] = [];
  for (const each of asked) {
    const what = 'spki' in each ? { signer: keyId(each) } : each;
    const answer = await keptAnswer(map, mapKeyOf(what));
    for (const { indices } of answer.pages) for (const index of indices) listed.add(index);
    answers.push({ for: what, answer });
  }
  const unread = await keptAnswer(map, UNREAD_KEY);
  for (const { indices } of unread.pages) for (const index of indices) listed.add(index);
  const kept: SearchEvidence['entries'] = [];
  for (const index of [...listed].sort((a, b) => a - b)) {
    const leaf = toBase64(leaves[index] ?? new Uint8Array());
    kept.push({ index, leaf, inclusionProof: await tree.proof(index) });
  }
  const attestations = new Map(
    entries.flatMap(({ attestation }) => (attestation ? [[hex(attestation), attestation]] : [])),
  );
  const evidence: SearchEvidence = {
    schema: SEARCH_EVIDENCE_SCHEMA,
    checkpoint,
    commitment: {
      index: mapped,
      leaf: toBase64(commitment),
      inclusionProof: await tree.proof(mapped),
    },
    answers,
    unread,
    entries: kept,
    tail: {
      range: treeOf(leaves.slice(0, mapped)).hashes.map(toBase64),
      leaves: leaves.slice(mapped).map(toBase64),
    },
    attestations: [...attestations]
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([, attestation]) => toBase64(attestation)),
  };
  return { ...evidence, reprove: (of) => reproved(of, checkpoint, tree), proof: tree.proof };
}

/** The same evidence, whose entries are the first of the tree, against its checkpoint. */
async function reproved(evidence: Evidence, checkpoint: string, tree: Tree): Promise<Evidence> {
  const entries: Evidence['entries'] = [];
  for (const entry of evidence.entries) {
    entries.push({ ...entry, inclusionProof: await tree.proof(entry.logIndex) });
  }
  return { ...evidence, checkpoint, entries };
}

async function mapOf(entries: readonly LoggedEntry[]): Promise<MerkleMap> {
  const lists = new Map<string, [Uint8Array, number[]]>();
  for (const [index, { leaf, attestation }] of entries.entries()) {
    const { keys } = await indexEntry(leaf, async () => attestation);
    for (const key of keys) {
      const [, list] = lists.get(hex(key)) ?? [key, []];
      lists.set(hex(key), [key, [...list, index]]);
    }
  }
  return MerkleMap.empty().with([...lists.values()]);
}

async function keptAnswer(map: MerkleMap, key: Uint8Array): Promise<KeptAnswer> {
  const page = map.count(key) > 0 ? await map.page(key, 0) : undefined;
  const { page: encoded, ...rest } = encodeKeyAnswer(map.prove(key), page);
  return { ...rest, pages: encoded ? [{ indices: encoded.indices, proof: encoded.proof }] : [] };
}

interface Tree {
  readonly root: Uint8Array;
  readonly hashes: readonly Uint8Array[];
  readonly proof: (index: number) => Promise<string[]>;
}

function treeOf(leaves: readonly Uint8Array[]): Tree {
  const nodes = new Map<string, Uint8Array>();
  const range = new CompactRange();
  for (const leaf of leaves) {
    range.append(rfc6962.leaf(leaf), (level, at, hash) => nodes.set(`${level}/${at}`, hash));
  }
  const node = ({ level, index }: { level: number; index: number }): Uint8Array =>
    nodes.get(`${level}/${index}`) ?? new Uint8Array();
  return {
    ...{ root: range.root(), hashes: range.hashes },
    proof: async (index) =>
      (await inclusionProof(index, leaves.length, node, rfc6962)).map(toBase64),
  };
}

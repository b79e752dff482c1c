import {
  AttestError,
  encodeKeyAnswer,
  envelopeLogEntry,
  indexEntry,
  MAP_COMMITMENT_SCHEMA,
  mapCommitmentLeaf,
  mapKeyOf,
  parseSearchEvidence,
  parseSigStructure,
  SEARCH_EVIDENCE_SCHEMA,
  searchEntries,
  SearchEvidenceSource,
  signCose,
  signEnvelope,
  UNREAD_KEY,
  verifyCose,
  type KeptAnswer,
  type SearchEvidence,
  type Statement,
} from '@touchstone/attest';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { MerkleMap, rootFromLeaves } from '@touchstone/merkle';
import { encodeUtf8, formatCheckpoint, fromBase64, noteSigner } from '@touchstone/note';
import { signNote, toBase64, verifierKey } from '@touchstone/note';
import { nodeHasher, nodeSha256 } from '@touchstone/tlog';
import { mutateBytes, mutateJson } from './fuzz-mutate.js';
import type { FuzzTarget } from './fuzz-target.js';

const ORIGIN = 'fuzz.touchstone.dev/log';
const SUBJECT = 'ab'.repeat(32);
const statement: Statement = {
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'a.wasm', digest: { sha256: SUBJECT } }],
  predicateType: 'https://example.org/review',
  predicate: {},
};

/** What a log of two entries and a commitment answers: one entry is in the map, one came later. */
async function answerOf(
  logKey: ReturnType<typeof generateKey>,
): Promise<{ evidence: SearchEvidence; query: { digest: string } }> {
  const signers = [generateKey('ed25519'), generateKey('ed25519')];
  const envelopes = await Promise.all(signers.map((signer) => signEnvelope(statement, signer)));
  const [first, last] = envelopes.map((envelope, i) => {
    const { publicKey } = signers[i] ?? logKey;
    return envelopeLogEntry(envelope, publicKey);
  }) as [Uint8Array, Uint8Array];
  const payload = fromBase64(envelopes[0]?.payload ?? '');
  const { keys } = await indexEntry(first, async () => payload);
  const map = MerkleMap.empty().with(keys.map((key) => [key, [0]]));
  const mapRoot = toBase64(map.root());
  const said = { schema: MAP_COMMITMENT_SCHEMA, origin: ORIGIN, mapRoot, keys: map.size } as const;
  const commitment = await mapCommitmentLeaf(
    { ...said, treeSize: 1, previous: 0, absent: [] },
    logKey,
  );
  const [a, b, c] = [first, commitment, last].map((leaf) => nodeHasher.leaf(leaf)) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const root = rootFromLeaves([a, b, c], nodeHasher);
  const head = formatCheckpoint({ origin: ORIGIN, size: 3, root, extensions: [] });
  const query = { digest: `sha256:${SUBJECT}` };
  const kept = async (key: Uint8Array): Promise<KeptAnswer> => {
    const page = map.count(key) > 0 ? await map.page(key, 0) : undefined;
    const { page: encoded, ...rest } = encodeKeyAnswer(map.prove(key), page);
    return { ...rest, pages: encoded ? [{ indices: encoded.indices, proof: encoded.proof }] : [] };
  };
  const evidence: SearchEvidence = {
    schema: SEARCH_EVIDENCE_SCHEMA,
    checkpoint: await signNote(head, [noteSigner(ORIGIN, logKey)]),
    commitment: { index: 1, leaf: toBase64(commitment), inclusionProof: [a, c].map(toBase64) },
    answers: [{ for: query, answer: await kept(mapKeyOf(query)) }],
    unread: await kept(UNREAD_KEY),
    entries: [{ index: 0, leaf: toBase64(first), inclusionProof: [b, c].map(toBase64) }],
    tail: { range: [toBase64(a)], leaves: [commitment, last].map(toBase64) },
    attestations: [toBase64(payload)],
  };
  return { evidence, query };
}

/** A changed answer is refused, or names both entries all the same: it hides none. */
async function searchTarget(): Promise<FuzzTarget> {
  const logKey = generateKey('ed25519');
  const { evidence, query } = await answerOf(logKey);
  const seeds = [encodeUtf8(JSON.stringify(evidence))];
  const logs = [verifierKey(ORIGIN, logKey.publicKey)];
  return {
    name: 'search-evidence',
    run: async (random) => {
      const input =
        random() < 0.5
          ? encodeUtf8(JSON.stringify(mutateJson(random, [evidence])))
          : mutateBytes(random, seeds);
      try {
        const report = await searchEntries({
          source: new SearchEvidenceSource(parseSearchEvidence(input, nodeSha256), nodeSha256),
          targets: [{ query, key: mapKeyOf(query) }],
          ...{ logs, signers: [], maxScan: 10, verify: nodeVerifier, sha256: nodeSha256 },
        });
        const named = [...report.entries.map(({ index }) => index), ...report.unread].sort();
        if (named.join() === '0,2') return true;
        throw new Error(`an entry is hidden: ${named.join()}`);
      } catch (error) {
        if (error instanceof AttestError) return false;
        throw error;
      }
    },
  };
}

/** Bytes that were signed in COSE: what is taken ends with the payload that is handed out. */
async function coseTarget(): Promise<FuzzTarget> {
  const signer = generateKey('ecdsa-p256-sha256');
  const keys = [signer.publicKey];
  const { signatures } = await verifyCose(await signCose(statement, [signer]), keys, nodeVerifier);
  const seeds = signatures.map(({ message }) => message);
  return {
    name: 'sig-structure',
    run: (random) => {
      const input = mutateBytes(random, seeds);
      const payload = parseSigStructure(input);
      if (payload === undefined) return false;
      const end = input.subarray(input.length - payload.length);
      if (Buffer.compare(end, payload) === 0) return true;
      throw new Error(`another payload than was signed: ${Buffer.from(input).toString('hex')}`);
    },
  };
}

export async function searchTargets(): Promise<FuzzTarget[]> {
  return [await searchTarget(), await coseTarget()];
}

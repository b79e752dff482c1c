import { CompactRange, inclusionProof, MerkleMap, rfc6962 } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  nobleVerifier,
  noteSigner,
  signNote,
  toBase64,
} from '@touchstone/note';
import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { AttestError } from '../errors.js';
import { SearchEvidenceSource } from './evidence-source.js';
import { indexEntry, UNREAD_KEY } from './index-keys.js';
import { MAP_COMMITMENT_SCHEMA, mapCommitmentLeaf } from './map-commitment.js';
import { hex, leafOf, signer } from '../testdata/map-leaves.js';
import { encodeKeyAnswer } from './search-answer.js';
import { searchEntries, type EntrySearch } from './search-entries.js';
import {
  encodeSearchEvidence,
  parseSearchEvidence,
  SEARCH_EVIDENCE_SCHEMA,
  type KeptAnswer,
  type SearchEvidence,
} from './search-evidence.js';
import { mapKeyOf } from './search-source.js';

const ORIGIN = 'log.example/kept';
const logKey = noteSigner(ORIGIN, signer).verifierKey;
const query = { digest: `sha256:${hex('a module')}` };

/** Four statements, three of them under a map; the second and the last are about the module. */
async function evidence(): Promise<SearchEvidence> {
  const payloads = ['x', 'a module', 'y', 'a module'].map((subject, number) =>
    encodeUtf8(JSON.stringify({ number, subject: [{ digest: { sha256: hex(subject) } }] })),
  );
  const leaves = payloads.map(leafOf);
  let map = MerkleMap.empty();
  for (const [index, leaf] of leaves.slice(0, 3).entries()) {
    const { keys } = await indexEntry(leaf, async () => payloads[index]);
    for (const key of keys) map = map.with([[key, [index]]]);
  }
  const commitment = await mapCommitmentLeaf(
    {
      ...{ schema: MAP_COMMITMENT_SCHEMA, origin: ORIGIN, treeSize: 3, previous: 0, absent: [] },
      ...{ mapRoot: toBase64(map.root()), keys: map.size },
    },
    signer,
  );
  leaves.splice(3, 0, commitment);
  const nodes = new Map<string, Uint8Array>();
  const range = new CompactRange();
  const before = new CompactRange();
  for (const [index, leaf] of leaves.entries()) {
    if (index < 3) before.append(rfc6962.leaf(leaf));
    range.append(rfc6962.leaf(leaf), (level, at, hash) => nodes.set(`${level}/${at}`, hash));
  }
  const size = leaves.length;
  const head = { origin: ORIGIN, size, root: range.root(), extensions: [] };
  const node = ({ level, index }: { level: number; index: number }): Uint8Array =>
    nodes.get(`${level}/${index}`) ?? new Uint8Array();
  const proof = async (index: number): Promise<string[]> =>
    (await inclusionProof(index, size, node, rfc6962)).map(toBase64);
  const kept = async (key: Uint8Array): Promise<KeptAnswer> => {
    const page = map.count(key) > 0 ? await map.page(key, 0) : undefined;
    const { page: encoded, ...rest } = encodeKeyAnswer(map.prove(key), page);
    const pages = encoded ? [{ indices: encoded.indices, proof: encoded.proof }] : [];
    return { ...rest, pages };
  };
  const sorted = payloads.toSorted((a, b) => (hex(a) < hex(b) ? -1 : 1));
  return {
    schema: SEARCH_EVIDENCE_SCHEMA,
    checkpoint: await signNote(formatCheckpoint(head), [noteSigner(ORIGIN, signer)]),
    commitment: { index: 3, leaf: toBase64(commitment), inclusionProof: await proof(3) },
    answers: [{ for: query, answer: await kept(mapKeyOf(query)) }],
    unread: await kept(UNREAD_KEY),
    entries: [
      { index: 1, leaf: toBase64(leaves[1] ?? new Uint8Array()), inclusionProof: await proof(1) },
    ],
    tail: { range: before.hashes.map(toBase64), leaves: leaves.slice(3).map(toBase64) },
    attestations: sorted.map(toBase64),
  };
}

async function search(bytes: Uint8Array): Promise<EntrySearch> {
  return searchEntries({
    source: new SearchEvidenceSource(parseSearchEvidence(bytes)),
    targets: [{ query, key: mapKeyOf(query) }],
    ...{ logs: [logKey], signers: [], maxScan: 100, verify: nobleVerifier },
  });
}

describe('search evidence', () => {
  let good: SearchEvidence;
  let told: EntrySearch;
  beforeAll(async () => {
    good = await evidence();
    told = await search(encodeSearchEvidence(good));
  });

  it('proves what is on the list and what came after it', () => {
    expect(told.entries.map(({ index, by, confirmed }) => [index, by, confirmed])).toEqual([
      [1, 'map', true],
      [4, 'scan', true],
    ]);
    expect([told.scanned, told.unread]).toEqual([2, []]);
  });

  /** TOUCHSTONE_FUZZ multiplies the number of cases. */
  const runs = (numRuns: number, seed: number) => ({
    ...{ seed, numRuns: numRuns * Number(process.env['TOUCHSTONE_FUZZ'] ?? 1) },
  });

  it('with any part of it changed is refused with a code, or hides nothing', async () => {
    const text = JSON.stringify(good);
    const value = fc.oneof(fc.jsonValue(), fc.integer(), fc.base64String());
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths(good)), value, async (path, put) => {
        const bad = JSON.parse(text) as Record<string, unknown>;
        const holder = path
          .slice(0, -1)
          .reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], bad);
        (holder as Record<string, unknown>)[path.at(-1) ?? ''] = put;
        const report = await search(encodeUtf8(JSON.stringify(bad))).catch((error: unknown) => {
          expect(error).toBeInstanceOf(AttestError);
          return undefined;
        });
        if (!report) return;
        const named = [...report.entries.map(({ index }) => index), ...report.unread];
        expect(named.sort()).toEqual([1, 4]);
      }),
      runs(400, 81),
    );
  });

  it('of any bytes is read or refused with its code', () => {
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.json().map(encodeUtf8),
      fc
        .nat(JSON.stringify(good).length - 1)
        .map((end) => encodeUtf8(JSON.stringify(good).slice(0, end))),
    );
    fc.assert(
      fc.property(bytes, (each) => {
        expect(() => parseSearchEvidence(each)).toThrow(
          expect.objectContaining({ code: 'search-evidence-malformed' }),
        );
      }),
      runs(300, 82),
    );
  });

  it.each<[string, (of: SearchEvidence) => object]>([
    ['an answer twice', (of) => ({ answers: [...of.answers, ...of.answers] })],
    [
      'an answer for two things',
      (of) => ({ answers: of.answers.map((each) => ({ ...each, for: { ...query, name: 'x' } })) }),
    ],
    ['an entry twice', (of) => ({ entries: [...of.entries, ...of.entries] })],
    ['an attestation twice', (of) => ({ attestations: [...of.attestations, ...of.attestations] })],
    ['attestations in another order', (of) => ({ attestations: of.attestations.toReversed() })],
    ['a field more', () => ({ more: 1 })],
  ])('is refused with %s', (_, change) => {
    const bytes = encodeUtf8(JSON.stringify({ ...good, ...change(good) }));
    expect(() => parseSearchEvidence(bytes)).toThrow(
      expect.objectContaining({ code: 'search-evidence-malformed' }),
    );
  });
});

/** Every place in a JSON value that holds no other. */
function paths(value: unknown, path: string[] = []): string[][] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => paths(inner, [...path, name]));
}

import { createHash } from 'node:crypto';
import { MerkleMap, rfc6962, rootFromLeaves } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  nobleVerifier,
  noteSigner,
  signNote,
  toBase64,
} from '@touchstone/note';
import { testSigner } from '@touchstone/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../canonical-json.js';
import { AttestError } from '../errors.js';
import { paeBytes } from '../dsse.js';
import { publicKeyVerifier } from '../rekor/verifier.js';
import {
  COMMITMENTS_KEY,
  digestKey,
  indexEntry,
  isMapLeaf,
  MAX_INDEXED_DIGESTS,
  nameKey,
  predicateKey,
  signerKey,
  UNREAD_KEY,
  unreadKeyOf,
} from './index-keys.js';
import {
  MAP_COMMITMENT_SCHEMA,
  mapCommitmentLeaf,
  openMapCommitment,
  type MapCommitment,
} from './map-commitment.js';
import { hex, leafOf, signer } from '../testdata/map-leaves.js';
import { encodeKeyAnswer, type SearchAnswer } from './search-answer.js';
import { verifySearch } from './verify-search.js';

const ORIGIN = 'log.example/map';
const logKey = noteSigner(ORIGIN, signer).verifierKey;
const named = (keys: readonly Uint8Array[]): string[] =>
  keys.map((key) => Buffer.from(key).toString('hex')).sort();

function statement(subject: unknown, predicateType?: unknown): Uint8Array {
  const _type = 'https://in-toto.io/Statement/v1';
  return encodeUtf8(JSON.stringify({ _type, subject, predicateType }));
}

const reading =
  (...attestations: Uint8Array[]) =>
  async (digest: string): Promise<Uint8Array | undefined> =>
    attestations.find((bytes) => hex(bytes) === digest);

const signedBy = signerKey(hex(signer.publicKey.spki));

describe('the keys of a leaf', () => {
  it('do not move', () => {
    // A format: a key that changes would make every committed map wrong.
    expect(named([digestKey('sha256', 'ab'.repeat(32))])).toEqual([
      hex(`touchstone.dev/map/v2\ndigest\nsha256:${'ab'.repeat(32)}`),
    ]);
    expect(named([UNREAD_KEY])).toEqual([hex('touchstone.dev/map/v2\nleaf\nunread')]);
  });

  it('are payload, signer and subjects of an attestation', async () => {
    const payload = statement([
      { name: 'a', digest: { sha256: hex('a'), sha512: 'cd'.repeat(64) } },
      { digest: { sha256: hex('b'), gitCommit: 'not hex', sha1: 17 } },
      { name: 'no digest' },
      'nonsense',
    ]);
    const found = await indexEntry(leafOf(payload), reading(payload));
    expect(found.absent).toBeUndefined();
    expect(named(found.keys)).toEqual(
      named([
        digestKey('sha256', hex(payload)),
        signedBy,
        nameKey('a'),
        digestKey('sha256', hex('a')),
        digestKey('sha512', 'cd'.repeat(64)),
        digestKey('sha256', hex('b')),
        nameKey('no digest'),
      ]),
    );
  });

  it('are the type of the predicate, and names that have a form in UTF-8', async () => {
    const type = 'https://example.org/seen/v1';
    const payload = statement(
      [{ name: 'pkg:npm/ä@1' }, { name: '\ud800' }, { name: '' }, {}],
      type,
    );
    const { keys } = await indexEntry(leafOf(payload), reading(payload));
    const own = [digestKey('sha256', hex(payload)), signedBy];
    expect(named(keys)).toEqual(named([...own, predicateKey(type), nameKey('pkg:npm/ä@1')]));
    for (const other of ['', 7, null, '\udc00']) {
      const odd = statement([], other);
      const found = await indexEntry(leafOf(odd), reading(odd));
      expect(named(found.keys)).toEqual(named([digestKey('sha256', hex(odd)), signedBy]));
    }
  });

  it.each([
    ['absent', reading()],
    ['of other bytes', async () => statement([])],
  ])('say so when the attestation is %s', async (_, read) => {
    const payload = statement([{ digest: { sha256: hex('a') } }]);
    const found = await indexEntry(leafOf(payload), read);
    expect(found.absent).toBe(hex(payload));
    const expected = [digestKey('sha256', hex(payload)), signedBy, UNREAD_KEY];
    expect(named(found.keys)).toEqual(named(expected));
  });

  it('are payload and signer of an attestation that is no statement', async () => {
    for (const text of ['', 'not JSON', '[]', '{"subject":7}', '{"__proto__":{}}']) {
      const payload = encodeUtf8(text);
      const found = await indexEntry(leafOf(payload), reading(payload));
      expect(named(found.keys)).toEqual(named([digestKey('sha256', hex(payload)), signedBy]));
    }
  });

  it('are bounded, and the leaf of more is unread', async () => {
    const digests = Array.from({ length: MAX_INDEXED_DIGESTS + 1 }, (_, i) => ({
      digest: { sha256: hex(String(i)) },
    }));
    const payload = statement(digests);
    const { keys, absent } = await indexEntry(leafOf(payload), reading(payload));
    expect(absent).toBeUndefined();
    expect(keys).toHaveLength(MAX_INDEXED_DIGESTS + 3);
    expect(named(keys)).toContain(named([UNREAD_KEY])[0]);
  });

  function hashedRekords(signed: string | Uint8Array): Uint8Array[] {
    const { spki } = signer.publicKey;
    const pem = `-----BEGIN PUBLIC KEY-----\n${toBase64(spki)}\n-----END PUBLIC KEY-----\n`;
    const digest = createHash('sha256').update(signed).digest();
    return [
      {
        apiVersion: '0.0.2',
        kind: 'hashedrekord',
        spec: {
          hashedRekordV002: {
            data: { algorithm: 'SHA2_256', digest: toBase64(digest) },
            signature: { content: 'c2ln', verifier: publicKeyVerifier(spki, 'PKIX_ED25519') },
          },
        },
      },
      {
        apiVersion: '0.0.1',
        kind: 'hashedrekord',
        spec: {
          data: { hash: { algorithm: 'sha256', value: hex(signed) } },
          signature: { content: 'c2ln', publicKey: { content: toBase64(encodeUtf8(pem)) } },
        },
      },
    ].map((leaf) => encodeUtf8(canonicalJson(leaf)));
  }

  it('are digest and signer of a file that was signed, when it is at hand', async () => {
    for (const leaf of hashedRekords('blob')) {
      const found = await indexEntry(leaf, reading(encodeUtf8('blob')));
      expect(found.absent).toBeUndefined();
      expect(named(found.keys)).toEqual(named([digestKey('sha256', hex('blob')), signedBy]));
    }
  });

  it('are payload and subjects too where an envelope was signed by digest', async () => {
    const payload = statement([{ digest: { sha256: hex('a') } }]);
    const pae = paeBytes('application/vnd.in-toto+json', payload);
    for (const leaf of hashedRekords(pae)) {
      const found = await indexEntry(leaf, reading(pae));
      expect(found.absent).toBeUndefined();
      const digests = [hex(pae), hex(payload), hex('a')].map((one) => digestKey('sha256', one));
      expect(named(found.keys)).toEqual(named([...digests, signedBy]));
    }
  });

  it('say whose it is when what was signed is not to be had: it may have been an envelope', async () => {
    const id = hex(signer.publicKey.spki);
    for (const leaf of hashedRekords('blob')) {
      const found = await indexEntry(leaf, reading());
      expect(found.absent).toBe(hex('blob'));
      const expected = [digestKey('sha256', hex('blob')), signedBy, unreadKeyOf(id)];
      expect(named(found.keys)).toEqual(named(expected));
    }
  });

  it('of anything else are that it could not be read, whatever the bytes', async () => {
    const leaf = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.jsonValue().map((value) => encodeUtf8(JSON.stringify(value))),
      fc
        .record({
          kind: fc.constantFrom('dsse', 'hashedrekord', 'intoto', 'map'),
          apiVersion: fc.constantFrom('0.0.1', '0.0.2'),
          spec: fc.jsonValue(),
        })
        .map((value) => encodeUtf8(JSON.stringify(value))),
    );
    await fc.assert(
      fc.asyncProperty(leaf, async (bytes) => {
        expect((await indexEntry(bytes, reading())).keys).toEqual([UNREAD_KEY]);
      }),
      { seed: 70, numRuns: 500 },
    );
  });
});

const commitment: MapCommitment = {
  schema: MAP_COMMITMENT_SCHEMA,
  origin: ORIGIN,
  treeSize: 40,
  previous: 10,
  mapRoot: toBase64(new Uint8Array(32)),
  keys: 7,
  absent: [
    [10, 12],
    [39, 40],
  ],
};

const refused = (code: string): unknown => expect.objectContaining({ code });

describe('a commitment', () => {
  it('opens with the key of its log and with no other', async () => {
    const leaf = await mapCommitmentLeaf(commitment, signer);
    expect(isMapLeaf(leaf)).toBe(true);
    expect((await indexEntry(leaf, reading())).keys).toEqual([COMMITMENTS_KEY]);
    expect(await openMapCommitment(leaf, [logKey], nobleVerifier)).toEqual(commitment);
    const stranger = noteSigner(ORIGIN, testSigner()).verifierKey;
    const elsewhere = noteSigner('other.example/log', signer).verifierKey;
    for (const keys of [[], [stranger], [elsewhere]]) {
      await expect(openMapCommitment(leaf, keys, nobleVerifier)).rejects.toEqual(
        refused('map-commitment-signature'),
      );
    }
  });

  it.each<[string, Partial<MapCommitment>]>([
    ['covers nothing new', { previous: 40, absent: [] }],
    ['has a root of another length', { mapRoot: toBase64(new Uint8Array(31)) }],
    ['has a range beyond it', { absent: [[39, 41]] }],
    ['has a range before it', { absent: [[9, 10]] }],
    ['has an empty range', { absent: [[12, 12]] }],
    ['has ranges that touch', { absent: [[10, 12], [12, 13]] }], // prettier-ignore
    ['has ranges that overlap', { absent: [[10, 14], [12, 15]] }], // prettier-ignore
  ])('is refused when it %s', async (_, change) => {
    await expect(mapCommitmentLeaf({ ...commitment, ...change }, signer)).rejects.toEqual(
      refused('map-commitment-malformed'),
    );
  });

  it('is refused with any byte changed, in any other writing, and for any other bytes', async () => {
    const leaf = await mapCommitmentLeaf(commitment, signer);
    const spaced = encodeUtf8(new TextDecoder().decode(leaf).replace('{', '{ '));
    const changed = fc
      .tuple(fc.nat(leaf.length - 1), fc.integer({ min: 1, max: 255 }))
      .map(([at, by]) => new Uint8Array(leaf).with(at, (leaf[at] as number) ^ by));
    const bytes = fc.oneof(fc.constant(spaced), changed, fc.uint8Array());
    await fc.assert(
      fc.asyncProperty(bytes, async (bad) => {
        const error: unknown = await openMapCommitment(bad, [logKey], nobleVerifier).catch(
          (thrown: unknown) => thrown,
        );
        expect(error).toBeInstanceOf(AttestError);
      }),
      { seed: 71, numRuns: 300 },
    );
  });
});

async function answerFor(): Promise<SearchAnswer> {
  const listed = digestKey('sha256', hex('listed'));
  const map = MerkleMap.empty().with([
    [listed, [1, 3]],
    [digestKey('sha256', hex('other')), [2]],
    [UNREAD_KEY, [0]],
  ]);
  const leaf = await mapCommitmentLeaf(
    { ...commitment, treeSize: 4, previous: 0, absent: [], mapRoot: toBase64(map.root()) },
    signer,
  );
  const hashes = [0, 1, 2, 3].map((n) => rfc6962.leaf(Uint8Array.of(n)));
  const root = rootFromLeaves([...hashes, rfc6962.leaf(leaf)]);
  const text = formatCheckpoint({ origin: ORIGIN, size: 5, root, extensions: [] });
  return {
    checkpoint: await signNote(text, [noteSigner(ORIGIN, signer)]),
    commitment: {
      index: 4,
      leaf: toBase64(leaf),
      inclusionProof: [toBase64(rootFromLeaves(hashes))],
    },
    found: encodeKeyAnswer(map.prove(listed), await map.page(listed, 0)),
    unread: encodeKeyAnswer(map.prove(UNREAD_KEY), await map.page(UNREAD_KEY, 0)),
  };
}

describe('an answer to a search', () => {
  const options = {
    key: digestKey('sha256', hex('listed')),
    logs: [logKey],
    verify: nobleVerifier,
  };

  it('gives the list', async () => {
    const { found, unread, commitment: held } = await verifySearch(await answerFor(), options);
    expect(found).toEqual({ count: 2, page: { number: 0, indices: [1, 3] } });
    expect(unread).toEqual({ count: 1, page: { number: 0, indices: [0] } });
    expect(held.treeSize).toBe(4);
  });

  it('is refused with any part of it changed, with a code', async () => {
    const answer = await answerFor();
    const paths = leafPaths(answer);
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...paths), fc.jsonValue(), async (path, value) => {
        const spoilt = structuredClone(answer) as unknown as Record<string, unknown>;
        if (canonicalJson(get(spoilt, path)) === canonicalJson(value)) return;
        set(spoilt, path, value);
        const error: unknown = await verifySearch(spoilt, options).catch((e: unknown) => e);
        expect(error).toBeInstanceOf(AttestError);
      }),
      { seed: 72, numRuns: 400 },
    );
  });

  it('is refused when it is something else altogether', async () => {
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        await expect(verifySearch(value, options)).rejects.toEqual(refused('search-malformed'));
      }),
      { seed: 73, numRuns: 200 },
    );
  });
});

type Path = readonly (string | number)[];

function leafPaths(value: unknown, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [path];
  return Object.entries(value).flatMap(([name, inner]) => leafPaths(inner, [...path, name]));
}

function get(value: unknown, path: Path): unknown {
  return path.reduce<unknown>((inner, name) => (inner as Record<string, unknown>)[name], value);
}

function set(value: unknown, path: Path, to: unknown): void {
  const parent = get(value, path.slice(0, -1)) as Record<string, unknown>;
  parent[String(path.at(-1))] = to;
}

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { nobleVerifier, toBase64 } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { paeBytes } from '../dsse.js';
import { AttestError } from '../errors.js';
import { parsePae, sigstoreBundle } from './bundle.js';
import { readCertificate } from './certificate.js';
import { dsseEntry } from './dsse-entry.js';
import { hashedRekordEntry } from './hashedrekord.js';
import { readPemVerifier } from './pem-verifier.js';
import { readPem, writePem } from './pem.js';
import { readEntry } from './read-entry.js';
import { searchKeys } from './search-keys.js';
import { nameSearchKey, signerSearchKey } from './signer-search-key.js';
import { readSpki } from './spki.js';
import { v1Entry } from './v1-entries.js';
import { V1Request } from './v1-requests.js';
import { v1EntryId, v1LeafHash, v1TreeId } from './v1-names.js';

const PEM = new Uint8Array(readFileSync(new URL('testdata/certificate.pem', import.meta.url)));
const PAYLOAD_TYPE = 'application/vnd.in-toto+json';
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
const pem = new TextEncoder().encode(String(publicKey.export({ format: 'pem', type: 'spki' })));
const verifier = { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes: toBase64(spki) } };
const artifact = new TextEncoder().encode('an artifact');
const digest = createHash('sha256').update(artifact).digest();

function signed(message: Uint8Array): string {
  return sign('sha256', message, privateKey).toString('base64');
}

function coded(code: string): AttestError {
  return expect.objectContaining({ name: 'AttestError', code }) as AttestError;
}

function envelopeOf(payload: Uint8Array): {
  payload: string;
  payloadType: string;
  signatures: { sig: string }[];
} {
  const sig = signed(paeBytes(PAYLOAD_TYPE, payload));
  return { payload: toBase64(payload), payloadType: PAYLOAD_TYPE, signatures: [{ sig }] };
}

const statement = new TextEncoder().encode(
  JSON.stringify({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name: 'a', digest: { sha256: 'AB'.repeat(32), sha512: 'cd'.repeat(64) } }],
    predicateType: 'https://example.org/x',
    predicate: { materials: [{ digest: { sha1: 'ef'.repeat(20) } }] },
  }),
);

describe('hashedrekord 0.0.2', () => {
  const request = { digest: toBase64(digest), signature: { content: signed(artifact), verifier } };

  it('is canonical JSON that reads back', () => {
    const leaf = hashedRekordEntry(request);
    expect(new TextDecoder().decode(leaf)).toBe(
      `{"apiVersion":"0.0.2","kind":"hashedrekord","spec":{"hashedRekordV002":{"data":` +
        `{"algorithm":"SHA2_256","digest":"${request.digest}"},"signature":{"content":` +
        `"${request.signature.content}","verifier":{"keyDetails":"PKIX_ECDSA_P256_SHA_256",` +
        `"publicKey":{"rawBytes":"${toBase64(spki)}"}}}}}}`,
    );
    const view = readEntry(leaf);
    expect(view.signed).toEqual({ algorithm: 'sha256', digest: new Uint8Array(digest) });
    expect(searchKeys(view)).toEqual([`sha256:${digest.toString('hex')}`, signerSearchKey(pem)]);
  });

  it.each([
    ['entry-signature', { ...request, digest: toBase64(new Uint8Array(32)) }],
    ['entry-digest-mismatch', { ...request, digest: toBase64(new Uint8Array(48)) }],
    ['algorithm-unsupported', withVerifier({ keyDetails: 'PKIX_ECDSA_P384_SHA_256' })],
    ['algorithm-mismatch', withVerifier({ keyDetails: 'PKIX_ECDSA_P384_SHA_384' })],
    ['public-key-malformed', withVerifier({ publicKey: { rawBytes: 'AAAA' } })],
  ])('is refused: %s', (code, changed) => {
    expect(() => hashedRekordEntry(changed)).toThrow(coded(code));
  });

  it('is refused with Ed25519 that hashes nothing before', () => {
    const key = generateKeyPairSync('ed25519').publicKey.export({ format: 'der', type: 'spki' });
    const changed = withVerifier({
      keyDetails: 'PKIX_ED25519',
      publicKey: { rawBytes: key.toString('base64') },
    });
    expect(() => hashedRekordEntry(changed)).toThrow(coded('algorithm-unsupported'));
  });

  function withVerifier(change: object): typeof request {
    const { content } = { content: signed(artifact) };
    return {
      digest: toBase64(digest),
      signature: { content, verifier: { ...verifier, ...change } },
    };
  }
});

describe('a certificate', () => {
  it('gives its key and the names in it', () => {
    const [block] = readPem(PEM);
    const { spki: key, names } = readCertificate(block!.der);
    expect(readSpki(key)).toMatchObject({ type: 'ecdsa', curve: 'P-256' });
    expect(names).toEqual(['Someone@example.org', 'https://example.org/workflow']);
    expect(nameSearchKey(names[0]!)).toBe('name:someone@example.org');
  });

  it('is read from PEM in any layout, and written in one', () => {
    const text = new TextDecoder().decode(PEM);
    const loose = new TextEncoder().encode(`a comment\n${text.replace(/(.{64})\n/g, '$1\r\n \n')}`);
    expect(readPemVerifier(loose).canonical).toEqual(writePem(readPem(PEM)));
    expect(new TextDecoder().decode(readPemVerifier(PEM).canonical)).toBe(text);
  });

  it('is refused in no time, however much space is in it', () => {
    const began = performance.now();
    for (const text of [
      `-----BEGIN X-----${' '.repeat(120_000)}`,
      '-----BEGIN X-----'.repeat(7000),
    ]) {
      expect(() => readPem(new TextEncoder().encode(text))).toThrow(coded('pem-malformed'));
    }
    expect(performance.now() - began).toBeLessThan(1_000);
  });

  it.each([
    ['nothing', ''],
    ['another label', new TextDecoder().decode(PEM).replaceAll('CERTIFICATE', 'SOMETHING')],
    ['labels that differ', new TextDecoder().decode(PEM).replace('END CERT', 'END CERX')],
  ])('is refused: %s', (_name, text) => {
    expect(() => readPemVerifier(new TextEncoder().encode(text))).toThrow(coded('pem-malformed'));
  });
});

describe('envelopes', () => {
  const envelope = envelopeOf(statement);
  const publicKeyText = toBase64(pem);

  function v1Requests(): V1Request[] {
    const twice = (text: string): string => toBase64(new TextEncoder().encode(text));
    const [{ sig }] = envelope.signatures as [{ sig: string }];
    return [
      V1Request.parse({
        kind: 'dsse',
        apiVersion: '0.0.1',
        spec: {
          proposedContent: { envelope: JSON.stringify(envelope), verifiers: [publicKeyText] },
          signatures: null,
        },
      }),
      V1Request.parse({
        kind: 'intoto',
        apiVersion: '0.0.2',
        spec: {
          content: {
            envelope: {
              payloadType: PAYLOAD_TYPE,
              payload: twice(envelope.payload),
              signatures: [{ sig: twice(sig), publicKey: publicKeyText }],
            },
            hash: { algorithm: 'sha256', value: 'aa'.repeat(32) },
          },
        },
      }),
    ];
  }

  it.each([
    ['envelopeHash', { algorithm: 'sha256', value: '00'.repeat(32) }],
    ['payloadHash', { algorithm: 'sha256', value: '00'.repeat(32) }],
    ['signatures', [{ signature: 'AAAA', verifier: publicKeyText }]],
  ])('are not taken with a claim of what the log makes itself: %s', (field, value) => {
    const proposedContent = { envelope: JSON.stringify(envelope), verifiers: [publicKeyText] };
    const request = (claim: unknown): unknown => ({
      ...{ kind: 'dsse', apiVersion: '0.0.1' },
      spec: { proposedContent, [field]: claim },
    });
    expect(V1Request.safeParse(request(null)).success).toBe(true);
    expect(V1Request.safeParse(request(value)).success).toBe(false);
  });

  it('are found by payload, signer and what they are about, whichever way they came', async () => {
    const entries = [
      await dsseEntry({ envelope, verifiers: [verifier] }, nobleVerifier),
      ...(await Promise.all(v1Requests().map((request) => v1Entry(request, nobleVerifier)))),
    ];
    for (const { body, payload } of entries) {
      const keys = searchKeys(readEntry(body), payload);
      expect(payload).toEqual(statement);
      expect(keys).toEqual(
        expect.arrayContaining([
          `sha256:${createHash('sha256').update(statement).digest('hex')}`,
          signerSearchKey(pem),
          `sha256:${'ab'.repeat(32)}`,
          `sha512:${'cd'.repeat(64)}`,
          `sha1:${'ef'.repeat(20)}`,
        ]),
      );
    }
  });

  it('become bundles, with the payload type that was signed only', async () => {
    const { body, payload } = await dsseEntry({ envelope, verifiers: [verifier] }, nobleVerifier);
    const parts = { entry: readEntry(body), logged: {}, attestation: payload! };
    const bundle = await sigstoreBundle(parts, nobleVerifier);
    expect(bundle).toMatchObject({ dsseEnvelope: envelope });
    for (const wrong of [
      { ...parts, payloadType: 'text/plain' },
      { ...parts, attestation: new Uint8Array(3) },
      { entry: parts.entry, logged: {} },
    ]) {
      await expect(sigstoreBundle(wrong, nobleVerifier)).rejects.toThrow(
        coded('bundle-unavailable'),
      );
    }
  });

  it('are refused when a signature in them does not verify', async () => {
    for (const request of v1Requests()) {
      const other = envelopeOf(new TextEncoder().encode('{}')).signatures[0]!.sig;
      const text = JSON.stringify(request)
        .replaceAll(envelope.signatures[0]!.sig, other)
        .replaceAll(
          Buffer.from(envelope.signatures[0]!.sig).toString('base64'),
          Buffer.from(other).toString('base64'),
        );
      const changed = V1Request.parse(JSON.parse(text));
      await expect(v1Entry(changed, nobleVerifier)).rejects.toThrow(coded('entry-signature'));
    }
  });
});

describe('hashedrekord 0.0.1', () => {
  it('is told that no such key signs such a digest, though the signature is one', async () => {
    const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const text = String(rsa.publicKey.export({ format: 'pem', type: 'spki' }));
    const request = (hash: 'sha256' | 'sha512'): V1Request =>
      V1Request.parse({
        ...{ apiVersion: '0.0.1', kind: 'hashedrekord' },
        spec: {
          data: {
            hash: { algorithm: hash, value: createHash(hash).update(artifact).digest('hex') },
          },
          signature: {
            content: sign(hash, artifact, rsa.privateKey).toString('base64'),
            publicKey: { content: Buffer.from(text).toString('base64') },
          },
        },
      });
    await expect(v1Entry(request('sha256'), nobleVerifier)).resolves.toHaveProperty('body');
    await expect(v1Entry(request('sha512'), nobleVerifier)).rejects.toThrow(
      coded('algorithm-mismatch'),
    );
  });
});

describe('the encoding that is signed', () => {
  it('is taken apart as it was put together', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.uint8Array(),
        (type, payload) => {
          const parsed = parsePae(paeBytes(type, payload));
          expect(parsed?.payloadType).toBe(type);
          expect(new Uint8Array(parsed!.payload)).toEqual(payload);
        },
      ),
      { seed: 11, numRuns: 300 },
    );
  });

  it('is not read into other bytes', () => {
    for (const text of ['', 'DSSEv1 ', 'DSSEv1 1 a 2 x', 'DSSEv1 01 a 1 x', 'DSSEv2 1 a 1 x']) {
      expect(parsePae(new TextEncoder().encode(text))).toBeUndefined();
    }
  });
});

describe('ids of Rekor v1', () => {
  it('hold the tree and the leaf hash', () => {
    const hash = new Uint8Array(32).fill(7);
    const id = v1EntryId('a.example/log', hash);
    expect(id).toMatch(/^[0-9a-f]{80}$/);
    expect(v1TreeId('a.example/log')).toBeLessThan(2n ** 63n);
    expect(v1LeafHash('a.example/log', id)).toEqual(hash);
    expect(v1LeafHash('a.example/log', id.slice(16))).toEqual(hash);
    expect(v1LeafHash('b.example/log', id)).toBeUndefined();
    expect(v1LeafHash('a.example/log', `${id}0`)).toBeUndefined();
  });
});

describe('parsers of what clients send', () => {
  const leaf = hashedRekordEntry({
    digest: toBase64(digest),
    signature: { content: signed(artifact), verifier },
  });
  const certificate = readPem(PEM)[0]!.der;
  const parsers: [string, Uint8Array, (bytes: Uint8Array) => unknown][] = [
    ['a public key', spki, readSpki],
    ['a certificate', certificate, readCertificate],
    ['PEM', PEM, readPemVerifier],
    ['a leaf', leaf, readEntry],
    ['a signed encoding', paeBytes(PAYLOAD_TYPE, statement), parsePae],
  ];

  it.each(parsers)('refuse %s with a code, or read it', (_name, sample, parse) => {
    const mutated = fc
      .array(fc.tuple(fc.nat(sample.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 })
      .chain((changes) =>
        fc.nat(sample.length).map((cut) => {
          const bytes = new Uint8Array(sample);
          for (const [at, value] of changes) bytes[at] = value;
          return cut % 4 === 0 ? bytes.subarray(0, cut) : bytes;
        }),
      );
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 200 })), (bytes) => {
        try {
          parse(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(AttestError);
        }
      }),
      { seed: 12, numRuns: Number(process.env['FUZZ_RUNS'] ?? 500) },
    );
  });

  it('refuse proposed entries with a code, or read them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.json(), async (text) => {
        const parsed = V1Request.safeParse(JSON.parse(text));
        if (parsed.success) await v1Entry(parsed.data, nobleVerifier).catch(() => undefined);
      }),
      { seed: 13, numRuns: 200 },
    );
  });
});

it('takes no digest of half a byte', () => {
  const publicKey = { content: 'AAAA' };
  const hash = (digits: number): object => ({ algorithm: 'sha256', value: 'a'.repeat(digits) });
  const request = (digits: number): object => ({
    ...{ apiVersion: '0.0.1', kind: 'hashedrekord' },
    spec: { data: { hash: hash(digits) }, signature: { content: 'AAAA', publicKey } },
  });
  expect(V1Request.safeParse(request(64)).success).toBe(true);
  expect(V1Request.safeParse(request(65)).success).toBe(false);
});

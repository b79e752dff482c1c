import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier, publicKeyFromRaw, type Signer } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson } from '../canonical-json.js';
import { decodeCbor, encodeCbor, type CborValue } from '../cbor/cbor.js';
import { AttestError } from '../errors.js';
import { encodeStatement, parseStatement, STATEMENT_TYPE, type Statement } from '../statement.js';
import { encodeCborStatement, parseCborStatement } from './cbor-statement.js';
import { digestKey, indexEntry, nameKey, predicateKey } from '../map/index-keys.js';
import { hashedRekordEntry } from '../rekor/hashedrekord.js';
import { coseRequests, matchCoseEntry } from './cose-log.js';
import { signCose, verifyCose } from './cose-sign.js';
import { CBOR_STATEMENT_TYPE, parseSigStructure } from './sig-structure.js';

const seed = new Uint8Array(32).fill(3);
const edwards: Signer = {
  publicKey: publicKeyFromRaw('ed25519', ed25519.getPublicKey(seed)),
  sign: (message) => ed25519.sign(message, seed),
};
const nist: Signer = {
  publicKey: publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(seed, false)),
  sign: (message) => p256.sign(message, seed, { format: 'der' }),
};
const keys = [edwards.publicKey, nist.publicKey];

const statement: Statement = {
  _type: STATEMENT_TYPE,
  subject: [{ name: 'app.wasm', digest: { sha256: 'ab'.repeat(32) } }],
  predicateType: 'https://touchstone.dev/composition/v1',
  predicate: { z: [1, -1, 1.5, 1e21, null, true], a: { é: 'x', '': '' } },
};
const payload = encodeCborStatement(statement);
const signed = await signCose(statement, [edwards, nist]);

describe('a statement in CBOR and in JSON', () => {
  it('is the same statement', () => {
    expect(parseCborStatement(payload)).toEqual(parseStatement(encodeStatement(statement)));
  });

  it('is so whatever the predicate holds, and either way round', () => {
    const json = fc.jsonValue({ maxDepth: 5 }).filter((value) => {
      try {
        return !canonicalJson(value).includes('"__proto__"');
      } catch {
        return false;
      }
    });
    fc.assert(
      fc.property(json, (value) => {
        const one = { ...statement, predicate: { value } };
        const fromCbor = parseCborStatement(encodeCborStatement(one));
        expect(canonicalJson(fromCbor)).toBe(canonicalJson(one));
        const fromJson = parseStatement(encodeStatement(one));
        expect(bytesToHex(encodeCborStatement(fromJson))).toBe(
          bytesToHex(encodeCborStatement(one)),
        );
      }),
      { seed: 70, numRuns: 200 },
    );
  });
});

const outer = decodeCbor(signed.subarray(2)) as readonly CborValue[];
const rebuilt = (edit: (parts: CborValue[]) => void): Uint8Array => {
  const parts = structuredClone(outer) as CborValue[];
  edit(parts);
  return concatBytes(signed.subarray(0, 2), encodeCbor(parts));
};
const signatures = (parts: CborValue[]): CborValue[][] => parts[3] as CborValue[][];
const withPayload = (bytes: Uint8Array): Promise<Uint8Array> =>
  resigned(bytes, CBOR_STATEMENT_TYPE);

/** Signed as ours are, with a payload and type at will. */
async function resigned(bytes: Uint8Array, type: string): Promise<Uint8Array> {
  const body = encodeCbor(new Map([[3, type]]));
  const header = signatures(outer as CborValue[])[0]?.[0] as Uint8Array;
  const message = encodeCbor(['Signature', body, header, new Uint8Array(), bytes]);
  const signature = await edwards.sign(message);
  const parts: CborValue = [body, new Map(), bytes, [[header, new Map(), signature]]];
  return concatBytes(Uint8Array.of(0xd8, 0x62), encodeCbor(parts));
}

async function refusal(envelope: Uint8Array, trusted = keys): Promise<string> {
  try {
    await verifyCose(envelope, trusted, nobleVerifier);
    return 'good';
  } catch (error) {
    if (!(error instanceof AttestError)) throw error;
    return error.code;
  }
}

const text = (value: string): string => bytesToHex(encodeCbor(value));
const ATTACKS: readonly (readonly [string, Uint8Array | Promise<Uint8Array>, string])[] = [
  ['without its tag', signed.subarray(2), 'cose-malformed'],
  ['tagged as COSE_Sign1', signed.with(0, 0xd2).subarray(1), 'cose-malformed'],
  ['cut short', signed.subarray(0, -1), 'cbor-malformed'],
  ['with bytes behind it', concatBytes(signed, Uint8Array.of(0)), 'cbor-malformed'],
  [
    'of indefinite length',
    concatBytes(
      signed.subarray(0, 2),
      Uint8Array.of(0x9f),
      signed.subarray(3),
      Uint8Array.of(0xff),
    ),
    'cbor-malformed',
  ],
  ['of three parts', rebuilt((parts) => void parts.pop()), 'cose-malformed'],
  ['without a signature', rebuilt((parts) => void (parts[3] = [])), 'cose-malformed'],
  ['with a payload that is detached', rebuilt((parts) => void (parts[2] = null)), 'cose-malformed'],
  [
    'with a header that nobody signed',
    rebuilt((parts) => void (parts[1] = new Map([[4, 'x']]))),
    'cose-malformed',
  ],
  [
    'with a header of a signature that nobody signed',
    rebuilt((parts) => void (signatures(parts)[0]![1] = new Map([[1, -7]]))),
    'cose-malformed',
  ],
  [
    'with another payload',
    rebuilt((parts) => void (parts[2] = encodeCborStatement({ ...statement, predicateType: 'x' }))),
    'cose-signature',
  ],
  [
    'with signatures exchanged',
    rebuilt((parts) => {
      const [a, b] = signatures(parts);
      [a![2], b![2]] = [b![2]!, a![2]!];
    }),
    'cose-signature',
  ],
  [
    'signed twice by one',
    rebuilt((parts) => void (signatures(parts)[1] = signatures(parts)[0]!)),
    'cose-malformed',
  ],
  [
    'with an algorithm of another key',
    rebuilt(
      (parts) =>
        void (signatures(parts)[0]![0] = encodeCbor(
          new Map<number, CborValue>([
            [1, -7],
            [
              4,
              (
                decodeCbor(signatures(parts)[0]![0] as Uint8Array) as ReadonlyMap<
                  number,
                  Uint8Array
                >
              ).get(4)!,
            ],
          ]),
        )),
    ),
    'algorithm-unsupported',
  ],
  [
    'with a critical header',
    rebuilt(
      (parts) =>
        void (signatures(parts)[0]![0] = encodeCbor(
          new Map<number, CborValue>([
            [1, -8],
            [2, [9]],
            [4, new Uint8Array(32)],
          ]),
        )),
    ),
    'cose-malformed',
  ],
  ['of another type', resigned(payload, 'application/vnd.in-toto+json'), 'cose-content-type'],
  [
    'whose payload has keys that are not sorted',
    withPayload(hexToBytes(`a2${text('bb')}00${text('a')}00`)),
    'cbor-malformed',
  ],
  [
    'whose payload has a key twice',
    withPayload(hexToBytes(`a2${text('a')}00${text('a')}00`)),
    'cbor-malformed',
  ],
  [
    'whose payload is of indefinite length',
    withPayload(hexToBytes(`bf${text('a')}00ff`)),
    'cbor-malformed',
  ],
  [
    'whose payload holds bytes',
    withPayload(
      encodeCbor({ ...statement, predicate: { a: new Uint8Array(1) } } as unknown as CborValue),
    ),
    'statement-malformed',
  ],
  [
    'whose payload has a number as key',
    withPayload(encodeCbor(new Map([[1, 'a']]))),
    'statement-malformed',
  ],
  ['whose payload is no statement', withPayload(encodeCbor({ a: 1 })), 'statement-malformed'],
];

describe('an entry of a signature in COSE', () => {
  it('is hashedrekord over its Sig_structure, in DER', async () => {
    const cose = await verifyCose(await signCose(statement, [nist]), keys, nobleVerifier);
    const [{ request, attestation } = {}] = coseRequests(cose);
    if (!request || !('hashedRekordRequestV002' in request)) throw new Error('by digest');
    const [signature] = cose.signatures;
    if (!signature) throw new Error('there is one');
    expect(attestation?.bytes).toEqual(signature.message);
    expect(parseSigStructure(signature.message)).toEqual(payload);
    const leaf = hashedRekordEntry(request.hashedRekordRequestV002);
    expect(() => matchCoseEntry(leaf, signature)).not.toThrow();
    const changed = leaf.with(40, (leaf[40] ?? 0) ^ 1);
    expect(() => matchCoseEntry(changed, signature)).toThrow(
      expect.objectContaining({ code: 'entry-body-mismatch' }),
    );
  });

  it('there is none of EdDSA, which signs no digest', async () => {
    const cose = await verifyCose(signed, keys, nobleVerifier);
    expect(() => coseRequests(cose)).toThrow(
      expect.objectContaining({ code: 'algorithm-unsupported' }),
    );
    const [edward] = cose.signatures;
    if (!edward) throw new Error('there is one');
    expect(() => matchCoseEntry(new Uint8Array(), edward)).toThrow(
      expect.objectContaining({ code: 'algorithm-unsupported' }),
    );
  });

  it('is found by what the statement is about', async () => {
    const cose = await verifyCose(await signCose(statement, [nist]), keys, nobleVerifier);
    const [{ request, attestation } = {}] = coseRequests(cose);
    if (!request || !('hashedRekordRequestV002' in request)) throw new Error('by digest');
    const leaf = hashedRekordEntry(request.hashedRekordRequestV002);
    const found = await indexEntry(leaf, async () => attestation?.bytes);
    const named = found.keys.map(bytesToHex);
    const wanted = [
      digestKey('sha256', 'ab'.repeat(32)),
      digestKey('sha256', bytesToHex(sha256(payload))),
      nameKey('app.wasm'),
      predicateKey(statement.predicateType),
    ];
    for (const key of wanted) expect(named).toContain(bytesToHex(key));
    expect(found.absent).toBeUndefined();
  });

  it('of other bytes is that of a file, whatever they are', async () => {
    const cose = await verifyCose(signed, keys, nobleVerifier);
    const message = cose.signatures[0]?.message ?? new Uint8Array();
    const begun = encodeCbor(['Signature', 1, 2, 3, 4]).subarray(0, 11);
    const bytes = fc.oneof(
      fc.uint8Array(),
      fc.uint8Array({ maxLength: 64 }).map((tail) => concatBytes(begun, tail)),
      fc
        .tuple(fc.nat(message.length - 1), fc.integer({ min: 1, max: 255 }))
        .map(([at, by]) => message.with(at, (message[at] ?? 0) ^ by)),
    );
    fc.assert(
      fc.property(bytes, (each) => {
        const found = parseSigStructure(each);
        // What is taken has a payload that stands in it, whole and last.
        if (found) expect(each.subarray(each.length - found.length)).toEqual(found);
      }),
      { seed: 74, numRuns: 500 * Number(process.env['TOUCHSTONE_FUZZ'] ?? 1) },
    );
    expect(parseSigStructure(message)).toEqual(payload);
  });
});

describe('COSE_Sign', () => {
  it('is verified with the keys of all who signed', async () => {
    const {
      signers,
      payload: found,
      statement: said,
    } = await verifyCose(signed, keys, nobleVerifier);
    expect(signers).toEqual(keys);
    expect([found, said]).toEqual([payload, statement]);
    expect(await refusal(signed, [edwards.publicKey])).toBe('signer-unknown');
  });

  it('does not move', async () => {
    // Ed25519 and RFC 6979 both sign alike each time.
    expect(await signCose(statement, [edwards, nist])).toEqual(signed);
    expect(bytesToHex(signed.subarray(0, 37))).toBe(
      'd862845820a103781c6170706c69636174696f6e2f766e642e696e2d746f746f2b63626f72',
    );
  });

  it.each(ATTACKS)('is refused %s', async (_, envelope, code) => {
    expect(await refusal(await envelope)).toBe(code);
  });

  it('is refused with any byte altered', async () => {
    for (let at = 0; at < signed.length; at += 1) {
      const answers = { verify: () => false };
      const mutant = signed.with(at, (signed[at] ?? 0) ^ 0x10);
      // What verifies is up to the signatures; nothing but an AttestError may come of reading.
      await expect(verifyCose(mutant, keys, answers.verify)).rejects.toBeInstanceOf(AttestError);
    }
  });
});

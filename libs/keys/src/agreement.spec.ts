import { createPrivateKey, sign } from 'node:crypto';
import { ed25519, ED25519_TORSION_SUBGROUP } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { bytesToNumberLE, numberToBytesLE } from '@noble/curves/utils.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier, publicKeyFromRaw, rawPublicKey, type PublicKey } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { nodeVerifier } from './node-verifier.js';
import { generateKey, privateKeyFromPem } from './private-key.js';

/*
 * A rebuilder's evidence is checked by services through OpenSSL and by auditors in a browser. If
 * a signature could be made that only one of them accepts, they would disagree on a verdict.
 */

type Row = [
  title: string,
  expected: boolean,
  PublicKey,
  message: Uint8Array,
  signature: Uint8Array,
];

function expectBoth([title, expected, key, message, signature]: Row): void {
  expect({
    title,
    node: nodeVerifier(key, message, signature),
    noble: nobleVerifier(key, message, signature),
  }).toEqual({ title, node: expected, noble: expected });
}

function expectSame(key: PublicKey, message: Uint8Array, signature: Uint8Array): boolean {
  const answer = nodeVerifier(key, message, signature);
  expect(nobleVerifier(key, message, signature)).toBe(answer);
  return answer;
}

const message = Uint8Array.of(1, 2, 3);

describe('Ed25519, both verifiers', () => {
  const { Point } = ed25519;
  const L = Point.Fn.ORDER;
  const seed = new Uint8Array(32).fill(5);
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed);
  const key = publicKeyFromRaw('ed25519', pointBytes);
  const good = ed25519.sign(message, seed);
  const [r, s] = [good.slice(0, 32), good.slice(32)];
  const nonce = 123456789n;
  const torsion = ED25519_TORSION_SUBGROUP.map((hex) => Point.fromBytes(hexToBytes(hex), true));

  /** A signature by the equation, with any R and any encoding of A in the hash. */
  function forge(rBytes: Uint8Array, aBytes: Uint8Array, text: Uint8Array): Uint8Array {
    const k = bytesToNumberLE(sha512(concatBytes(rBytes, aBytes, text))) % L;
    return concatBytes(rBytes, numberToBytesLE((nonce + k * scalar) % L, 32));
  }

  const unchecked = (raw: Uint8Array): PublicKey => ({
    algorithm: 'ed25519',
    spki: concatBytes(hexToBytes('302a300506032b6570032100'), raw),
  });

  const rows: Row[] = [
    ['a good signature', true, key, message, good],
    [
      'one made by hand',
      true,
      key,
      message,
      forge(Point.BASE.multiply(nonce).toBytes(), pointBytes, message),
    ],
    ['another message', false, key, Uint8Array.of(1), good],
    ['another key', false, generateKey('ed25519').publicKey, message, good],
    ['S + L', false, key, message, concatBytes(r, numberToBytesLE(bytesToNumberLE(s) + L, 32))],
    ['S of all ones', false, key, message, concatBytes(r, new Uint8Array(32).fill(0xff))],
    ['S = L', false, key, message, concatBytes(r, numberToBytesLE(L, 32))],
    ['S = 0', false, key, message, concatBytes(r, new Uint8Array(32))],
    [
      'R with its sign bit flipped',
      false,
      key,
      message,
      concatBytes(r.with(31, (r[31] as number) ^ 0x80), s),
    ],
    ['R off the curve', false, key, message, concatBytes(new Uint8Array(32).with(0, 2), s)],
    [
      'R not canonical',
      false,
      key,
      message,
      concatBytes(new Uint8Array(32).fill(0xff).with(31, 0x7f), s),
    ],
    ['all zeros', false, key, message, new Uint8Array(64)],
    ['nothing', false, key, message, new Uint8Array()],
    ['63 bytes', false, key, message, good.slice(0, 63)],
    ['65 bytes', false, key, message, concatBytes(good, Uint8Array.of(0))],
    [
      'a key that is not on the curve',
      false,
      unchecked(new Uint8Array(32).with(0, 2)),
      message,
      good,
    ],
    [
      'a key with a byte more',
      false,
      unchecked(concatBytes(pointBytes, Uint8Array.of(0))),
      message,
      good,
    ],
  ];

  it.each(rows)('%s', (...row) => expectBoth(row));

  it('refuse R with a part of small order, which the equation with the cofactor takes', () => {
    for (const point of torsion.slice(1)) {
      const mixed = Point.BASE.multiply(nonce).add(point).toBytes();
      const signature = forge(mixed, pointBytes, message);
      expect(ed25519.verify(signature, message, pointBytes, { zip215: false })).toBe(true);
      expectBoth(['R of mixed order', false, key, message, signature]);
    }
  });

  it('agree on keys with a part of small order, for which some signatures hold', () => {
    const answers = new Set<boolean>();
    for (const point of torsion.slice(1)) {
      const mixed = Point.BASE.multiply(scalar).add(point).toBytes();
      for (let i = 0; i < 12; i++) {
        const text = Uint8Array.of(i);
        const signature = forge(Point.BASE.multiply(nonce).toBytes(), mixed, text);
        answers.add(expectSame(publicKeyFromRaw('ed25519', mixed), text, signature));
      }
    }
    expect(answers).toEqual(new Set([true, false]));
  });

  it('refuse keys of small order, under which one signature fits many messages', () => {
    for (const hex of ED25519_TORSION_SUBGROUP) {
      for (const other of ED25519_TORSION_SUBGROUP) {
        const signature = concatBytes(hexToBytes(other), new Uint8Array(32));
        expectBoth(['small order', false, unchecked(hexToBytes(hex)), message, signature]);
      }
    }
  });

  it('agree on signatures with a changed bit', () => {
    for (let bit = 0; bit < 512; bit += 3) {
      const byte = bit >> 3;
      const changed = good.with(byte, (good[byte] as number) ^ (1 << (bit & 7)));
      expectBoth([`bit ${bit}`, false, key, message, changed]);
    }
  });
});

describe('P-256, both verifiers', () => {
  const N = p256.Point.Fn.ORDER;
  const secret = new Uint8Array(32).fill(6);
  const key = publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(secret, false));
  const { r, s } = p256.Signature.fromBytes(p256.sign(message, secret, { lowS: true }));

  /** An INTEGER in its shortest form, or with `pad` zero bytes before it. */
  function integer(value: bigint, pad = 0): Uint8Array {
    let hex = value.toString(16);
    if (hex.length % 2 === 1) hex = `0${hex}`;
    if (Number.parseInt(hex.slice(0, 2), 16) >= 0x80) hex = `00${hex}`;
    const bytes = concatBytes(new Uint8Array(pad), hexToBytes(hex));
    return concatBytes(Uint8Array.of(0x02, bytes.length), bytes);
  }

  function sequence(...parts: Uint8Array[]): Uint8Array {
    const body = concatBytes(...parts);
    return concatBytes(Uint8Array.of(0x30, body.length), body);
  }

  const good = sequence(integer(r), integer(s));
  const body = good.subarray(2);
  const negative = (): Uint8Array => {
    const bytes = integer(s).slice();
    return Uint8Array.of(0x02, 0x20, 0xff, ...bytes.subarray(bytes.length - 31));
  };

  const offCurve: PublicKey = { ...key, spki: key.spki.with(90, (key.spki[90] as number) ^ 1) };

  const rows: Row[] = [
    ['a good signature', true, key, message, good],
    ['its other S, n - S', true, key, message, sequence(integer(r), integer(N - s))],
    ['another message', false, key, Uint8Array.of(9), good],
    ['another key', false, generateKey('ecdsa-p256-sha256').publicKey, message, good],
    ['R and S exchanged', false, key, message, sequence(integer(s), integer(r))],
    ['R = 0', false, key, message, sequence(integer(0n), integer(s))],
    ['S = 0', false, key, message, sequence(integer(r), integer(0n))],
    ['R = n', false, key, message, sequence(integer(N), integer(s))],
    ['S = n', false, key, message, sequence(integer(r), integer(N))],
    ['R + n', false, key, message, sequence(integer(r + N), integer(s))],
    ['S + n', false, key, message, sequence(integer(r), integer(s + N))],
    ['a negative S', false, key, message, sequence(integer(r), negative())],
    ['a padded R', false, key, message, sequence(integer(r, 1), integer(s))],
    ['a padded S', false, key, message, sequence(integer(r), integer(s, 3))],
    ['a byte after it', false, key, message, concatBytes(good, Uint8Array.of(0))],
    ['a byte within it', false, key, message, sequence(integer(r), integer(s), Uint8Array.of(0))],
    ['a third number', false, key, message, sequence(integer(r), integer(s), integer(1n))],
    ['one number', false, key, message, sequence(integer(r))],
    [
      'a long length',
      false,
      key,
      message,
      concatBytes(Uint8Array.of(0x30, 0x81, body.length), body),
    ],
    [
      'a longer length',
      false,
      key,
      message,
      concatBytes(Uint8Array.of(0x30, 0x82, 0, body.length), body),
    ],
    [
      'an indefinite length',
      false,
      key,
      message,
      concatBytes(Uint8Array.of(0x30, 0x80), body, Uint8Array.of(0, 0)),
    ],
    ['a SET', false, key, message, good.with(0, 0x31)],
    ['an OCTET STRING for R', false, key, message, good.with(2, 0x04)],
    ['the 64 bytes of IEEE P1363', false, key, message, p256.sign(message, secret)],
    ['nothing', false, key, message, new Uint8Array()],
    ['an empty SEQUENCE', false, key, message, Uint8Array.of(0x30, 0)],
    ['cut short', false, key, message, good.slice(0, -1)],
    ['a key off the curve', false, offCurve, message, good],
    ['a key in the clothes of Ed25519', false, { ...key, algorithm: 'ed25519' }, message, good],
  ];

  it.each(rows)('%s', (...row) => expectBoth(row));

  it('agree whatever is done to the bytes', () => {
    const edit = fc.tuple(fc.constantFrom('set', 'cut', 'add'), fc.nat(75), fc.nat(255));
    fc.assert(
      fc.property(fc.array(edit, { minLength: 1, maxLength: 3 }), (edits) => {
        const bytes = [...good];
        for (const [what, at, byte] of edits) {
          if (what === 'set') bytes[Math.min(at, bytes.length)] = byte;
          else bytes.splice(at, what === 'cut' ? 1 : 0, ...(what === 'add' ? [byte] : []));
        }
        expectSame(key, message, Uint8Array.from(bytes));
      }),
      { seed: 10, numRuns: 800 },
    );
  });
});

describe.each(['ed25519', 'ecdsa-p256-sha256'] as const)('generated keys of %s', (algorithm) => {
  it('make signatures that both verifiers accept for that message alone', () => {
    const key = generateKey(algorithm);
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (text) => {
        const signature = key.sign(text);
        expectBoth(['signed', true, key.publicKey, text, signature]);
        expectBoth(['longer', false, key.publicKey, Uint8Array.of(...text, 0), signature]);
      }),
      { seed: 11, numRuns: 25 },
    );
  });

  it('have public keys that both see alike', () => {
    const { publicKey } = generateKey(algorithm);
    expect(publicKeyFromRaw(algorithm, rawPublicKey(publicKey))).toEqual(publicKey);
  });
});

it('a verifier never throws, whatever it is given for a key', () => {
  const pem = generateKey('ed25519').toPem();
  const signature = sign(null, message, createPrivateKey(pem));
  expect(privateKeyFromPem(pem).publicKey.algorithm).toBe('ed25519');
  for (const strange of [
    {},
    { algorithm: 'rsa', spki: new Uint8Array(44) },
    { algorithm: 'ed25519' },
  ]) {
    expectBoth(['strange', false, strange as PublicKey, message, signature]);
  }
});

import { createCipheriv, createECDH, createHash, createHmac } from 'node:crypto';
import { concatBytes, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import {
  checkMacDigest,
  deriveKeyMac,
  ioCipher,
  keyedDigest,
  macDigest,
  nonceDigest,
  privWriteCipher,
  privWriteMac,
} from '../../digests.js';
import { serialNumber } from '../../configuration.js';
import { OPCODE } from '../../opcode.js';
import { publicKeyOf, signDigest } from '../../p256.js';
import { ask, chipOf, KIND, type Setup } from '../chip.fixture.js';
import type { ChipModel } from '../chip-model.js';

const bytes = (first: number, length: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 0xff);
const zeros = (length: number): Uint8Array => new Uint8Array(length);
const KEY = bytes(0x30, 32);
const PRIVATE = bytes(0x01, 32);
const NUM_IN = bytes(0x90, 20);
const MESSAGE = bytes(0, 16);
const AES_KEY = hexToBytes('000102030405060708090a0b0c0d0e0f');

const SETUP: Setup = {
  slots: {
    0: { ...KIND.privateKey, content: concatBytes(zeros(4), PRIVATE) },
    2: { slotConfig: 0x208f, keyConfig: 0x33, content: concatBytes(zeros(4), PRIVATE) },
    3: { slotConfig: 0xb4c4, keyConfig: 0x1c },
    4: { ...KIND.secret, content: KEY },
    5: { slotConfig: 0x0000, keyConfig: 0x3a },
    6: { slotConfig: 0x0f8f, keyConfig: 0x04bc, content: KEY },
    7: { slotConfig: 0x6483, keyConfig: 0x33 },
    10: { slotConfig: 0x0f0f, keyConfig: 0x38, content: AES_KEY },
    11: KIND.publicKey,
    12: KIND.data,
  },
  config: { 70: 0x03, 71: 0xbc, 72: 9, 73: 0x69, 74: 0x76, 90: 0x0e, 91: 0x40 },
};

const chip = (): ChipModel => chipOf(SETUP);
const serialOf = (one: ChipModel): Uint8Array => serialNumber(one.snapshot());
const load = (one: ChipModel, value = KEY): unknown => ask(one, OPCODE.nonce, 3, 0, value);
const randomNonce = (one: ChipModel): Uint8Array =>
  nonceDigest(ask(one, OPCODE.nonce, 0, 0, NUM_IN) as Uint8Array, NUM_IN, 0, 0);

function hmac(key: Uint8Array, ...message: Uint8Array[]): Uint8Array {
  return new Uint8Array(
    createHmac('sha256', key)
      .update(concatBytes(...message))
      .digest(),
  );
}

describe('SHA', () => {
  it('hashes and authenticates as node:crypto does', () => {
    const one = chip();
    const message = bytes(5, 150);
    const run = (start: unknown): unknown => {
      expect(start).toBe('ok');
      ask(one, OPCODE.sha, 1, 64, message.subarray(0, 64));
      ask(one, OPCODE.sha, 1, 64, message.subarray(64, 128));
      return ask(one, OPCODE.sha, 0xc2, 22, message.subarray(128));
    };
    const digest = createHash('sha256').update(message).digest();
    expect(run(ask(one, OPCODE.sha, 0, 0))).toEqual(new Uint8Array(digest));
    expect(run(ask(one, OPCODE.sha, 4, 4))).toEqual(hmac(KEY, message));
    load(one);
    expect(run(ask(one, OPCODE.sha, 4, 0xffff))).toEqual(hmac(KEY, message));
    expect(ask(one, OPCODE.sha, 1, 0)).toBe('execution');
  });

  it('takes a stored public key in', () => {
    const one = chip();
    ask(one, OPCODE.sha, 0, 0);
    expect(ask(one, OPCODE.sha, 3, 11)).toBe('ok');
    expect(ask(one, OPCODE.sha, 3, 4)).toBe('execution');
  });
});

describe('AES', () => {
  it('encrypts a block as node:crypto does, and back, from slot and TempKey', () => {
    const one = chip();
    const cipher = createCipheriv('aes-128-ecb', AES_KEY, null).setAutoPadding(false);
    const expected = new Uint8Array(cipher.update(MESSAGE));
    expect(ask(one, OPCODE.aes, 0, 10, MESSAGE)).toEqual(expected);
    expect(ask(one, OPCODE.aes, 1, 10, expected)).toEqual(MESSAGE);
    load(one, concatBytes(zeros(16), AES_KEY));
    expect(ask(one, OPCODE.aes, 0x40, 0xffff, MESSAGE)).toEqual(expected);
    expect(ask(one, OPCODE.aes, 0x80, 0xffff, MESSAGE)).toBe('parse');
    expect(ask(one, OPCODE.aes, 0, 4, MESSAGE)).toBe('execution');
  });

  it('multiplies as GCM does (test case 2 of the GCM specification)', () => {
    const h = hexToBytes('66e94bd4ef8a2c3b884cfa59ca342b2e');
    const x = hexToBytes('0388dace60b6a392f328c2b971b2fe78');
    expect(ask(chip(), OPCODE.aes, 3, 0, concatBytes(h, x))).toEqual(
      hexToBytes('5e2ec746917062882c85b0685353deb7'),
    );
  });
});

describe('KDF', () => {
  const details = (low: number, length: number): Uint8Array =>
    Uint8Array.of(low & 0xff, low >> 8, 0, length);

  it('is the PRF of TLS 1.2', () => {
    const one = chip();
    load(one);
    const a1 = hmac(KEY, MESSAGE);
    const long = concatBytes(hmac(KEY, a1, MESSAGE), hmac(KEY, hmac(KEY, a1), MESSAGE));
    const ask64 = (p1: number, low = 0x101): unknown =>
      ask(one, OPCODE.kdf, p1, 0, concatBytes(details(low, 16), MESSAGE));
    expect(ask64(0x10)).toEqual(long);
    expect(ask64(0x10, 1)).toEqual(long.slice(0, 32));
    const hidden = ask64(0x14) as Uint8Array;
    expect(ioCipher(KEY, hidden.subarray(64), hidden.subarray(0, 64))).toEqual(long);
    expect(ask64(0x0c, 0x301)).toEqual(long.slice(32));
    expect(ask(one, OPCODE.kdf, 0x13, 0, concatBytes(details(1, 16), MESSAGE))).toEqual(
      hmac(long.slice(0, 32), hmac(long.slice(0, 32), MESSAGE), MESSAGE),
    );
  });

  it('is one HMAC for HKDF, its special vector checked', () => {
    const one = chip();
    load(one);
    const run = (low: number, message: Uint8Array): unknown =>
      ask(one, OPCODE.kdf, 0x50, 0, concatBytes(details(low, message.length), message));
    expect(run(2, MESSAGE)).toEqual(hmac(KEY, MESSAGE));
    expect(run(6, MESSAGE)).toEqual(hmac(zeros(32), MESSAGE));
    expect(run(0x402, MESSAGE)).toEqual(hmac(KEY, MESSAGE));
    expect(run(0x400, zeros(0))).toEqual(hmac(KEY, KEY));
    expect(run(3, MESSAGE)).toBe('execution');
    const marked = MESSAGE.slice();
    marked.set([0x69, 0x76], 9);
    expect(run(3, marked)).toEqual(hmac(KEY, marked));
  });

  it('puts its result where it is told', () => {
    const one = chip();
    load(one);
    const input = concatBytes(zeros(4), MESSAGE);
    expect(ask(one, OPCODE.kdf, 0x28, 0x0500, input)).toBe('ok');
    const slot = ask(one, OPCODE.read, 0x82, 5 << 3) as Uint8Array;
    expect(slot.subarray(16)).toEqual(zeros(16));
    expect(ask(one, OPCODE.kdf, 0x28, 0x0300, input)).toBe('execution');
    expect(ask(one, OPCODE.kdf, 0x24, 0, input)).toBe('ok');
    expect(ask(one, OPCODE.kdf, 0x38, 0, input)).toBe('parse');
  });
});

describe('ECDH', () => {
  it('agrees with node:crypto, in clear and encrypted', () => {
    const one = chip();
    const other = createECDH('prime256v1');
    other.generateKeys();
    const theirs = new Uint8Array(other.getPublicKey()).slice(1);
    const ours = concatBytes(Uint8Array.of(4), publicKeyOf(PRIVATE));
    const secret = new Uint8Array(other.computeSecret(ours));
    expect(ask(one, OPCODE.ecdh, 0, 0, theirs)).toEqual(secret);
    const hidden = ask(one, OPCODE.ecdh, 0x0e, 0, theirs) as Uint8Array;
    expect(ioCipher(KEY, hidden.subarray(32), hidden.subarray(0, 32))).toEqual(secret);
    expect(ask(one, OPCODE.ecdh, 0, 0, zeros(64))).toBe('execution');
  });

  it('keeps the secret inside where ReadKey says so', () => {
    const one = chip();
    const theirs = publicKeyOf(KEY);
    expect(ask(one, OPCODE.ecdh, 0, 2, theirs)).toBe('ok');
    expect(ask(one, OPCODE.ecdh, 0x0c, 2, theirs)).toBe('execution');
    expect(ask(one, OPCODE.ecdh, 0x08, 2, theirs)).toBe('ok');
  });

  it('uses a key in TempKey, which nothing else may', () => {
    const one = chip();
    const ours = ask(one, OPCODE.genKey, 4, 0xffff) as Uint8Array;
    expect(ours).toHaveLength(64);
    expect(ask(one, OPCODE.sign, 0x80, 0)).toBe('execution');
    expect(ask(one, OPCODE.aes, 0, 0xffff, MESSAGE)).toBe('execution');
    const theirs = createECDH('prime256v1');
    theirs.setPrivateKey(KEY);
    const secret = theirs.computeSecret(concatBytes(Uint8Array.of(4), ours));
    expect(ask(one, OPCODE.ecdh, 0x0d, 0, publicKeyOf(KEY))).toEqual(new Uint8Array(secret));
  });
});

describe('MAC, CheckMac and DeriveKey', () => {
  it('answer a challenge that CheckMac accepts', () => {
    const one = chip();
    const serial = serialOf(one);
    const answer = ask(one, OPCODE.mac, 0, 4, KEY) as Uint8Array;
    expect(answer).toEqual(macDigest(KEY, KEY, { opcode: 8, p1: 0, p2: 4 }, serial, zeros(11)));
    const other = concatBytes(Uint8Array.of(8, 0, 4, 0), zeros(9));
    const check = (response: Uint8Array): unknown =>
      ask(one, OPCODE.checkMac, 0, 4, concatBytes(KEY, response, other));
    expect(check(answer)).toBe('ok');
    expect(check(zeros(32))).toBe('miscompare');
  });

  it('authorise the keys that name the one that was proved', () => {
    const one = chip();
    const use = (): unknown => ask(one, OPCODE.mac, 0, 6, KEY);
    expect(use()).toBe('execution');
    const tempKey = randomNonce(one);
    const other = zeros(13);
    const response = checkMacDigest(KEY, tempKey, other, serialOf(one), zeros(8));
    expect(ask(one, OPCODE.checkMac, 1, 4, concatBytes(zeros(32), response, other))).toBe('ok');
    expect(use()).toHaveLength(32);
    one.sleep();
    expect(use()).toBe('execution');
  });

  it('derive a key from its parent, with the MAC that the slot wants', () => {
    const one = chip();
    const serial = serialOf(one);
    const parameters = { opcode: OPCODE.deriveKey, p1: 0, p2: 3 };
    randomNonce(one);
    expect(ask(one, OPCODE.deriveKey, 0, 3)).toBe('execution');
    expect(ask(one, OPCODE.deriveKey, 0, 3, zeros(32))).toBe('miscompare');
    const tempKey = randomNonce(one);
    expect(ask(one, OPCODE.deriveKey, 0, 3, deriveKeyMac(KEY, parameters, serial))).toBe('ok');
    const derived = keyedDigest(KEY, parameters, serial, tempKey);
    expect(ask(one, OPCODE.mac, 0, 3, KEY)).toEqual(
      macDigest(derived, KEY, { opcode: 8, p1: 0, p2: 3 }, serial, zeros(11)),
    );
  });

  it('refuse a TempKey whose source is not the one that the mode names', () => {
    const one = chip();
    load(one);
    expect(ask(one, OPCODE.mac, 1, 4)).toBe('execution');
    expect(ask(one, OPCODE.mac, 5, 4)).toHaveLength(32);
    randomNonce(one);
    expect(ask(one, OPCODE.mac, 5, 4)).toBe('execution');
  });
});

describe('PrivWrite', () => {
  it('takes a key encrypted under its WriteKey, and no other way behind the lock', () => {
    const one = chip();
    const serial = serialOf(one);
    const clear = concatBytes(zeros(4), KEY);
    const parameters = { opcode: OPCODE.privWrite, p1: 0x40, p2: 7 };
    expect(ask(one, OPCODE.privWrite, 0, 7, concatBytes(clear, zeros(32)))).toBe('execution');
    const send = (mac?: Uint8Array): unknown => {
      const tempKey = randomNonce(one);
      ask(one, OPCODE.genDig, 2, 4);
      const session = keyedDigest(KEY, { opcode: 0x15, p1: 2, p2: 4 }, serial, tempKey);
      const right = privWriteMac(session, parameters, serial, clear);
      const sealed = concatBytes(privWriteCipher(session, clear), mac ?? right);
      return ask(one, OPCODE.privWrite, 0x40, 7, sealed);
    };
    expect(send(zeros(32))).toBe('miscompare');
    expect(send()).toBe('ok');
    expect(ask(one, OPCODE.genKey, 0, 7)).toEqual(publicKeyOf(KEY));
  });
});

describe('SecureBoot', () => {
  const digest = bytes(0x70, 32);
  const padded = (key: Uint8Array): Uint8Array =>
    concatBytes(zeros(4), key.subarray(0, 32), zeros(4), key.subarray(32));

  it('accepts signed code, keeps its digest, and refuses until the power goes when told', () => {
    const slots = {
      ...SETUP.slots,
      11: { ...KIND.publicKey, content: padded(publicKeyOf(PRIVATE)) },
    };
    const one = chipOf({ ...SETUP, slots });
    const signed = concatBytes(digest, signDigest(digest, PRIVATE, KEY));
    const boot = (p1: number, data: Uint8Array): unknown =>
      ask(one, OPCODE.secureBoot, p1, 0, data);
    expect(boot(5, signed)).toBe('ok');
    expect(boot(5, concatBytes(KEY, signed.subarray(32)))).toBe('miscompare');
    expect(boot(6, digest)).toBe('miscompare');
    expect(boot(7, signed)).toBe('ok');
    expect(boot(6, digest)).toBe('ok');
    expect(boot(4, signed)).toBe('parse');
    expect(boot(0x45, signed)).toBe('ok');
    expect(boot(5, signed)).toBe('execution');
    one.sleep();
    expect(boot(5, signed)).toBe('execution');
    one.powerCycle();
    expect(boot(5, signed)).toBe('ok');
  });
});

describe('the rest', () => {
  it('tests itself and finds nothing', () => {
    expect(ask(chip(), OPCODE.selfTest, 0x3b, 0)).toBe('ok');
    expect(ask(chip(), OPCODE.selfTest, 0x40, 0)).toBe('parse');
  });

  it('knows which keys are valid', () => {
    const valid = (slot: number): unknown => ask(chip(), OPCODE.info, 1, slot);
    expect(valid(0)).toEqual(Uint8Array.of(1, 0, 0, 0));
    expect(valid(7)).toEqual(Uint8Array.of(0, 0, 0, 0));
    expect(valid(11)).toEqual(Uint8Array.of(0, 0, 0, 0));
  });

  it('hashes TempKey again when Nonce is told to', () => {
    const one = chip();
    load(one);
    expect(ask(one, OPCODE.nonce, 0, 0x8000, NUM_IN)).toEqual(nonceDigest(KEY, NUM_IN, 0, 0x8000));
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodeResponse, encodeCommand, MAX_COMMAND_DATA } from '../frame.js';
import { OPCODE } from '../opcode.js';
import { publicKeyOf, verifyDigest } from '../p256.js';
import { Atecc608Error } from '../errors.js';
import { ask, chipOf, imageOf, KIND, slotOffset } from './chip.fixture.js';
import { ChipModel } from './chip-model.js';
import { seededRandom } from './seeded-random.js';

const DIGEST = Uint8Array.from({ length: 32 }, (_, i) => i);
const KEY = seededRandom(Uint8Array.of(9))(32);
const keySlot = { ...KIND.privateKey, content: Uint8Array.of(0, 0, 0, 0, ...KEY) };
const zeros = (length: number): Uint8Array => new Uint8Array(length);

describe('any bytes give exactly one response frame', () => {
  const setups = [
    chipOf({ locked: 'nothing' }),
    chipOf({ locked: 'config' }),
    chipOf({ slots: { 0: keySlot, 4: KIND.secret, 8: KIND.data, 9: KIND.publicKey } }),
    // Everything allowed and switched on, so that commands get further than their first check.
    chipOf({
      slots: Object.fromEntries(
        Array.from({ length: 16 }, (_, i) => [
          i,
          i < 4 ? keySlot : { slotConfig: 0x6f0f, keyConfig: [0x3c, 0x38, 0x32, 0x30][i % 4]! },
        ]),
      ),
      config: { 70: 0x03, 71: 0xbc, 90: 0x0e, 91: 0x40 },
    }),
  ];

  it('whatever the bytes', () => {
    fc.assert(
      fc.property(fc.constantFrom(...setups), fc.uint8Array({ maxLength: 200 }), (chip, bytes) => {
        expect(() => decodeResponse(chip.transact(bytes)!)).not.toThrow();
      }),
      { seed: 608, numRuns: 500 },
    );
  });

  it('whatever the well-formed commands', () => {
    const size = fc.constantFrom(
      0,
      3,
      4,
      16,
      20,
      32,
      36,
      64,
      68,
      77,
      83,
      96,
      128,
      MAX_COMMAND_DATA,
    );
    const command = fc.record({
      opcode: fc.constantFrom(...Object.values(OPCODE)),
      p1: fc.oneof(fc.nat(7), fc.nat(255)),
      p2: fc.oneof(fc.nat(15), fc.constantFrom(0xffff, 0x8000, 0x0500), fc.nat(0xffff)),
      data: size.chain((length) => fc.uint8Array({ minLength: length, maxLength: length })),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...setups),
        fc.array(command, { maxLength: 12 }),
        (chip, list) => {
          for (const one of list) {
            expect(() => decodeResponse(chip.transact(encodeCommand(one))!)).not.toThrow();
          }
        },
      ),
      { seed: 608, numRuns: 150 },
    );
  });

  it('says FF to a frame that did not arrive whole, and does nothing', () => {
    const chip = chipOf({});
    const step = encodeCommand({ opcode: OPCODE.counter, p1: 1, p2: 0, data: zeros(0) });
    step[2] = 0x11;
    expect(decodeResponse(chip.transact(step)!)).toEqual(Uint8Array.of(0xff));
    expect(ask(chip, OPCODE.counter, 0, 0)).toEqual(zeros(4));
  });
});

describe('what survives', () => {
  const chip = (): ChipModel => chipOf({ slots: { 0: keySlot } });
  const ready = (one: ChipModel): void => {
    expect(ask(one, OPCODE.nonce, 3, 0, DIGEST)).toBe('ok');
    expect(ask(one, OPCODE.sha, 0, 0)).toBe('ok');
    expect(ask(one, OPCODE.info, 4, 3)).toEqual(Uint8Array.of(1, 0, 0, 0));
  };
  const tempKeyIsValid = (one: ChipModel): boolean =>
    (ask(one, OPCODE.info, 2, 0) as Uint8Array)[1] === 0x80;
  const latch = (one: ChipModel): number => (ask(one, OPCODE.info, 4, 0) as Uint8Array)[0]!;

  it.each<[string, (one: ChipModel) => void, boolean, number]>([
    ['idle: everything', (one) => one.idle(), true, 1],
    ['sleep: the latch', (one) => one.sleep(), false, 1],
    ['power-off: nothing but the EEPROM', (one) => one.powerCycle(), false, 0],
  ])('%s', (_, act, kept, latched) => {
    const one = chip();
    ready(one);
    act(one);
    expect(tempKeyIsValid(one)).toBe(kept);
    expect(ask(one, OPCODE.sha, 2, 0) instanceof Uint8Array).toBe(kept);
    expect(latch(one)).toBe(latched);
    expect(one.wake()).toEqual(Uint8Array.of(4, 0x11, 0x33, 0x43));
  });

  it('starts again from a snapshot, and refuses other images', () => {
    const first = chip();
    expect(ask(first, OPCODE.counter, 1, 1)).toEqual(Uint8Array.of(1, 0, 0, 0));
    const second = new ChipModel({ random: seededRandom(zeros(1)), image: first.snapshot() });
    expect(ask(second, OPCODE.counter, 0, 1)).toEqual(Uint8Array.of(1, 0, 0, 0));
    first.restore(imageOf({}));
    expect(ask(first, OPCODE.counter, 0, 1)).toEqual(zeros(4));
    expect(() => first.restore(zeros(3))).toThrow(Atecc608Error);
  });

  it('does the same for the same seed, image and commands', () => {
    const run = (): unknown[] => {
      const one = new ChipModel({
        random: seededRandom(Uint8Array.of(7)),
        image: imageOf({ slots: { 0: keySlot } }),
      });
      return [ask(one, OPCODE.random, 0, 0), ask(one, OPCODE.genKey, 4, 0), one.snapshot()];
    };
    expect(run()).toEqual(run());
  });
});

describe('policy', () => {
  const data = (slotConfig: number, keyConfig = 0x3c) => ({ slotConfig, keyConfig });
  const nonce = (chip: ChipModel): unknown => ask(chip, OPCODE.nonce, 3, 0, DIGEST);
  const cases: [string, ChipModel, (chip: ChipModel) => unknown, string][] = [
    [
      'reads nothing of the data zone before its lock',
      chipOf({ locked: 'config', slots: { 8: KIND.data } }),
      (c) => ask(c, OPCODE.read, 0x82, 0x40),
      'execution',
    ],
    [
      'writes no data before the configuration is locked',
      chipOf({ locked: 'nothing' }),
      (c) => ask(c, OPCODE.write, 0x82, 0x40, zeros(32)),
      'execution',
    ],
    [
      'writes no four bytes of data before its lock',
      chipOf({ locked: 'config', slots: { 8: KIND.data } }),
      (c) => ask(c, OPCODE.write, 0x02, 0x40, zeros(4)),
      'execution',
    ],
    [
      'writes four bytes behind both locks',
      chipOf({ slots: { 8: KIND.data } }),
      (c) => ask(c, OPCODE.write, 0x02, 0x40, zeros(4)),
      'ok',
    ],
    [
      'writes no configuration behind its lock',
      chipOf({}),
      (c) => ask(c, OPCODE.write, 0x00, 0x05, zeros(4)),
      'execution',
    ],
    [
      'writes no serial number',
      chipOf({ locked: 'nothing' }),
      (c) => ask(c, OPCODE.write, 0x00, 0x00, zeros(4)),
      'execution',
    ],
    [
      'writes no lock bytes',
      chipOf({ locked: 'nothing' }),
      (c) => ask(c, OPCODE.write, 0x00, 0x15, zeros(4)),
      'execution',
    ],
    [
      'writes no OTP behind the lock',
      chipOf({}),
      (c) => ask(c, OPCODE.write, 0x81, 0, zeros(32)),
      'execution',
    ],
    [
      'reads no secret',
      chipOf({ slots: { 4: KIND.secret } }),
      (c) => ask(c, OPCODE.read, 0x82, 0x20),
      'execution',
    ],
    [
      'reads no private key',
      chipOf({ slots: { 0: { ...keySlot, slotConfig: 0 } } }),
      (c) => ask(c, OPCODE.read, 0x82, 0),
      'execution',
    ],
    [
      'writes no private key but by PrivWrite',
      chipOf({ locked: 'config', slots: { 0: keySlot } }),
      (c) => ask(c, OPCODE.write, 0x82, 0, zeros(32)),
      'execution',
    ],
    [
      'writes never where WriteConfig says never',
      chipOf({ slots: { 8: data(0x8000) } }),
      (c) => ask(c, OPCODE.write, 0x82, 0x40, zeros(32)),
      'execution',
    ],
    [
      'writes only encrypted where WriteConfig says so',
      chipOf({ slots: { 8: data(0x4000) } }),
      (c) => ask(c, OPCODE.write, 0x82, 0x40, zeros(32)),
      'execution',
    ],
    [
      'refuses addresses outside a slot',
      chipOf({ slots: { 9: KIND.data } }),
      (c) => ask(c, OPCODE.read, 0x82, 0x0348),
      'parse',
    ],
    [
      'signs nothing without TempKey',
      chipOf({ slots: { 0: keySlot } }),
      (c) => ask(c, OPCODE.sign, 0x80, 0),
      'execution',
    ],
    [
      'signs no chosen message where only internal ones may be',
      chipOf({ slots: { 0: { ...keySlot, slotConfig: 0x2082 } } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x80, 0)),
      'execution',
    ],
    [
      'signs no chosen message as an internal one',
      chipOf({ slots: { 0: keySlot } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x40, 0)),
      'execution',
    ],
    [
      'signs nothing before the data lock',
      chipOf({ locked: 'config', slots: { 0: keySlot } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x80, 0)),
      'execution',
    ],
    [
      'gives no public key without PubInfo',
      chipOf({ slots: { 0: { ...keySlot, keyConfig: 0x31 } } }),
      (c) => ask(c, OPCODE.genKey, 0, 0),
      'execution',
    ],
    [
      'makes no key where WriteConfig forbids it',
      chipOf({ slots: { 0: { ...keySlot, slotConfig: 0x0087 } } }),
      (c) => ask(c, OPCODE.genKey, 4, 0),
      'execution',
    ],
    [
      'makes no key in a locked slot',
      chipOf({ slots: { 0: keySlot }, config: { 88: 0xfe } }),
      (c) => ask(c, OPCODE.genKey, 4, 0),
      'execution',
    ],
    [
      'makes no ECDH answer without leave',
      chipOf({ slots: { 0: { ...keySlot, slotConfig: 0x2083 } } }),
      (c) => ask(c, OPCODE.ecdh, 0, 0, publicKeyOf(KEY)),
      'execution',
    ],
    [
      'uses no key whose latch is clear',
      chipOf({ slots: { 0: { ...keySlot, keyConfig: 0x1033 } } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x80, 0)),
      'execution',
    ],
    [
      'uses no key that wants authorising',
      chipOf({ slots: { 0: { ...keySlot, keyConfig: 0x04b3 } } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x80, 0)),
      'execution',
    ],
    [
      'uses no key that wants a random nonce with a fixed one',
      chipOf({ slots: { 0: { ...keySlot, keyConfig: 0x0073 } } }),
      (c) => (nonce(c), ask(c, OPCODE.sign, 0x80, 0)),
      'execution',
    ],
    [
      'answers 0F to a malformed public key',
      chipOf({}),
      (c) => (nonce(c), ask(c, OPCODE.verify, 2, 4, zeros(128))),
      'execution',
    ],
    [
      'locks no slot that is not lockable',
      chipOf({ slots: { 8: data(0, 0x1c) } }),
      (c) => ask(c, OPCODE.lock, 2 | (8 << 2), 0),
      'execution',
    ],
    [
      'locks no data zone before the configuration',
      chipOf({ locked: 'nothing' }),
      (c) => ask(c, OPCODE.lock, 0x81, 0),
      'execution',
    ],
    [
      'locks no configuration that has another CRC',
      chipOf({ locked: 'nothing' }),
      (c) => ask(c, OPCODE.lock, 0, 0x1234),
      'execution',
    ],
    ['locks nothing twice', chipOf({}), (c) => ask(c, OPCODE.lock, 0x80, 0), 'execution'],
    [
      'has no AES when the configuration says so',
      chipOf({ config: { 13: 0 } }),
      (c) => ask(c, OPCODE.aes, 3, 0, zeros(32)),
      'execution',
    ],
    [
      'does not know HMAC, the command of older parts',
      chipOf({}),
      (c) => ask(c, 0x11, 0, 0),
      'parse',
    ],
    [
      'writes UserExtra once',
      chipOf({ config: { 84: 7 } }),
      (c) => ask(c, OPCODE.updateExtra, 0, 8),
      'execution',
    ],
  ];

  it.each(cases)('%s', (_, chip, act, expected) => {
    expect(act(chip)).toBe(expected);
  });

  it('gives only FF FF 00 00 as random numbers until the configuration is locked', () => {
    const answer = ask(chipOf({ locked: 'nothing' }), OPCODE.random, 0, 0) as Uint8Array;
    expect([...answer.subarray(0, 8)]).toEqual([0xff, 0xff, 0, 0, 0xff, 0xff, 0, 0]);
  });

  it('invalidates TempKey by signing it, and keeps it when the buffer is signed', () => {
    const chip = chipOf({ slots: { 0: keySlot } });
    nonce(chip);
    ask(chip, OPCODE.nonce, 0x43, 0, DIGEST);
    const signature = ask(chip, OPCODE.sign, 0xa0, 0) as Uint8Array;
    expect(verifyDigest(signature, DIGEST, publicKeyOf(KEY))).toBe(true);
    expect(ask(chip, OPCODE.sign, 0x80, 0)).toHaveLength(64);
    expect(ask(chip, OPCODE.sign, 0x80, 0)).toBe('execution');
    expect(ask(chip, OPCODE.sign, 0xa0, 0)).toBe('execution');
  });

  it('stops a key of limited use at CountMatch', () => {
    const limit = Uint8Array.of(2, 0, 0, 0, 2, 0, 0, 0);
    const chip = chipOf({
      slots: { 0: { ...keySlot, slotConfig: 0x20a7 }, 10: { ...KIND.data, content: limit } },
      config: { 18: 0xa1 },
    });
    const sign = (): unknown => (nonce(chip), ask(chip, OPCODE.sign, 0x80, 0));
    expect([sign(), sign()].every((answer) => answer instanceof Uint8Array)).toBe(true);
    expect(sign()).toBe('execution');
    expect(ask(chip, OPCODE.counter, 0, 0)).toEqual(Uint8Array.of(2, 0, 0, 0));
  });
});

describe('power cut at any byte', () => {
  /** Cuts the power before the n-th byte written; Infinity never. */
  function cutting(image: Uint8Array, n: number): { chip: ChipModel; written: () => number } {
    let count = 0;
    const chip = new ChipModel({
      random: seededRandom(Uint8Array.of(5)),
      image,
      onWrite: () => count++ !== n,
    });
    return { chip, written: () => count };
  }

  it('a block: a prefix of it is written', () => {
    for (let n = 0; n < 32; n++) {
      const image = imageOf({ slots: { 8: { ...KIND.data, content: zeros(32) } } });
      const { chip } = cutting(image, n);
      expect(ask(chip, OPCODE.write, 0x82, 0x40, new Uint8Array(32).fill(0x5a))).toBe('power lost');
      const slot = chip.snapshot().subarray(slotOffset(8), slotOffset(8) + 32);
      expect(slot).toEqual(Uint8Array.from({ length: 32 }, (_, i) => (i < n ? 0x5a : 0)));
      expect(ask(chip, OPCODE.info, 0, 0)).toBeInstanceOf(Uint8Array);
    }
  });

  it('a lock: done or not', () => {
    const { chip } = cutting(imageOf({ locked: 'nothing' }), 0);
    expect(ask(chip, OPCODE.lock, 0x80, 0)).toBe('power lost');
    expect(ask(chip, OPCODE.write, 0x00, 0x05, zeros(4))).toBe('ok');
  });

  it('a key that wants validation: never valid with bytes of another', () => {
    const old = new Uint8Array(72).fill(0x51);
    for (let n = 0; n < 34; n++) {
      const image = imageOf({ slots: { 14: { slotConfig: 0, keyConfig: 0x32, content: old } } });
      const { chip } = cutting(image, n);
      ask(chip, OPCODE.write, 0x82, 14 << 3, new Uint8Array(32).fill(0x55));
      const slot = chip.snapshot().subarray(slotOffset(14), slotOffset(14) + 72);
      if (!slot.every((byte, i) => byte === old[i])) expect(slot[0]! >> 4).toBe(0xa);
    }
  });
});

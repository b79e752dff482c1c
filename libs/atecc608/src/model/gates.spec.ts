import { concatBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { CONFIG } from '../configuration.js';
import { checkMacDigest, nonceDigest } from '../digests.js';
import { OPCODE } from '../opcode.js';
import { publicKeyOf, signDigest } from '../p256.js';
import { ask, chipOf, KIND, type Setup } from './chip.fixture.js';
import type { ChipModel } from './chip-model.js';

const bytes = (value: number, length = 32): Uint8Array => new Uint8Array(length).fill(value);
const [GATE_KEY, OTHER_KEY, BOOT_KEY] = [bytes(0x41), bytes(0x42), bytes(0x43)];
const CHALLENGE = bytes(0x50);

/** CheckMac with a nonce of the chip in TempKey: what proves to it that the host has the key. */
function prove(chip: ChipModel, slot: number, key: Uint8Array): unknown {
  const numIn = bytes(9, 20);
  const random = ask(chip, OPCODE.nonce, 0, 0, numIn) as Uint8Array;
  const tempKey = nonceDigest(random, numIn, 0, 0);
  const serial = ask(chip, OPCODE.read, 0x80, 0) as Uint8Array;
  const nine = concatBytes(serial.subarray(0, 4), serial.subarray(8, 13));
  const response = checkMacDigest(key, tempKey, bytes(0, 13), nine, bytes(0, 8));
  const data = concatBytes(bytes(0), response, bytes(0, 13));
  return ask(chip, OPCODE.checkMac, 1, slot, data);
}

describe('UseLock', () => {
  const SETUP: Setup = {
    slots: {
      0: KIND.privateKey,
      3: { ...KIND.secret, content: GATE_KEY },
      4: { ...KIND.secret, content: OTHER_KEY },
    },
    config: { [CONFIG.useLock]: 0x3a },
  };
  const mac = (chip: ChipModel, slot: number): unknown =>
    ask(chip, OPCODE.mac, 0, slot, CHALLENGE) instanceof Uint8Array;

  it('keeps all keys but its own from use until its own was proven', () => {
    const chip = chipOf(SETUP);
    expect(mac(chip, 4)).toBe(false);
    expect(prove(chip, 4, OTHER_KEY)).toBe('execution');
    expect(prove(chip, 3, OTHER_KEY)).toBe('miscompare');
    expect(mac(chip, 4)).toBe(false);
    expect(prove(chip, 3, GATE_KEY)).toBe('ok');
    expect(mac(chip, 4)).toBe(true);
  });

  it('holds through sleep, and is asked for again after a loss of power', () => {
    const chip = chipOf(SETUP);
    expect(prove(chip, 3, GATE_KEY)).toBe('ok');
    chip.sleep();
    expect(mac(chip, 4)).toBe(true);
    chip.powerCycle();
    expect(mac(chip, 4)).toBe(false);
  });

  it.each([0x00, 0x30, 0x3b])('is off with %d', (value) => {
    expect(mac(chipOf({ ...SETUP, config: { [CONFIG.useLock]: value } }), 4)).toBe(true);
  });
});

describe('SecureBoot', () => {
  const stored = concatBytes(
    bytes(0, 4),
    publicKeyOf(BOOT_KEY).subarray(0, 32),
    bytes(0, 4),
    publicKeyOf(BOOT_KEY).subarray(32),
  );
  /** A key that hangs on the persistent latch; SecureBoot by slot 15's key, digest in slot 8. */
  const setup = (secureBoot: number): Setup => ({
    slots: {
      4: { ...KIND.secret, keyConfig: KIND.secret.keyConfig | 0x1000, content: OTHER_KEY },
      8: KIND.data,
      15: { ...KIND.publicKey, content: stored },
    },
    config: { [CONFIG.secureBoot]: secureBoot, [CONFIG.secureBoot + 1]: 0xf8 },
  });
  const digest = bytes(0x70);
  const signed = concatBytes(digest, signDigest(digest, BOOT_KEY, bytes(1)));
  const usable = (chip: ChipModel): boolean =>
    ask(chip, OPCODE.mac, 0, 4, CHALLENGE) instanceof Uint8Array;

  it('sets the persistent latch when it is told to, and only after a success', () => {
    const chip = chipOf(setup(0x0b));
    expect(usable(chip)).toBe(false);
    expect(ask(chip, OPCODE.secureBoot, 5, 0, concatBytes(CHALLENGE, signed.subarray(32)))).toBe(
      'miscompare',
    );
    expect(usable(chip)).toBe(false);
    expect(ask(chip, OPCODE.secureBoot, 5, 0, signed)).toBe('ok');
    expect(usable(chip)).toBe(true);
    chip.sleep();
    expect(usable(chip)).toBe(true);
    chip.powerCycle();
    expect(usable(chip)).toBe(false);
  });

  it('leaves the latch alone when it is not', () => {
    const chip = chipOf(setup(0x03));
    expect(ask(chip, OPCODE.secureBoot, 5, 0, signed)).toBe('ok');
    expect(usable(chip)).toBe(false);
  });
});

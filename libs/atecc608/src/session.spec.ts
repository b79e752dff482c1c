import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { COUNTER_MAX, encodeCounter } from './counter-encoding.js';
import { CONFIG } from './configuration.js';
import { encodeStatus } from './frame.js';
import { chipOf, KIND, type Setup } from './model/chip.fixture.js';
import { ModelTransport } from './model-transport.js';
import { publicKeyOf, signDigest as signWith, verifyDigest } from './p256.js';
import { Atecc608Session } from './session.js';
import {
  attestationContext,
  attestCounter,
  counterAttestationDigest,
  generateKey,
  publicKey,
  readEncrypted,
  readPublicKey,
  signDigest,
  writeEncrypted,
  writePublicKey,
} from './session-keys.js';
import {
  validatePublicKey,
  validationDigest,
  verifyExternal,
  verifyStored,
} from './session-verify.js';
import { chipSigner } from './signer.js';
import type { Transport } from './transport.js';
import { ZONE } from './zone.js';

const DIGEST = sha256(utf8ToBytes('a checkpoint'));
const NONCE = new Uint8Array(32).fill(7);
const NUM_IN = new Uint8Array(20).fill(9);
const IO = { slot: 4, key: new Uint8Array(32).fill(0x33) };
const AUTHORITY = new Uint8Array(32).fill(0x11);

const SETUP: Setup = {
  slots: {
    0: KIND.privateKey,
    4: { ...KIND.secret, content: IO.key },
    8: KIND.data,
    9: { slotConfig: 0x44c4, keyConfig: 0x001c },
    11: KIND.publicKey,
    14: { slotConfig: 0x000f, keyConfig: 0x0032 },
    15: KIND.publicKey,
  },
};

function sessionOf(setup: Setup = SETUP): Atecc608Session {
  return new Atecc608Session(new ModelTransport(chipOf(setup)));
}

describe('a session with a chip', () => {
  it('knows the part', async () => {
    const session = sessionOf();
    expect(await session.revision()).toEqual(Uint8Array.of(0, 0, 0x60, 3));
    const serial = await session.serialNumber();
    expect([serial[0], serial[1], serial[8]]).toEqual([0x01, 0x23, 0xee]);
    expect(await session.lockState()).toEqual({ config: true, data: true });
    expect(await session.random()).not.toEqual(await session.random());
  });

  it('signs a digest with a key made inside, and the chip and the host agree', async () => {
    const session = sessionOf();
    const key = await generateKey(session, 0);
    expect(await publicKey(session, 0)).toEqual(key);
    const signature = await signDigest(session, 0, DIGEST);
    expect(verifyDigest(signature, DIGEST, key)).toBe(true);
    expect(await verifyExternal(session, DIGEST, signature, key)).toBe(true);
    expect(await verifyExternal(session, NONCE, signature, key)).toBe(false);
    await writePublicKey(session, 11, key);
    expect(await readPublicKey(session, 11)).toEqual(key);
    expect(await verifyStored(session, DIGEST, signature, 11)).toBe(true);
    expect(await verifyStored(session, NONCE, signature, 11)).toBe(false);
    await expect(
      verifyExternal(session, DIGEST, signature, new Uint8Array(64)),
    ).rejects.toMatchObject({ code: 'execution' });
  });

  it('signs notes as any other signer', async () => {
    const session = sessionOf();
    await generateKey(session, 0);
    const signer = await chipSigner(session, 0);
    const message = utf8ToBytes('text of a note\n');
    const signature = await signer.sign(message);
    expect(await nobleVerifier(signer.publicKey, message, signature)).toBe(true);
  });

  it('writes and reads under encryption, refusing another key and a flipped bit', async () => {
    const session = sessionOf();
    const place = { slot: 9, offset: 32 };
    const block = new Uint8Array(32).fill(0xab);
    await writeEncrypted(session, place, block, IO, NUM_IN);
    expect(await readEncrypted(session, place, IO, NUM_IN)).toEqual(block);
    const wrong = { slot: 4, key: NONCE };
    await expect(writeEncrypted(session, place, NONCE, wrong, NUM_IN)).rejects.toMatchObject({
      code: 'miscompare',
    });
    expect(await readEncrypted(session, place, IO, NUM_IN)).toEqual(block);
    await expect(session.readSlot(9)).rejects.toMatchObject({ code: 'execution' });
  });

  it('counts, and has the chip sign what it counted', async () => {
    const session = sessionOf();
    await generateKey(session, 0);
    expect(await session.counter(1)).toBe(0);
    expect(await session.incrementCounter(1)).toBe(1);
    const attestation = await attestCounter(session, 0, 1, NONCE);
    expect(attestation.value).toBe(1);
    const statement = {
      ...attestationContext(await session.readConfiguration()),
      counter: 1,
      value: 1,
      nonce: NONCE,
      signingSlot: 0,
    };
    const key = await publicKey(session, 0);
    expect(verifyDigest(attestation.signature, counterAttestationDigest(statement), key)).toBe(
      true,
    );
    for (const other of [{ value: 2 }, { nonce: DIGEST }, { counter: 0 }]) {
      const digest = counterAttestationDigest({ ...statement, ...other });
      expect(verifyDigest(attestation.signature, digest, key)).toBe(false);
    }
  });

  it('stops at the end of a counter', async () => {
    const config = Object.fromEntries(
      [...encodeCounter(COUNTER_MAX)].map((byte, i) => [CONFIG.counters + i, byte]),
    );
    const session = sessionOf({ ...SETUP, config });
    expect(await session.counter(0)).toBe(COUNTER_MAX);
    await expect(session.incrementCounter(0)).rejects.toMatchObject({ code: 'execution' });
  });

  it('accepts a public key only when its authority signed it', async () => {
    const session = sessionOf();
    await writePublicKey(session, 15, publicKeyOf(AUTHORITY));
    const key = publicKeyOf(NONCE);
    const signature = signWith(DIGEST, NONCE, NONCE);
    await writePublicKey(session, 14, key);
    const stored = (): Promise<boolean> => verifyStored(session, DIGEST, signature, 14);
    await expect(stored()).rejects.toMatchObject({ code: 'execution' });
    const serial = await session.serialNumber();
    const validate = async (privateKey: Uint8Array, invalidate: boolean): Promise<boolean> => {
      const { digest, other } = validationDigest(serial, 14, key, NONCE, invalidate);
      const approval = signWith(digest, privateKey, NONCE);
      return validatePublicKey(session, 14, NONCE, approval, other);
    };
    expect(await validate(NONCE, false)).toBe(false);
    expect(await validate(AUTHORITY, false)).toBe(true);
    expect(await stored()).toBe(true);
    expect(await validate(AUTHORITY, true)).toBe(true);
    await expect(stored()).rejects.toMatchObject({ code: 'execution' });
  });

  it('is configured and locked once, by the CRC of what is expected', async () => {
    const chip = chipOf({ locked: 'nothing' });
    const session = new Atecc608Session(new ModelTransport(chip));
    const wanted = await session.readConfiguration();
    wanted[CONFIG.slotConfig + 16] = 0;
    await session.writeConfiguration(wanted);
    expect(await session.readConfiguration()).toEqual(wanted);
    const other = wanted.slice();
    other[CONFIG.keyConfig] = 0;
    await expect(session.lockConfiguration(other)).rejects.toMatchObject({ code: 'argument' });
    await session.lockConfiguration(wanted);
    await session.writeBlock(ZONE.data, 8, 0, NONCE);
    const image = chip.snapshot();
    await session.lockData(image.subarray(192), image.subarray(128, 192));
    expect(await session.lockState()).toEqual({ config: true, data: true });
    expect((await session.readSlot(8)).subarray(0, 32)).toEqual(NONCE);
    await session.lockSlot(8);
    await expect(session.writeSlot(8, NONCE)).rejects.toMatchObject({ code: 'execution' });
  });

  it.each<[string, (session: Atecc608Session) => Promise<unknown>]>([
    ['a slot that does not exist', (session) => session.readSlot(16)],
    ['more than a slot holds', (session) => session.writeSlot(0, new Uint8Array(37))],
    ['an offset that is no word', (session) => session.readBlock(ZONE.data, 8, 3)],
    ['a digest of another length', (session) => signDigest(session, 0, new Uint8Array(31))],
    ['a configuration of another length', (session) => session.writeConfiguration(NONCE)],
  ])('refuses %s', async (_, act) => {
    await expect(act(sessionOf())).rejects.toMatchObject({ code: 'argument' });
  });

  it('sleeps when the work failed and idles when it did not', async () => {
    const calls: string[] = [];
    const line = new ModelTransport(chipOf(SETUP));
    const session = new Atecc608Session({
      send: (frame) => line.send(frame),
      receive: () => line.receive(),
      wake: async () => void calls.push('wake'),
      idle: async () => void calls.push('idle'),
      sleep: async () => void calls.push('sleep'),
    });
    await session.awake((awake) => awake.revision());
    await expect(session.awake((awake) => awake.readSlot(4))).rejects.toThrow();
    expect(calls).toEqual(['wake', 'idle', 'wake', 'sleep']);
  });
});

/** A line that spoils what passes: one entry for each receive, the last for ever after. */
class BadLine extends ModelTransport implements Transport {
  sends = 0;
  private readonly faults: (((frame: Uint8Array) => Uint8Array) | undefined)[];

  constructor(setup: Setup, ...faults: (((frame: Uint8Array) => Uint8Array) | undefined)[]) {
    super(chipOf(setup));
    this.faults = faults;
  }

  override send(frame: Uint8Array): Promise<void> {
    this.sends++;
    return super.send(frame);
  }

  override async receive(): Promise<Uint8Array> {
    const fault = this.faults.length > 1 ? this.faults.shift() : this.faults[0];
    const frame = (await super.receive()).slice();
    return fault === undefined ? frame : fault(frame);
  }

  override receiveAgain(): Promise<Uint8Array> {
    return this.receive();
  }
}

/** The same line without the means to read twice, as a stream is. */
class BadStream extends BadLine {
  override readonly receiveAgain = undefined as never;
}

const flip = (frame: Uint8Array): Uint8Array => frame.map((byte, i) => (i === 1 ? byte ^ 1 : byte));
const notReceived = (): Uint8Array => encodeStatus('command-crc');
const busy = (): Uint8Array => encodeStatus('watchdog');
const unknown = (): Uint8Array => Uint8Array.of(4, 0x42, 0x02, 0x00);

describe('a session over a bad line', () => {
  it('reads an answer again rather than counting twice', async () => {
    const line = new BadLine(SETUP, flip, flip, undefined);
    expect(await new Atecc608Session(line).incrementCounter(0)).toBe(1);
    expect(line.sends).toBe(1);
  });

  it('does not count again when it cannot read again', async () => {
    const line = new BadStream(SETUP, flip, undefined);
    const session = new Atecc608Session(line);
    await expect(session.incrementCounter(0)).rejects.toMatchObject({ code: 'response-crc' });
    expect(await session.counter(0)).toBe(1);
  });

  it('repeats what changes nothing', async () => {
    const line = new BadStream(SETUP, flip, undefined);
    expect(await new Atecc608Session(line).counter(0)).toBe(0);
    expect(line.sends).toBe(2);
  });

  it.each([
    ['a command that did not arrive', notReceived],
    ['a chip about to fall asleep', busy],
  ])('sends again after %s', async (_, fault) => {
    const line = new BadLine(SETUP, fault, undefined);
    expect(await new Atecc608Session(line).revision()).toHaveLength(4);
    expect(line.sends).toBe(2);
  });

  it.each<[string, (frame: Uint8Array) => Uint8Array, string, number]>([
    ['answers that never arrive whole', flip, 'response-crc', 3],
    ['a chip that never hears', notReceived, 'command-crc', 3],
    ['answers cut short', (frame) => frame.subarray(0, 3), 'response-malformed', 3],
    ['answers of another length', () => encodeStatus('ok'), 'response-malformed', 1],
    ['a status that nobody knows', unknown, 'response-crc', 3],
    ['a chip that was reset', () => encodeStatus('after-wake'), 'after-wake', 1],
    ['a chip with a broken generator', () => encodeStatus('health-test'), 'health-test', 1],
  ])('gives up on %s', async (_, fault, code, sends) => {
    const line = new BadStream(SETUP, fault);
    await expect(new Atecc608Session(line).revision()).rejects.toMatchObject({ code });
    expect(line.sends).toBe(sends);
  });

  it('says that a chip without power is mute', async () => {
    const chip = chipOf(SETUP, { onWrite: () => false });
    const session = new Atecc608Session(new ModelTransport(chip));
    await expect(session.incrementCounter(0)).rejects.toMatchObject({ code: 'no-response' });
  });
});

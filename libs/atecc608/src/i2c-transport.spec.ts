import { sha256 } from '@noble/hashes/sha2.js';
import { utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { FakeI2cBus, WATCHDOG } from './i2c-bus.fixture.js';
import { I2cTransport } from './i2c-transport.js';
import { chipOf, KIND } from './model/chip.fixture.js';
import { verifyDigest } from './p256.js';
import { Atecc608Session } from './session.js';
import { generateKey, signDigest } from './session-keys.js';
import { verifyExternal } from './session-verify.js';

const ADDRESS = 0x60;
const DIGEST = sha256(utf8ToBytes('a checkpoint'));

function stand(at = ADDRESS): { bus: FakeI2cBus; session: Atecc608Session } {
  const bus = new FakeI2cBus(chipOf({ slots: { 0: KIND.privateKey, 8: KIND.data } }), ADDRESS);
  const transport = new I2cTransport(bus, { address: at, pause: bus.pause });
  return { bus, session: new Atecc608Session(transport) };
}

describe('a chip on an I2C bus', () => {
  it('is woken, polled while it works, and signs', async () => {
    const { bus, session } = stand();
    const { key, signature, good } = await session.awake(async (awake) => {
      const made = await generateKey(awake, 0);
      const signed = await signDigest(awake, 0, DIGEST);
      const checked = await verifyExternal(awake, DIGEST, signed, made);
      return { key: made, signature: signed, good: checked };
    });
    expect(good).toBe(true);
    expect(verifyDigest(signature, DIGEST, key)).toBe(true);
    // Each of key generation, signing and verifying takes a tenth of a second.
    expect(bus.now).toBeGreaterThan(300);
    expect(bus.refused).toBeGreaterThan(100);
  });

  it('stays awake for a series longer than its watchdog', async () => {
    const { bus, session } = stand();
    await session.awake(async (awake) => {
      for (let at = 0; at < 60; at++) await awake.writeSlot(8, Uint8Array.of(at));
    });
    expect(bus.now).toBeGreaterThan(2 * WATCHDOG);
    const [first] = await session.readSlot(8);
    expect(first).toBe(59);
  });

  it('is woken again after it fell asleep by itself', async () => {
    const { bus, session } = stand();
    const before = await session.counter(0);
    await bus.pause(10 * WATCHDOG);
    expect(await session.incrementCounter(0)).toBe(before + 1);
    expect(bus.wakes).toBe(2);
  });

  it('wakes a chip that somebody left awake', async () => {
    const { bus, session } = stand();
    await bus.write(0, Uint8Array.of(0)).catch(() => undefined);
    await bus.pause(5);
    await bus.read(ADDRESS, 4);
    expect(await session.revision()).toEqual(Uint8Array.of(0, 0, 0x60, 3));
    expect(bus.wakes).toBe(2);
  });

  it('reads an answer again when it came damaged, and does not count twice', async () => {
    const { bus, session } = stand();
    bus.faults.flips = 1;
    expect(await session.incrementCounter(0)).toBe(1);
    bus.faults.flips = 1;
    expect(await session.random()).toHaveLength(32);
    expect(await session.counter(0)).toBe(1);
  });

  it('says so when a line is bad for good', async () => {
    const { bus, session } = stand();
    bus.faults.flips = 99;
    await expect(session.random()).rejects.toMatchObject({ code: 'response-crc' });
  });

  it.each([
    ['nothing at the address', (): Atecc608Session => stand(0x35).session],
    [
      'a mute chip',
      (): Atecc608Session => {
        const { bus, session } = stand();
        bus.faults.mute = true;
        return session;
      },
    ],
  ])('gives up on %s', async (_, make) => {
    await expect(make().random()).rejects.toMatchObject({ code: 'no-response' });
  });

  it('gives up on a chip that goes mute while it works', async () => {
    const { bus, session } = stand();
    await session.revision();
    const answer = session.awake((awake) => generateKey(awake, 0));
    const write = bus.write.bind(bus);
    bus.write = async (address, bytes) => {
      await write(address, bytes);
      if (bytes[0] === 3) bus.faults.mute = true;
    };
    await expect(answer).rejects.toMatchObject({ code: 'no-response' });
    expect(bus.now).toBeGreaterThan(2500);
  });
});

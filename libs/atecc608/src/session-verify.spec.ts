import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { CONFIG } from './configuration.js';
import { encodeResponse } from './frame.js';
import { chipOf, KIND, type Setup } from './model/chip.fixture.js';
import { ModelTransport } from './model-transport.js';
import { OPCODE } from './opcode.js';
import { publicKeyOf, signDigest } from './p256.js';
import { Atecc608Session } from './session.js';
import { validateExternal, verifyExternal, verifyStored } from './session-verify.js';

const bytes = (value: number): Uint8Array => new Uint8Array(32).fill(value);
const [IO_KEY, NONCE, SIGNER, AUTHORITY] = [bytes(6), bytes(7), bytes(0x21), bytes(0x22)];
const DIGEST = sha256(utf8ToBytes('a bundle'));
const SIGNATURE = signDigest(DIGEST, SIGNER, bytes(1));
const stored = (key: Uint8Array): Uint8Array =>
  concatBytes(new Uint8Array(4), key.subarray(0, 32), new Uint8Array(4), key.subarray(32));

const IO_SLOT = 6;
const SETUP: Setup = {
  slots: {
    [IO_SLOT]: { ...KIND.secret, content: IO_KEY },
    // Public keys that count once slot 15's has vouched for them; 13 has a format of certificate.
    13: { slotConfig: 0x000f, keyConfig: 0x4032, content: stored(publicKeyOf(SIGNER)) },
    14: { slotConfig: 0x000f, keyConfig: 0x0032, content: stored(publicKeyOf(SIGNER)) },
    15: { ...KIND.publicKey, content: stored(publicKeyOf(AUTHORITY)) },
  },
  // IO protection key on, in slot 6; format 1: three blocks, the key the second.
  config: {
    [CONFIG.chipOptions]: 0x02,
    [CONFIG.chipOptions + 1]: IO_SLOT << 4,
    [CONFIG.x509Format]: 0,
    [CONFIG.x509Format + 1]: 0x31,
  },
};

const sessionOf = (transport = new ModelTransport(chipOf(SETUP))): Atecc608Session =>
  new Atecc608Session(transport);

/** Somebody on the line who turns every refusal into the answer that all is well. */
class Liar extends ModelTransport {
  override async receive(): Promise<Uint8Array> {
    const answer = await super.receive();
    return answer.length > 4 ? answer : encodeResponse(Uint8Array.of(0));
  }
}

/** Somebody who has heard a good answer, and gives it again. */
class Parrot extends ModelTransport {
  heard: Uint8Array | undefined;
  override async receive(): Promise<Uint8Array> {
    const answer = await super.receive();
    if (answer.length > 4) this.heard ??= answer;
    return answer.length > 4 ? (this.heard as Uint8Array) : answer;
  }
}

describe('Verify in MAC mode', () => {
  const io = { key: IO_KEY, nonce: NONCE };

  it('answers as without, for a key given and a key stored', async () => {
    const session = sessionOf();
    const key = publicKeyOf(SIGNER);
    expect(await verifyExternal(session, DIGEST, SIGNATURE, key, io)).toBe(true);
    expect(await verifyExternal(session, bytes(9), SIGNATURE, key, io)).toBe(false);
    const byAuthority = signDigest(DIGEST, AUTHORITY, bytes(2));
    expect(await verifyStored(session, DIGEST, byAuthority, 15, io)).toBe(true);
    expect(await verifyStored(session, DIGEST, SIGNATURE, 15, io)).toBe(false);
  });

  it('finds out who changes answers on the line, which the plain mode does not', async () => {
    const session = sessionOf(new Liar(chipOf(SETUP)));
    const key = publicKeyOf(SIGNER);
    expect(await verifyExternal(session, bytes(9), SIGNATURE, key)).toBe(true);
    await expect(verifyExternal(session, bytes(9), SIGNATURE, key, io)).rejects.toMatchObject({
      code: 'response-mac',
    });
  });

  it('finds out a good answer given again, and a chip that has another key', async () => {
    const session = sessionOf(new Parrot(chipOf(SETUP)));
    const key = publicKeyOf(SIGNER);
    expect(await verifyExternal(session, DIGEST, SIGNATURE, key, io)).toBe(true);
    for (const other of [
      { ...io, nonce: bytes(8) },
      { ...io, key: bytes(8) },
    ]) {
      await expect(verifyExternal(session, DIGEST, SIGNATURE, key, other)).rejects.toMatchObject({
        code: 'response-mac',
      });
    }
  });

  it('is refused by a chip whose IO protection key is off', async () => {
    const off = { ...SETUP, config: { [CONFIG.chipOptions]: 0 } };
    const session = sessionOf(new ModelTransport(chipOf(off)));
    const key = publicKeyOf(SIGNER);
    await expect(verifyExternal(session, DIGEST, SIGNATURE, key, io)).rejects.toMatchObject({
      code: 'execution',
    });
  });
});

describe('Verify(ValidateExternal)', () => {
  const certificate = sha256(utf8ToBytes('any certificate'));
  const byAuthority = (digest: Uint8Array): Uint8Array => signDigest(digest, AUTHORITY, bytes(3));

  it('has a key count from then on, by any message of its parent', async () => {
    const session = sessionOf();
    await expect(verifyStored(session, DIGEST, SIGNATURE, 14)).rejects.toMatchObject({
      code: 'execution',
    });
    expect(await validateExternal(session, 14, certificate, SIGNATURE)).toBe(false);
    await expect(verifyStored(session, DIGEST, SIGNATURE, 14)).rejects.toMatchObject({
      code: 'execution',
    });
    expect(await validateExternal(session, 14, certificate, byAuthority(certificate))).toBe(true);
    expect(await verifyStored(session, DIGEST, SIGNATURE, 14)).toBe(true);
  });

  const block = new Uint8Array(64).fill(0x30);
  const rest = new Uint8Array(20).fill(0x31);
  /** Blocks before the key and after it; what the chip makes of them. */
  async function hashed(
    session: Atecc608Session,
    before: number,
    after: number,
  ): Promise<Uint8Array> {
    await session.command(OPCODE.sha, 0, 0);
    for (let at = 0; at < before; at++) await session.command(OPCODE.sha, 1, 64, block);
    await session.command(OPCODE.sha, 3, 13);
    for (let at = 0; at < after; at++) await session.command(OPCODE.sha, 1, 64, block);
    return session.data(OPCODE.sha, 2, rest.length, 32, rest);
  }

  it('asks for a certificate that has the very key where X509format says', async () => {
    const session = sessionOf();
    const digest = await hashed(session, 1, 0);
    const key = publicKeyOf(SIGNER);
    expect(digest).toEqual(sha256(concatBytes(block, key, rest)));
    expect(await validateExternal(session, 13, digest, byAuthority(digest))).toBe(true);
    expect(await verifyStored(session, DIGEST, SIGNATURE, 13)).toBe(true);
  });

  it.each([
    ['a digest from outside', () => Promise.resolve(certificate)],
    ['the key as the first block', (session: Atecc608Session) => hashed(session, 0, 1)],
    ['the key as the third block', (session: Atecc608Session) => hashed(session, 2, 0)],
    ['a block too many', (session: Atecc608Session) => hashed(session, 1, 1)],
    ['a block too few', (session: Atecc608Session) => hashed(session, 0, 0)],
  ])('refuses %s', async (_, make) => {
    const session = sessionOf();
    const digest = await make(session);
    await expect(validateExternal(session, 13, digest, byAuthority(digest))).rejects.toMatchObject({
      code: 'execution',
    });
    await expect(verifyStored(session, DIGEST, SIGNATURE, 13)).rejects.toMatchObject({
      code: 'execution',
    });
  });

  it.each([0, IO_SLOT, 15])('refuses slot %d, which holds no key to be validated', async (slot) => {
    await expect(
      validateExternal(sessionOf(), slot, certificate, byAuthority(certificate)),
    ).rejects.toMatchObject({ code: 'execution' });
  });
});

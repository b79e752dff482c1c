import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier, publicKeyFromRaw, type Signer } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { chipOf, KIND } from '../model/chip.fixture.js';
import { ModelTransport } from '../model-transport.js';
import { Atecc608Session } from '../session.js';
import { generateKey } from '../session-keys.js';
import { chipSigner } from '../signer.js';
import { COMPRESSED_SIZE } from './compressed.js';
import {
  deviceTemplate,
  expandDeviceCertificate,
  issueDeviceCertificate,
  type DeviceIdentity,
} from './device-certificate.js';
import { encodeSignature } from './der.js';
import { layoutOf } from './layout.js';

const FROM = { year: 2026, month: 11, day: 29, hour: 8 };
const SERIAL = Uint8Array.of(1, 0x23, 4, 5, 6, 7, 8, 9, 0xee);

async function parties(organisation: string): Promise<{ identity: DeviceIdentity; ca: Signer }> {
  const keys = { 0: KIND.privateKey, 1: KIND.privateKey };
  const session = new Atecc608Session(new ModelTransport(chipOf({ slots: keys })));
  const [publicKey, authority] = [await generateKey(session, 0), await generateKey(session, 1)];
  const ca = await chipSigner(session, 1);
  return { identity: { organisation, serial: SERIAL, publicKey, authority }, ca };
}

describe("a device's certificate", () => {
  it.each([
    ['Acme', FROM],
    ['Ä'.repeat(24), FROM],
    ['Acme', { ...FROM, year: 2040 }],
  ])('of %s is whole again from 72 bytes, and signed by the authority', async (name, from) => {
    const { identity, ca } = await parties(name);
    const { compressed, der } = await issueDeviceCertificate(identity, from, ca);
    expect(compressed).toHaveLength(COMPRESSED_SIZE);
    expect(expandDeviceCertificate(identity, compressed)).toEqual(der);
    const { tbs } = layoutOf(der);
    const signed = der.slice(tbs.offset, tbs.offset + tbs.length);
    const signature = encodeSignature(compressed.subarray(0, 64));
    const key = publicKeyFromRaw(
      'ecdsa-p256-sha256',
      concatBytes(Uint8Array.of(4), identity.authority),
    );
    expect(await nobleVerifier(key, signed, signature)).toBe(true);
    const text = Buffer.from(der).toString('latin1');
    expect(text).toContain('sn0123040506070809EE');
    expect(text).toContain(Buffer.from(utf8ToBytes(name)).toString('latin1'));
  });

  it('of another organisation, key or chip is another certificate', async () => {
    const { identity, ca } = await parties('Acme');
    const { compressed, der } = await issueDeviceCertificate(identity, FROM, ca);
    const others: Partial<DeviceIdentity>[] = [
      { organisation: 'Birch' },
      { serial: new Uint8Array(9) },
      { publicKey: identity.authority },
      { authority: identity.publicKey },
    ];
    for (const other of others) {
      expect(expandDeviceCertificate({ ...identity, ...other }, compressed)).not.toEqual(der);
    }
  });

  it.each(['', 'x'.repeat(49)])('is not made for an organisation named %j', (name) => {
    expect(() => deviceTemplate(name)).toThrow(expect.objectContaining({ code: 'argument' }));
  });
});

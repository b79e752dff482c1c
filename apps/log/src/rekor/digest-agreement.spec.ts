import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import { AttestError, hashedRekordEntry } from '@touchstone/attest';
import type { HashedRekordRequest } from '@touchstone/attest';
import { ecdsaDigestCheck } from '@touchstone/keys';
import { expect, it } from 'vitest';

const ORDER = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n;
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const rawBytes = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
const message = Buffer.from('signed');
const digest = createHash('sha256').update(message).digest();

function integer(value: bigint): Buffer {
  const hex = value.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  const body = (bytes[0] ?? 0) >= 0x80 ? Buffer.concat([Buffer.from([0]), bytes]) : bytes;
  return Buffer.concat([Buffer.from([2, body.length]), body]);
}

function der(r: bigint, s: bigint): Buffer {
  const body = Buffer.concat([integer(r), integer(s)]);
  return Buffer.concat([Buffer.from([0x30, body.length]), body]);
}

function partsOf(signature: Buffer): { r: bigint; s: bigint } {
  const hex = signature.toString('hex');
  return { r: BigInt(`0x${hex.slice(0, 64)}`), s: BigInt(`0x${hex.slice(64)}`) };
}

function accepts(signature: Buffer, signed: Buffer, check?: typeof ecdsaDigestCheck): boolean {
  const request: HashedRekordRequest = {
    digest: signed.toString('base64'),
    signature: {
      content: signature.toString('base64'),
      verifier: { keyDetails: 'PKIX_ECDSA_P256_SHA_256', publicKey: { rawBytes } },
    },
  };
  try {
    hashedRekordEntry(request, check);
    return true;
  } catch (error) {
    if (error instanceof AttestError && error.code === 'entry-signature') return false;
    throw error;
  }
}

it('the platform and JavaScript agree on signatures over digests', () => {
  const zero = Buffer.alloc(32);
  const ones = Buffer.alloc(32, 0xff);
  for (let i = 0; i < 8; i++) {
    const raw = sign('sha256', message, { key: privateKey, dsaEncoding: 'ieee-p1363' });
    const { r, s } = partsOf(raw);
    const rows: [string, Buffer, Buffer, boolean][] = [
      ['as signed', der(r, s), digest, true],
      ['with the other s, which is as good', der(r, ORDER - s), digest, true],
      ['over another digest', der(r, s), createHash('sha256').update('x').digest(), false],
      ['over a digest of zeros', der(r, s), zero, false],
      ['over a digest above the order', der(r, s), ones, false],
      ['with r and s swapped', der(s, r), digest, false],
      ['with r of 0', der(0n, s), digest, false],
      ['with s of 0', der(r, 0n), digest, false],
      ['with s of the order', der(r, ORDER), digest, false],
      ['with r above the order', der(r + ORDER, s), digest, false],
      ['with r of 1', der(1n, s), digest, false],
      ['with s equal to r', der(r, r), digest, false],
      ['with s as -r', der(r, ORDER - r), digest, false],
      ['not in DER', raw, digest, false],
      ['cut short', der(r, s).subarray(0, -1), digest, false],
      ['with a byte after it', Buffer.concat([der(r, s), zero.subarray(0, 1)]), digest, false],
    ];
    for (const [name, signature, signed, valid] of rows) {
      expect([
        name,
        accepts(signature, signed),
        accepts(signature, signed, ecdsaDigestCheck),
      ]).toEqual([name, valid, valid]);
    }
  }
});

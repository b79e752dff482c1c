import { p256 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { ecdsaDerFromRaw, ecdsaRawFromDer } from './ecdsa-form.js';

const secret = new Uint8Array(32).fill(7);

describe('the two forms of an ECDSA signature', () => {
  it('say the same', () => {
    for (let byte = 0; byte < 64; byte += 1) {
      const raw = p256.sign(Uint8Array.of(byte), secret, { format: 'compact' });
      const der = p256.sign(Uint8Array.of(byte), secret, { format: 'der' });
      expect(ecdsaDerFromRaw(raw)).toEqual(der);
      expect(ecdsaRawFromDer(der)).toEqual(raw);
    }
  });

  it('are refused where they are no signature', () => {
    const zero = new Uint8Array(64);
    for (const raw of [zero, zero.fill(0xff), new Uint8Array(63), new Uint8Array(65)]) {
      expect(ecdsaDerFromRaw(raw)).toBeUndefined();
    }
    const der = p256.sign(Uint8Array.of(1), secret, { format: 'der' });
    expect(ecdsaRawFromDer(der.subarray(0, -1))).toBeUndefined();
    expect(ecdsaRawFromDer(Uint8Array.of(...der, 0))).toBeUndefined();
  });
});

import { seeded } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import { decodeBase45, encodeBase45 } from './base45.js';

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('base45', () => {
  it.each([
    ['AB', 'BB8'],
    ['Hello!!', '%69 VD92EX0'],
    ['base-45', 'UJCLQE7W581'],
    ['ietf!', 'QED8WEX0'],
    ['', ''],
  ])('%j is %j (RFC 9285 section 4.3)', (text, encoded) => {
    expect(encodeBase45(utf8(text))).toBe(encoded);
    expect(decodeBase45(encoded)).toEqual(utf8(text));
  });

  // Section 4: GGW is 65535, GGX would be 65536; :::  is 91124; alone, two characters end at 255.
  it.each(['GGX', ':::', '6V', '::', 'A', 'AAAA', 'aa', 'BB8\n', 'Ä0'])('refuses %j', (text) => {
    expect(decodeBase45(text)).toBeUndefined();
  });

  it('gives back what it was given, at every length', () => {
    const random = seeded(45);
    for (let length = 0; length < 300; length++) {
      const bytes = Uint8Array.from({ length }, () => Math.floor(random() * 256));
      expect(decodeBase45(encodeBase45(bytes))).toEqual(bytes);
    }
  });
});

import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import { NODE_INPUT_SIZE, nodeSha256 } from './node-sha256.js';

it('is the SHA-256 of the platform, in memory of its own', () => {
  let input = new Uint8Array(NODE_INPUT_SIZE);
  const digests: Uint8Array[] = [];
  for (let i = 0; i < 500; i++) {
    const expected = createHash('sha256').update(input).digest();
    const digest = nodeSha256(input);
    expect(Buffer.compare(digest, expected)).toBe(0);
    digests.push(digest);
    input = Uint8Array.from(
      { length: NODE_INPUT_SIZE },
      (_, at) => (digest[at % 32] as number) ^ at,
    );
  }
  expect(new Set(digests.map((digest) => Buffer.from(digest).toString('hex'))).size).toBe(500);
});

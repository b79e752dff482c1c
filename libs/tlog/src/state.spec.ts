import { encodeUtf8 } from '@touchstone/note';
import { CompactRange } from '@touchstone/merkle';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TlogError } from './error.js';
import { nodeHasher } from './node-hasher.js';
import { decodeState, encodeState } from './state.js';

function stateOf(size: number): Uint8Array {
  const range = new CompactRange(nodeHasher);
  for (let i = 0; i < size; i++) range.append(nodeHasher.leaf(Uint8Array.of(i)));
  return encodeState({ origin: 'example.org/log', generation: size, range });
}

function refuses(bytes: Uint8Array): void {
  try {
    decodeState(bytes, nodeHasher);
  } catch (error) {
    expect(error).toBeInstanceOf(TlogError);
    expect((error as TlogError).code).toBe('state-malformed');
    return;
  }
  expect.unreachable('it was accepted');
}

describe('state', () => {
  it.each([0, 1, 7, 200])('of size %d is read as it was written', (size) => {
    const bytes = stateOf(size);
    const state = decodeState(bytes, nodeHasher);
    expect([state.range.size, state.generation, state.origin]).toEqual([
      size,
      size,
      'example.org/log',
    ]);
    expect(encodeState(state)).toEqual(bytes);
  });

  it('is refused with any bit flipped', () => {
    const bytes = stateOf(5);
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.nat(7), (at, bit) => {
        const flipped = new Uint8Array(bytes);
        flipped[at] = (flipped[at] ?? 0) ^ (1 << bit);
        // The origin and the generation are plain; the engine compares both with its own.
        const { origin, generation } = readable(flipped);
        if (origin === 'example.org/log' && generation === 5) refuses(flipped);
      }),
      { seed: 1, numRuns: 400 },
    );
  });

  it('is refused as anything else, with a code', () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refuses), { seed: 2, numRuns: 300 });
    fc.assert(
      fc.property(fc.json(), (json) => refuses(encodeUtf8(json))),
      { seed: 3, numRuns: 300 },
    );
    refuses(new Uint8Array(20_000));
  });
});

function readable(bytes: Uint8Array): { origin?: unknown; generation?: unknown } {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as { origin?: unknown };
  } catch {
    return { origin: 'example.org/log', generation: 5 };
  }
}

import fc from 'fast-check';
import { concatBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { Atecc608Error } from './errors.js';
import { encodeCommand } from './frame.js';
import { StreamDecoder, type StreamEvent } from './stream.js';

const info = encodeCommand({ opcode: 0x30, p1: 0, p2: 0, data: new Uint8Array(0) });

describe('the stream decoder', () => {
  it('takes commands and word addresses apart however they are cut', () => {
    const bytes = concatBytes(Uint8Array.of(3), info, Uint8Array.of(0, 2, 1, 3), info);
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 6 }),
        (cuts) => {
          const decoder = new StreamDecoder();
          const edges = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
          const events: StreamEvent[] = [];
          edges
            .slice(1)
            .forEach((end, i) => events.push(...decoder.push(bytes.subarray(edges[i], end))));
          expect(events.map(({ kind }) => kind)).toEqual([
            'command',
            'reset',
            'idle',
            'sleep',
            'command',
          ]);
          expect(events[4]).toEqual({ kind: 'command', frame: info });
          expect(decoder.atBoundary).toBe(true);
        },
      ),
      { seed: 6, numRuns: 100 },
    );
  });

  it.each([
    ['an unknown word address', [4]],
    ['a count below seven', [3, 6]],
  ])('gives up at %s, for good', (_, bytes) => {
    const decoder = new StreamDecoder();
    const push = (): StreamEvent[] => [...decoder.push(Uint8Array.from(bytes))];
    expect(push).toThrow(Atecc608Error);
    expect(() => [...decoder.push(Uint8Array.of(0))]).toThrow(
      expect.objectContaining({ code: 'stream-malformed' }),
    );
  });

  it('never throws anything but its own error and holds at most one frame', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        try {
          for (const event of new StreamDecoder().push(bytes)) {
            if (event.kind === 'command') expect(event.frame.length).toBe(event.frame[0]);
          }
        } catch (error) {
          expect(error).toBeInstanceOf(Atecc608Error);
        }
      }),
      { seed: 6, numRuns: 300 },
    );
  });
});

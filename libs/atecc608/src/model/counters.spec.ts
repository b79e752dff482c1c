import { describe, expect, it } from 'vitest';
import { readU32le, u32le } from '../bytes.js';
import { CONFIG } from '../configuration.js';
import { COUNTER_MAX, decodeCounter, encodeCounter } from '../counter-encoding.js';
import { OPCODE } from '../opcode.js';
import { ask, imageOf } from './chip.fixture.js';
import { ChipModel } from './chip-model.js';
import { seededRandom } from './seeded-random.js';

/** Around every change of halves, and where bases carry over a byte. */
const VALUES = [
  ...Array.from({ length: 100 }, (_, i) => i),
  ...Array.from({ length: 70 }, (_, i) => 255 * 32 - 3 + i),
  ...Array.from({ length: 40 }, (_, i) => 1_048_575 - 3 + i),
  COUNTER_MAX - 1,
];

function chipAt(value: number, onWrite: () => boolean): ChipModel {
  const image = imageOf({});
  image.set(encodeCounter(value), CONFIG.counters + 8);
  return new ChipModel({ random: seededRandom(Uint8Array.of(1)), image, onWrite });
}

const read = (chip: ChipModel): number =>
  readU32le(ask(chip, OPCODE.counter, 0, 1) as Uint8Array, 0);

describe('counters', () => {
  it('start as the factory leaves them', () => {
    expect(encodeCounter(0)).toEqual(Uint8Array.of(0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0));
  });

  it.each([0, 1, 15, 16, 17, 31, 32, 33, 48, 49, 1000, 1_048_575, COUNTER_MAX])(
    'hold %i',
    (value) => {
      expect(decodeCounter(encodeCounter(value))).toBe(value);
    },
  );

  it('step to what the vendor would write', () => {
    for (const value of VALUES) {
      const chip = chipAt(value, () => true);
      expect(ask(chip, OPCODE.counter, 1, 1)).toEqual(u32le(value + 1));
      const at = CONFIG.counters + 8;
      expect(chip.snapshot().slice(at, at + 8)).toEqual(encodeCounter(value + 1));
    }
  });

  it('end at 2,097,151', () => {
    const chip = chipAt(COUNTER_MAX, () => true);
    expect(ask(chip, OPCODE.counter, 1, 1)).toBe('execution');
    expect(read(chip)).toBe(COUNTER_MAX);
  });

  it('are the old or the new value after a power cut at any byte, and go on from there', () => {
    let cuts = 0;
    for (const value of VALUES.slice(0, -1)) {
      for (let n = 0; ; n++) {
        let left = n;
        const chip = chipAt(value, () => left-- !== 0);
        const answer = ask(chip, OPCODE.counter, 1, 1);
        if (answer !== 'power lost') break;
        cuts++;
        const after = read(chip);
        expect(after === value || after === value + 1, `${value} cut at ${n}: ${after}`).toBe(true);
        for (let step = 1; step <= 40; step++) {
          expect(ask(chip, OPCODE.counter, 1, 1)).toEqual(u32le(after + step));
        }
      }
    }
    expect(cuts).toBeGreaterThan(VALUES.length);
  });
});

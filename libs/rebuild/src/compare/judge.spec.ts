import { describe, expect, it } from 'vitest';
import { judgeModules } from './judge.js';

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** One custom section `n` with this content. */
const custom = (...content: number[]): number[] => [0x00, content.length + 2, 1, 0x6e, ...content];
const module = (...bytes: number[]): Uint8Array => Uint8Array.from([...PREAMBLE, ...bytes]);

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(value >>> 7)];
}

function judge(claimed: Uint8Array, observed: Uint8Array) {
  return judgeModules([{ name: 'm', claimed, observed }])[0];
}

describe('judgeModules', () => {
  it('calls equal bytes reproduced, and explains nothing', () => {
    const judged = judge(module(), module());
    expect(judged).toMatchObject({ outcome: 'reproduced', normalisations: [] });
    expect(judged?.difference).toBeUndefined();
  });

  it('calls it equivalent when only custom sections differ, naming the normalisation', () => {
    const judged = judge(module(...custom(1)), module(...custom(2)));
    expect(judged).toMatchObject({
      ...{ outcome: 'equivalent', tier: 'same-code' },
      normalisations: [{ name: 'strip-custom-sections' }],
      difference: { sections: [{ section: 'custom:n', status: 'different' }] },
    });
  });

  it('calls what is no module different, without a normalisation', () => {
    const judged = judge(module(), Uint8Array.of(1, 2, 3));
    expect(judged).toMatchObject({ outcome: 'different', normalisations: [] });
  });

  // What a hostile compiler may hand over, held against what is published and the other way round.
  const whole = (bytes: readonly number[]): Uint8Array => Uint8Array.from([...PREAMBLE, ...bytes]);
  const ALL_ONES = [0xff, 0xff, 0xff, 0xff, 0x0f];
  const types = [1, 4, 1, 0x60, 0, 0];
  const oneFunction = [3, 2, 1, 0];
  const code = (body: readonly number[]): number[] => {
    const sized = [1, ...leb(body.length), ...body];
    return [...types, ...oneFunction, 10, ...leb(sized.length), ...sized];
  };
  it.each<[string, number[]]>([
    ['a section of 4 GiB', [1, ...ALL_ONES]],
    ['a section longer than the file', [1, 9, 0]],
    ['a size of 33 bits', [1, 0xff, 0xff, 0xff, 0xff, 0x7f]],
    ['an overlong size', [1, 0x84, 0x80, 0x80, 0x80, 0x00, ...types.slice(2)]],
    ['2^32 - 1 types', [1, 5, ...ALL_ONES]],
    ['2^32 - 1 imports', [2, 5, ...ALL_ONES]],
    ['2^32 - 1 functions', [...types, 3, 5, ...ALL_ONES]],
    ['2^32 - 1 bodies', [...types, ...oneFunction, 10, 5, ...ALL_ONES]],
    ['2^32 - 1 segments', [11, 5, ...ALL_ONES]],
    ['2^32 - 1 locals', code([1, ...ALL_ONES, 0x7f, 0x0b])],
    ['2^32 - 1 labels', code([0, 0x0e, ...ALL_ONES, 0x0b])],
    [
      '100,000 blocks in blocks',
      code([0, ...Array<number[]>(100_000).fill([2, 0x40]).flat(), 0x0b]),
    ],
    ['sections without end', Array<number[]>(50_000).fill(custom()).flat()],
    ['a section twice', [...types, ...types]],
    ['an unknown section', [99, 0]],
  ])('takes %s on either side, in bounded time', (_, bytes) => {
    const honest = whole(code([0, 0x0b]));
    const hostile = whole(bytes);
    const before = process.cpuUsage();
    for (const pair of [
      [honest, hostile],
      [hostile, honest],
      [hostile, whole([...bytes, 0])],
    ] as const) {
      const judged = judge(pair[0], pair[1]);
      expect(judged?.outcome).toBe('different');
      expect(JSON.stringify(judged).length).toBeLessThan(1024 * 1024);
    }
    const { user, system } = process.cpuUsage(before);
    expect((user + system) / 1e6).toBeLessThan(20);
  });

  it('keeps the differences of many modules within what a statement can hold', () => {
    const noisy = (seed: number): Uint8Array => {
      const sections = Array.from({ length: 60 }, (_, at) => custom((seed + at) % 128, at));
      return module(...sections.flat());
    };
    const pairs = Array.from({ length: 256 }, (_, at) => ({
      name: `m${at}`,
      claimed: noisy(at),
      observed: noisy(at + 1),
    }));
    const differences = judgeModules(pairs).map(({ difference }) => difference);
    expect(JSON.stringify(differences).length).toBeLessThan(512 * 1024);
    expect(differences.every((difference) => difference?.truncated)).toBe(true);
  });
});

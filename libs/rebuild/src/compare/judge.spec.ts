import { describe, expect, it } from 'vitest';
import { judgeModules } from './judge.js';

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
/** One custom section `n` with this content. */
const custom = (...content: number[]): number[] => [0x00, content.length + 2, 1, 0x6e, ...content];
const module = (...bytes: number[]): Uint8Array => Uint8Array.from([...PREAMBLE, ...bytes]);

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

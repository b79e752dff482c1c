import { describe, expect, it } from 'vitest';

import { body, custom, module, moduleOfFunctions, paddedLeb } from './assemble.fixture.js';
import { normaliseModules, stabilizerOf } from './normalise.js';

const code = (after: readonly Uint8Array[], constant = 1): Uint8Array =>
  moduleOfFunctions({ bodies: [body(constant)], after });

const stepsOf = (claimed: Uint8Array, observed: Uint8Array): [string, string[]] => {
  const { tier, normalisations } = normaliseModules(claimed, observed);
  return [tier, normalisations.map(({ name }) => name)];
};

describe('normaliseModules', () => {
  it.each([
    ['producers', 'strip-producers'],
    ['name', 'strip-names'],
    ['sourceMappingURL', 'strip-source-map-url'],
    ['build_id', 'strip-build-id'],
    ['.debug_info', 'strip-debug'],
    ['reloc..debug_line', 'strip-debug'],
    ['external_debug_info', 'strip-debug'],
    ['target_features', 'strip-target-features'],
    ['.dep-v0', 'strip-dependencies'],
    ['__llvm_covmap', 'strip-coverage-map'],
  ])('%s alone makes it equivalent after %s', (name, step) => {
    expect(stabilizerOf(name)).toBe(step);
    const [with1, with2, without] = [
      code([custom(name, [1])]),
      code([custom(name, [2])]),
      code([]),
    ];
    expect(stepsOf(with1, with2)).toEqual(['equivalent', [step]]);
    expect(stepsOf(with1, without)).toEqual(['equivalent', [step]]);
    expect(stepsOf(without, with2)).toEqual(['equivalent', [step]]);
  });

  it('names the fewest steps: what is the same on both sides stays', () => {
    const same = custom('name', [7]);
    const claimed = code([same, custom('producers', [1]), custom('build_id', [1])]);
    const observed = code([same, custom('producers', [2]), custom('build_id', [2])]);
    const { tier, normalisations } = normaliseModules(claimed, observed);
    expect(tier).toBe('equivalent');
    expect(normalisations.map(({ name }) => name)).toEqual(['strip-producers', 'strip-build-id']);
    const [first, last] = normalisations;
    expect(first?.claimed).not.toEqual(first?.observed);
    expect(last?.claimed).toEqual(last?.observed);
    expect(last?.claimed).toEqual(code([same]));
  });

  it('calls it the same code when a custom section differs that somebody may read', () => {
    const steps = ['same-code', ['strip-custom-sections']];
    expect(stepsOf(code([custom('dylink.0', [1])]), code([]))).toEqual(steps);
    const [a, b] = [custom('a', [1]), custom('b', [2])];
    expect(stepsOf(code([a, b]), code([b, a]))).toEqual(steps);
  });

  it('takes padded sizes for what they are', () => {
    const bare = [...code([])].slice(8);
    const padded = module([bare[0] ?? 0, ...paddedLeb(bare[1] ?? 0), ...bare.slice(2)]);
    expect(stepsOf(padded, code([]))).toEqual(['equivalent', ['shortest-section-sizes']]);
    const both = module([...padded.subarray(8), ...custom('producers', [1])]);
    expect(stepsOf(both, code([]))).toEqual([
      'equivalent',
      ['strip-producers', 'shortest-section-sizes'],
    ]);
  });

  it.each([
    ['other code', code([], 2), ['strip-custom-sections']],
    ['no module', Uint8Array.of(1, 2, 3), []],
  ])('calls %s different', (_, observed, steps) => {
    expect(stepsOf(code([custom('producers', [1])]), observed)).toEqual(['different', steps]);
  });

  it('has nothing to do for equal bytes', () => {
    expect(stepsOf(code([]), code([]))).toEqual(['reproduced', []]);
  });
});

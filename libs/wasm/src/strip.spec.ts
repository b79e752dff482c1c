import { describe, expect, it } from 'vitest';

import { body, custom, join, module, moduleOfFunctions, paddedLeb } from './assemble.fixture.js';
import { stripCustomSections } from './strip.js';

const bodies = [body(1), body(2)];
const plain = moduleOfFunctions({ bodies });
const dressed = moduleOfFunctions({
  bodies,
  names: ['a', 'b'],
  before: [custom('dylink.0', [1])],
  after: [custom('producers', [2]), custom('name')],
});

describe('stripCustomSections', () => {
  it('leaves every other byte as it was', () => {
    expect(stripCustomSections(dressed)).toEqual(plain);
    expect(stripCustomSections(plain)).toEqual(plain);
    expect(stripCustomSections(module(custom('only')))).toEqual(module());
  });

  it('keeps those that are named, all of them, in place', () => {
    const kept = moduleOfFunctions({ bodies, names: ['a', 'b'], after: [custom('name')] });
    expect(stripCustomSections(dressed, { keep: ['name', 'absent'] })).toEqual(kept);
  });

  it('keeps the padding of sizes', () => {
    const padded = join([1], paddedLeb(1), [0]);
    expect(stripCustomSections(module(custom('x'), padded))).toEqual(module(padded));
  });

  it('refuses what is no module', () => {
    expect(() => stripCustomSections(dressed.subarray(0, 40))).toThrow(
      expect.objectContaining({ name: 'WasmError', code: 'section-overrun' }),
    );
  });
});

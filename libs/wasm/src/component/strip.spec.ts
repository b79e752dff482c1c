import { describe, expect, it } from 'vitest';

import { custom, join, module, moduleOfFunctions, paddedLeb } from '../assemble.fixture.js';
import { stripCustomSections } from '../strip.js';
import { component, coreModule, funcType, nested, types } from './assemble.fixture.js';
import { validateStructure } from './validate.js';
import * as real from './real.fixture.js';
import { stripBinary } from './strip.js';

const plainModule = moduleOfFunctions({ bodies: [[0x00, 0x0b]] });
const dressedModule = moduleOfFunctions({
  bodies: [[0x00, 0x0b]],
  names: ['f'],
  after: [custom('producers', [0])],
});

describe('stripBinary', () => {
  it('removes custom sections at every level and writes the sizes around them anew', () => {
    // Over 127 bytes before and under it after, so that the size fields shrink as well.
    const long = custom('long', new Uint8Array(200));
    const dressed = component(
      long,
      nested(component(long, coreModule(dressedModule), types(funcType), custom('z'))),
      coreModule(dressedModule),
    );
    const plain = component(
      nested(component(coreModule(plainModule), types(funcType))),
      coreModule(plainModule),
    );
    expect(stripBinary(dressed)).toEqual(plain);
    expect(stripBinary(plain)).toEqual(plain);
  });

  it('keeps those that are named, at every level', () => {
    const kept = component(coreModule(module(custom('a'))), custom('a', [1]));
    const bytes = component(
      custom('b'),
      coreModule(module(custom('a'), custom('b'))),
      custom('a', [1]),
    );
    expect(stripBinary(bytes, { keep: ['a'] })).toEqual(kept);
    expect(stripBinary(bytes, { keep: ['a', 'b'] })).toEqual(bytes);
  });

  it('leaves padding where nothing was removed within', () => {
    const padded = module(join([1], paddedLeb(1), [0]));
    const bytes = component(join([1], paddedLeb(padded.length), padded), custom('x'));
    expect(stripBinary(bytes)).toEqual(bytes.subarray(0, bytes.length - 4));
  });

  it('takes as many sections as the reader does', () => {
    const many = new Uint8Array(900_000);
    for (let at = 0; at < many.length; at += 3) many.set([7, 1, 0], at);
    expect(stripBinary(component(many, custom('x')))).toHaveLength(900_008);
  });

  it('does to a module what stripCustomSections does', () => {
    expect(stripBinary(dressedModule)).toEqual(stripCustomSections(dressedModule));
  });

  it.each(Object.entries(real))('leaves %s sound, and once is enough', (_, bytes) => {
    const once = stripBinary(bytes);
    expect(once.length).toBeLessThanOrEqual(bytes.length);
    expect(stripBinary(once)).toEqual(once);
    validateStructure(once);
  });
});

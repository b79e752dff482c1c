import { describe, expect, it } from 'vitest';

import { join, leb, preamble, section, text, vector, type Bytes } from '../../assemble.fixture.js';
import { component, coreInstances, coreModule, coreTypes } from '../assemble.fixture.js';
import { codeOf } from './types.fixture.js';

const I32 = 0x7f;
const field = (type: Bytes): Uint8Array => join(type, [0x00]);
const struct = (...fields: Bytes[]): Uint8Array => join([0x5f], vector(fields.map(field)));
/** An index where a type may stand as well: signed. */
const index = (at: number): number[] =>
  at < 64 ? [at] : [(at & 0x7f) | 0x80, ...index(Math.floor(at / 128))];
const ref = (at: number): Uint8Array => join([0x64], index(at));

/** Each type refers twice to the one before it, the first to nothing but what it holds. */
const doubling = (levels: number, ...base: Bytes[]): Uint8Array[] => [
  struct(...base),
  ...Array.from({ length: levels }, (_, at) => struct(ref(at), ref(at))),
];

const LEVELS = 40;
/** Types, and a function of the last but one. */
const funcOf = (...types: Bytes[]): Bytes[] => [
  ...types,
  join([0x60, 0x01], ref(types.length - 1), [0x00]),
];

const giving = (types: Bytes[]): Uint8Array =>
  join(
    preamble,
    section(1, vector(types)),
    section(3, vector([leb(types.length - 1)])),
    section(7, vector([join(text('f'), [0x00, 0x00])])),
    section(10, vector([[0x02, 0x00, 0x0b]])),
  );
const taking = (types: Bytes[]): Uint8Array =>
  join(
    preamble,
    section(1, vector(types)),
    section(2, vector([join(text('m'), text('f'), [0x00], leb(types.length - 1))])),
  );
const wired = (given: Bytes[], taken: Bytes[]): Uint8Array =>
  component(
    coreModule(giving(given)),
    coreModule(taking(taken)),
    coreInstances([0x00, 0x00, 0x00], join([0x00, 0x01, 0x01], text('m'), [0x12, 0x00])),
  );

describe('core types that refer to others', () => {
  it('are told apart by all that is behind them, wherever they are defined', () => {
    const types = funcOf(...doubling(LEVELS));
    expect(codeOf(wired(types, types))).toBe('taken');
    // The same types at other indices.
    const later = [
      struct([I32]),
      ...doubling(LEVELS).map((type, at) => (at === 0 ? type : struct(ref(at), ref(at)))),
    ];
    expect(codeOf(wired(types, funcOf(...later)))).toBe('taken');
    expect(codeOf(wired(types, funcOf(...doubling(LEVELS, [I32]))))).toBe('type-mismatch');
  });

  it('cost what they take in the file, and not what they would unfolded', () => {
    const wide = struct(...Array.from({ length: 10_000 }, () => ref(LEVELS)));
    expect(codeOf(component(coreTypes(...doubling(LEVELS), wide)))).toBe('taken');
  });

  it.each<[string, Bytes, string]>([
    [
      '1,000 parameters',
      join([0x60], vector(Array.from({ length: 1_000 }, () => [I32])), [0x00]),
      'taken',
    ],
    [
      '1,001 parameters',
      join([0x60], vector(Array.from({ length: 1_001 }, () => [I32])), [0x00]),
      'type-malformed',
    ],
    [
      '1,001 results',
      join([0x60, 0x00], vector(Array.from({ length: 1_001 }, () => [I32]))),
      'type-malformed',
    ],
    ['10,001 fields', struct(...Array.from({ length: 10_001 }, () => [I32])), 'type-malformed'],
  ])('%s', (_, type, code) => {
    expect(codeOf(component(coreTypes(type)))).toBe(code);
  });
});

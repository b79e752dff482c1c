import { describe, expect, it } from 'vitest';

import { join, leb, vector, type Bytes } from '../../assemble.fixture.js';
import { WasmError } from '../../errors.js';
import { component, types } from '../assemble.fixture.js';
import { flags, record, STRING, typed, U32, U8, variant } from './types.fixture.js';

const many = (element: number, length: number): Uint8Array => join([0x67, element], leb(length));
const U64 = 0x77;
const BYTES = 2 ** 28;
const tuple = (...parts: number[]): Uint8Array => join([0x6f], vector(parts.map((each) => [each])));
const names = Array.from({ length: 9 }, (_, at) => `n${at}`);

/** Each is an array of something that takes so many bytes, in a memory of 64 bits. */
const SIZES: readonly [string, number, Bytes[]][] = [
  ['a byte', 1, [[U8]]],
  ['a string', 16, [[STRING]]],
  ['a list', 16, [[0x70, U8]]],
  ['a map', 16, [[0x63, STRING, U8]]],
  ['a record that is filled up', 8, [record(['a', U8], ['b', U32])]],
  ['a tuple', 16, [tuple(U8, U64)]],
  ['an option', 8, [[0x6b, U32]]],
  ['a result without payloads', 1, [[0x6a, 0x00, 0x00]]],
  ['a result', 16, [[0x6a, 0x01, U64, 0x00]]],
  ['a variant', 8, [variant(['a', U32], ['b'])]],
  ['flags', 2, [flags(...names)]],
  ['an enum', 1, [join([0x6d], vector(names.map((name) => join([2], Buffer.from(name)))))]],
  ['a stream', 4, [[0x66, 0x01, U64]]],
  [
    'a handle',
    4,
    [
      [0x3f, 0x7f, 0x00],
      [0x69, 0x00],
    ],
  ],
];

describe('the size of values', () => {
  it.each(SIZES)('%s takes %i', (_, size, before) => {
    const last = before.at(-1) ?? [];
    const isPrimitive = last.length === 1;
    const element = isPrimitive ? (last[0] ?? 0) : before.length - 1;
    const taken = (length: number): string => {
      try {
        typed(component(types(...(isPrimitive ? [] : before), many(element, length))));
        return 'taken';
      } catch (error) {
        return (error as WasmError).code;
      }
    };
    expect([taken(BYTES / size - 1), taken(BYTES / size)]).toEqual(['taken', 'type-too-large']);
  });

  it('is told where 32 bits would wrap to nothing', () => {
    expect(() => typed(component(types(many(U64, 2 ** 29))))).toThrow(
      expect.objectContaining({ code: 'type-too-large' }),
    );
  });

  it('counts what stands side by side, and not what a list points to', () => {
    const half = many(U8, BYTES / 2);
    expect(() => typed(component(types(half, tuple(0, 0))))).toThrow(WasmError);
    expect(typed(component(types(half, [0x70, 0x00], tuple(1, 1)))).kind).toBe('component');
  });
});

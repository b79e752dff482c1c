import { describe, expect, it } from 'vitest';

import { Cursor } from './cursor.js';
import { WasmError } from './errors.js';

const cursorOver = (bytes: readonly number[], canonical = true): Cursor =>
  new Cursor(Uint8Array.from([0xaa, ...bytes, 0xbb]), 1, bytes.length + 1, canonical);

const failureOf = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    if (error instanceof WasmError) return { code: error.code, offset: error.offset };
    throw error;
  }
  return undefined;
};

describe('u32', () => {
  it.each([
    [[0x00], 0],
    [[0x7f], 127],
    [[0x80, 0x01], 128],
    [[0xe5, 0x8e, 0x26], 624485],
    [[0xff, 0xff, 0xff, 0xff, 0x07], 2 ** 31 - 1],
    [[0x80, 0x80, 0x80, 0x80, 0x08], 2 ** 31],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
  ])('reads %j as %i', (bytes, value) => {
    const cursor = cursorOver(bytes);
    expect(cursor.u32('a field')).toBe(value);
    expect(cursor.remaining).toBe(0);
  });

  it.each([
    ['nothing', [], 'truncated', 1],
    ['an unfinished integer', [0x80, 0x80], 'truncated', 3],
    ['a padded zero', [0x80, 0x00], 'leb-overlong', 1],
    ['a padded one', [0x81, 0x80, 0x80, 0x80, 0x00], 'leb-overlong', 1],
    ['33 bits', [0xff, 0xff, 0xff, 0xff, 0x1f], 'leb-out-of-range', 1],
    ['a sixth byte', [0x80, 0x80, 0x80, 0x80, 0x80, 0x00], 'leb-out-of-range', 1],
  ])('refuses %s', (_, bytes, code, offset) => {
    expect(failureOf(() => cursorOver(bytes).u32('a field'))).toEqual({ code, offset });
  });

  it('reads padded integers where the specification rules, up to five bytes', () => {
    expect(cursorOver([0x81, 0x80, 0x80, 0x80, 0x00], false).u32('a field')).toBe(1);
    const sixBytes = [0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    expect(failureOf(() => cursorOver(sixBytes, false).u32('a field'))).toEqual({
      code: 'leb-out-of-range',
      offset: 1,
    });
  });
});

describe('integers that are stepped over', () => {
  const ten = (last: number): number[] => [...Array.from({ length: 9 }, () => 0xff), last];

  it.each([
    [
      'u64 in one byte',
      [0x05],
      (c: Cursor) => {
        c.skipU64('n');
      },
    ],
    [
      'the largest u64',
      ten(0x01),
      (c: Cursor) => {
        c.skipU64('n');
      },
    ],
    [
      's32 minus one',
      [0x7f],
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      'the least s32',
      [0x80, 0x80, 0x80, 0x80, 0x78],
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      '64, which needs a sign bit',
      [0xc0, 0x00],
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      'minus 65',
      [0xbf, 0x7f],
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      'the largest s33',
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      (c: Cursor) => {
        c.skipSigned(33, 'n');
      },
    ],
    [
      'the least s64',
      [...Array.from({ length: 9 }, () => 0x80), 0x7f],
      (c: Cursor) => {
        c.skipSigned(64, 'n');
      },
    ],
  ])('takes %s', (_, bytes, read) => {
    const cursor = cursorOver(bytes);
    read(cursor);
    expect(cursor.remaining).toBe(0);
  });

  it.each([
    [
      'u64 of 65 bits',
      ten(0x02),
      'leb-out-of-range',
      (c: Cursor) => {
        c.skipU64('n');
      },
    ],
    [
      'u64 of eleven bytes',
      [...ten(0x81), 0x00],
      'leb-out-of-range',
      (c: Cursor) => {
        c.skipU64('n');
      },
    ],
    [
      'padded u64',
      [0x81, 0x00],
      'leb-overlong',
      (c: Cursor) => {
        c.skipU64('n');
      },
    ],
    [
      'padded s32',
      [0x81, 0x00],
      'leb-overlong',
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      'padded minus one',
      [0xff, 0x7f],
      'leb-overlong',
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      's32 of 33 bits',
      [0xff, 0xff, 0xff, 0xff, 0x0f],
      'leb-out-of-range',
      (c: Cursor) => {
        c.skipSigned(32, 'n');
      },
    ],
    [
      's33 of six bytes',
      [0x80, 0x80, 0x80, 0x80, 0x80, 0x00],
      'leb-out-of-range',
      (c: Cursor) => {
        c.skipSigned(33, 'n');
      },
    ],
  ])('refuses %s', (_, bytes, code, read) => {
    expect(
      failureOf(() => {
        read(cursorOver(bytes));
      }),
    ).toEqual({ code, offset: 1 });
  });
});

describe('s33', () => {
  it.each([
    [[0x00], 0],
    [[0x3f], 63],
    [[0x40], -64],
    [[0x7f], -1],
    [[0xc0, 0x00], 64],
    [[0xbf, 0x7f], -65],
    [[0xff, 0xff, 0xff, 0xff, 0x0f], 2 ** 32 - 1],
    [[0x80, 0x80, 0x80, 0x80, 0x70], -(2 ** 32)],
  ])('reads %j as %i', (bytes, value) => {
    const cursor = cursorOver(bytes);
    expect(cursor.s33('a type')).toBe(value);
    expect(cursor.remaining).toBe(0);
  });
});

describe('counts and names', () => {
  it('refuses a count that the bytes at hand cannot hold, before any loop', () => {
    const cursor = cursorOver([0xff, 0xff, 0xff, 0xff, 0x0f]);
    expect(failureOf(() => cursor.count('the number of things', 2 ** 32, 1))).toEqual({
      code: 'count-too-large',
      offset: 1,
    });
  });

  it.each([
    ['longer than the section', [0x03, 0x61, 0x62], 'truncated'],
    ['longer than any name', [0xff, 0xff, 0xff, 0x0f], 'name-too-long'],
    ['a lone continuation byte', [0x01, 0x80], 'name-not-utf8'],
    ['half of a surrogate pair', [0x03, 0xed, 0xa0, 0x80], 'name-not-utf8'],
  ])('refuses a name %s', (_, bytes, code) => {
    expect(failureOf(() => cursorOver(bytes).text('a name'))).toMatchObject({ code });
  });

  it('reads a name', () => {
    expect(cursorOver([0x04, 0x61, 0xe2, 0x82, 0xac]).text('a name')).toBe('a€');
  });
});

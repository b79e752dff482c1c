import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { canonicalJson, MAX_JSON_DEPTH } from './index.js';

describe('canonicalJson', () => {
  it('writes the example of RFC 8785 section 3.2.2 as the RFC does', () => {
    const value: unknown = JSON.parse(`{
      "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
      "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/",
      "literals": [null, true, false]
    }`);
    expect(canonicalJson(value)).toBe(
      '{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],' +
        '"string":"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/"}',
    );
  });

  it('sorts keys by UTF-16 code units, as RFC 8785 section 3.2.3 shows', () => {
    const keys = ['\u20ac', '\r', '\ufb33', '1', '\ud83d\ude00', '\u0080', '\u00f6'];
    const sorted = ['\r', '1', '\u0080', '\u00f6', '\u20ac', '\ud83d\ude00', '\ufb33'];
    const text = canonicalJson(Object.fromEntries(keys.map((key) => [key, 0])));
    expect(text).toBe(`{${sorted.map((key) => `${JSON.stringify(key)}:0`).join(',')}}`);
  });

  it.each([
    [-0, '0'],
    [Number.MAX_SAFE_INTEGER, '9007199254740991'],
    [5e-324, '5e-324'],
    [1e21, '1e+21'],
    ['\u2028', '"\u2028"'],
    ['\u007f', '"\u007f"'],
    [[], '[]'],
    [{}, '{}'],
    [Object.create(null), '{}'],
    [JSON.parse('{"__proto__":1}'), '{"__proto__":1}'],
  ])('writes %j as %s', (value, text) => {
    expect(canonicalJson(value)).toBe(text);
  });

  it.each<[string, unknown]>([
    ['undefined', undefined],
    ['a property that is undefined', { a: undefined }],
    ['NaN', Number.NaN],
    ['Infinity', [Number.POSITIVE_INFINITY]],
    ['a lone high surrogate', 'a\ud800b'],
    ['a lone low surrogate', '\udc00'],
    ['a key with a lone surrogate', { '\ud800': 1 }],
    ['a hole', [1, , 2]], // eslint-disable-line no-sparse-arrays -- the case
    ['a Date', new Date(0)],
    ['bytes', new Uint8Array(1)],
    ['a Map', new Map()],
    ['a function', () => 1],
    ['a bigint', 1n],
    ['a symbol', Symbol('s')],
    ['a boxed string', Object('s')],
  ])('refuses %s', (_, value) => {
    expect(() => canonicalJson(value)).toThrow(
      expect.objectContaining({ code: 'json-not-representable' }),
    );
  });

  it(`refuses more than ${MAX_JSON_DEPTH} levels, and cycles with them`, () => {
    const nest = (levels: number): unknown =>
      Array.from({ length: levels }).reduce<unknown>((inner) => [inner], 1);
    expect(canonicalJson(nest(MAX_JSON_DEPTH))).toContain('1');
    const cycle: Record<string, unknown> = {};
    cycle['self'] = cycle;
    for (const value of [nest(MAX_JSON_DEPTH + 1), nest(50_000), cycle]) {
      expect(() => canonicalJson(value)).toThrow(
        expect.objectContaining({ code: 'json-too-deep' }),
      );
    }
  });

  it('is a fixed point of parsing, whatever the order of keys', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 6 }), (value) => {
        const text = canonicalJson(value);
        expect(canonicalJson(JSON.parse(text))).toBe(text);
        expect(canonicalJson(reverseKeys(value))).toBe(text);
      }),
      { seed: 8785, numRuns: 500 },
    );
  });
});

function reverseKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reverseKeys);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .reverse()
      .map(([key, item]) => [key, reverseKeys(item)]),
  );
}

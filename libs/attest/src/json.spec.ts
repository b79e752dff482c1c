import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { AttestError, parseJson } from './index.js';
import { repeatedKey } from './repeated-key.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function codeOf(text: string): string {
  try {
    parseJson(bytes(text), 1024);
    return 'read';
  } catch (error) {
    return error instanceof AttestError ? error.code : String(error);
  }
}

describe('parseJson', () => {
  it.each([
    ['an object', '{"a":{"b":[{"a":1},{"a":2}]},"b":"a"}', 'read'],
    ['a value that is like a key', '{"a":"a","b":["a","a"]}', 'read'],
    ['braces, commas and quotes in strings', '{"a":"{\\"a\\":1,","b":"]}"}', 'read'],
    ['a key twice', '{"a":1,"a":1}', 'json-malformed'],
    ['a key twice, once escaped', '{"a":1,"\\u0061":2}', 'json-malformed'],
    ['a key twice, deep down', '[0,{"x":[{"a":{},"b":[1,2],"a":{}}]}]', 'json-malformed'],
    ['a key twice, with a quote in it', '{"\\"":1,"\\"":2}', 'json-malformed'],
    ['the key __proto__', '{"__proto__":{}}', 'json-malformed'],
    ['what comes after', '{} {}', 'json-malformed'],
    ['too much', `"${'x'.repeat(1024)}"`, 'json-too-large'],
    ['too deep', '['.repeat(65) + ']'.repeat(65), 'json-too-deep'],
  ])('%s', (_, text, code) => {
    expect(codeOf(text)).toBe(code);
  });
});

describe('repeatedKey', () => {
  it('finds none in what JSON.stringify wrote, spaced or not', () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.integer({ min: 0, max: 2 }), (value, space) => {
        expect(repeatedKey(JSON.stringify(value, null, space))).toBeUndefined();
      }),
      { seed: 7, numRuns: 300 },
    );
  });

  it('finds any key that was written twice', () => {
    fc.assert(
      fc.property(fc.string(), fc.dictionary(fc.string(), fc.jsonValue()), (key, others) => {
        const members = Object.entries(others).map(
          ([name, value]) => `${JSON.stringify(name)}:${JSON.stringify(value)}`,
        );
        const twice = `${JSON.stringify(key)}:null`;
        expect(repeatedKey(`[{${[twice, ...members, twice].join()}}]`)).toBeDefined();
      }),
      { seed: 8, numRuns: 300 },
    );
  });

  it('reads an evidence file of the largest size', () => {
    const text = `[${Array(64)
      .fill(`{"payload":"${'A'.repeat(512 * 1024)}"}`)
      .join()}]`;
    expect(repeatedKey(text)).toBeUndefined();
  });
});

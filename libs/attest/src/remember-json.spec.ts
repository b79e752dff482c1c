import { describe, expect, it } from 'vitest';
import { parseJson, rememberJson } from './json.js';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

describe('rememberJson', () => {
  it('reads as parseJson does, the same bytes once', () => {
    const read = rememberJson();
    const json = bytes('{"a":[1]}');
    expect(read(json, 100)).toEqual(parseJson(json, 100));
    expect(read(json, 9)).toBe(read(json, 100));
    // Bytes that are equal are others.
    expect(read(bytes('{"a":[1]}'), 100)).not.toBe(read(json, 100));
    expect(rememberJson()(json, 100)).not.toBe(read(json, 100));
  });

  it('refuses what it read before where less is allowed, and refuses again', () => {
    const read = rememberJson();
    const json = bytes('{"a":[1]}');
    read(json, 9);
    expect(() => read(json, 8)).toThrow(expect.objectContaining({ code: 'json-too-large' }));
    const malformed = bytes('{');
    for (let i = 0; i < 2; i++) {
      expect(() => read(malformed, 9)).toThrow(expect.objectContaining({ code: 'json-malformed' }));
    }
  });
});

import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromBase64, toBase64 } from './base64.js';
import { NoteError } from './errors.js';
import { decodeUtf8, encodeUtf8 } from './utf8.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('base64', () => {
  it.each([
    ['', ''],
    ['f', 'Zg=='],
    ['fo', 'Zm8='],
    ['foo', 'Zm9v'],
    ['foobar', 'Zm9vYmFy'],
  ])('RFC 4648 section 10: %j', (text, base64) => {
    expect(toBase64(encodeUtf8(text))).toBe(base64);
    expect(decodeUtf8(fromBase64(base64))).toBe(text);
  });

  it('is that of node for any bytes, also for many', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'));
        expect(fromBase64(toBase64(bytes))).toEqual(bytes);
      }),
      { seed: 1, numRuns: 300 },
    );
    const many = new Uint8Array(100_001).map((_, i) => (i * 7919) >> 3);
    expect(toBase64(many)).toBe(Buffer.from(many).toString('base64'));
    expect(Buffer.compare(fromBase64(toBase64(many)), many)).toBe(0);
  });

  it.each([
    ['no padding', 'Zg'],
    ['half the padding', 'Zg='],
    ['too much padding', 'Zm9v===='],
    ['padding alone', '===='],
    ['padding within', 'Zg==Zg=='],
    ['stray bits before ==', 'Zh=='],
    ['stray bits before =', 'Zm9='],
    ['white space', 'Zm9v\n   '],
    ['the URL alphabet', 'Zm9-'],
    ['other characters', 'Zm9\u0161'],
    ['a character whose low byte is valid', 'Zm9\u0141'],
  ])('refuses %s', (_, text) => {
    expect(() => fromBase64(text)).toThrow(code('base64'));
  });

  it('never reads two texts as the same bytes', () => {
    const char = fc.constantFrom(...Array.from('AQgwZ19+/=-_ \n'));
    fc.assert(
      fc.property(fc.string({ unit: char, maxLength: 12 }), (text) => {
        try {
          expect(toBase64(fromBase64(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { seed: 2, numRuns: 5000 },
    );
  });
});

describe('UTF-8', () => {
  it.each([
    '',
    'a',
    'é',
    '—',
    '𝄞',
    '\uFEFFbom',
    '\u0000\u007f\u0080\u07ff\u0800\uffff',
    '\u{10ffff}',
  ])('carries %j', (text) => {
    expect(encodeUtf8(text)).toEqual(new Uint8Array(Buffer.from(text)));
    expect(decodeUtf8(encodeUtf8(text))).toBe(text);
  });

  it.each([
    ['a lone continuation', [0x80]],
    ['an overlong NUL', [0xc0, 0x80]],
    ['an overlong slash', [0xe0, 0x80, 0xaf]],
    ['an overlong of four', [0xf0, 0x8f, 0xbf, 0xbf]],
    ['a surrogate', [0xed, 0xa0, 0x80]],
    ['a surrogate pair', [0xed, 0xa0, 0xb4, 0xed, 0xb4, 0x9e]],
    ['above U+10FFFF', [0xf4, 0x90, 0x80, 0x80]],
    ['0xf5', [0xf5, 0x80, 0x80, 0x80]],
    ['0xff', [0xff]],
    ['an end too early', [0x61, 0xe2, 0x80]],
    ['a sequence broken off', [0xe2, 0x80, 0x61]],
  ])('refuses %s', (_, bytes) => {
    expect(() => decodeUtf8(Uint8Array.from(bytes))).toThrow(code('utf8'));
  });

  it('refuses half a surrogate pair', () => {
    expect(() => encodeUtf8('\ud834')).toThrow(code('utf8'));
    expect(() => encodeUtf8('a\udd1eb')).toThrow(code('utf8'));
  });

  it('reads bytes that are those of a text, and no others', () => {
    const byte = fc.oneof(
      fc.constantFrom(0x61, 0x80, 0xbf, 0xc2, 0xe0, 0xed, 0xef, 0xf0, 0xf4),
      fc.nat(255),
    );
    const bytes = fc.array(byte, { maxLength: 8 }).map((list) => Uint8Array.from(list));
    const texts = fc.string({ unit: 'binary' }).map((text) => new Uint8Array(Buffer.from(text)));
    fc.assert(
      fc.property(fc.oneof(bytes, texts), (input) => {
        if (isUtf8(input))
          expect(Buffer.from(encodeUtf8(decodeUtf8(input)))).toEqual(Buffer.from(input));
        else expect(() => decodeUtf8(input)).toThrow(code('utf8'));
      }),
      { seed: 3, numRuns: 5000 },
    );
  });

  it('joins long texts', () => {
    const text = 'a—𝄞'.repeat(20_000);
    expect(decodeUtf8(encodeUtf8(text)) === text).toBe(true);
  });
});

import { decodeUtf8, encodeUtf8, formatNote, toBase64 } from '@touchstone/note';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TlogError } from '../error.js';
import {
  ADD_CHECKPOINT_LIMITS,
  formatAddCheckpoint,
  parseAddCheckpoint,
} from './add-checkpoint.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

/** TOUCHSTONE_FUZZ_RUNS asks for a long run. */
const RUNS = Number(process.env['TOUCHSTONE_FUZZ_RUNS'] ?? 1_000);

const hash = new Uint8Array(32).fill(9);
const note = formatNote({
  text: 'example.org/log\n20\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n',
  signatures: [{ name: 'example.org/log', keyHash: 7, signature: new Uint8Array(64) }],
});
const valid = formatAddCheckpoint(12, [hash, hash], note);

describe('parseAddCheckpoint', () => {
  it('reads what is written', () => {
    const request = parseAddCheckpoint(encodeUtf8(valid));
    expect(request).toMatchObject({ oldSize: 12, proof: [hash, hash] });
    expect(formatNote(request.note)).toBe(note);
    const most = Array<Uint8Array>(ADD_CHECKPOINT_LIMITS.proof).fill(hash);
    expect(parseAddCheckpoint(encodeUtf8(formatAddCheckpoint(0, most, note))).proof).toHaveLength(
      63,
    );
  });

  it.each([
    ['nothing', ''],
    ['no old size', valid.replace('old 12\n', '')],
    ['another keyword', valid.replace('old', 'new')],
    ['a leading zero', valid.replace('old 12', 'old 012')],
    ['two spaces', valid.replace('old 12', 'old  12')],
    ['a sign', valid.replace('old 12', 'old +12')],
    ['an old size of 2^53', valid.replace('old 12', 'old 9007199254740992')],
    ['64 hashes', valid.replace('old 12', `old 12${`\n${toBase64(hash)}`.repeat(62)}`)],
    ['a short hash', valid.replace('old 12', 'old 12\nAAAA')],
    ['loose base64', valid.replace('old 12', `old 12\n${toBase64(hash).replace('=', '')}`)],
    ['carriage returns', valid.replaceAll('\n', '\r\n')],
    ['no empty line', valid.replace('\n\n', '\n')],
    ['no checkpoint', valid.slice(0, valid.indexOf('\n\n') + 2)],
    ['no signature', valid.slice(0, valid.lastIndexOf('\u2014'))],
    ['no line feed at the end', valid.slice(0, -1)],
    ['too many bytes', valid + '\u2014 a AAAAAQI=\n'.repeat(20_000)],
  ])('refuses %s', (_name, text) => {
    expect(() => parseAddCheckpoint(encodeUtf8(text))).toThrow(code('witness-request'));
  });

  it('refuses bytes that are no UTF-8', () => {
    expect(() => parseAddCheckpoint(Uint8Array.of(0xff))).toThrow(code('witness-request'));
  });

  it(
    'refuses whatever the bytes with its code, or they are written again',
    () => {
      const bytes = encodeUtf8(valid);
      const piece = fc.oneof(
        fc.uint8Array({ maxLength: 6 }),
        fc.constantFrom('\n', '\n\n', 'old ', '0', '\u2014 ', '=', ' ').map(encodeUtf8),
      );
      const change = fc.tuple(fc.nat(bytes.length), fc.nat(50), piece);
      fc.assert(
        fc.property(fc.array(change, { maxLength: 4 }), (changes) => {
          let some = bytes;
          for (const [at, cut, put] of changes) {
            some = new Uint8Array(
              Buffer.concat([some.subarray(0, at), put, some.subarray(at + cut)]),
            );
          }
          try {
            const request = parseAddCheckpoint(some);
            const again = formatAddCheckpoint(
              request.oldSize,
              request.proof,
              formatNote(request.note),
            );
            expect(again).toBe(decodeUtf8(some));
          } catch (error) {
            if (!(error instanceof TlogError)) throw error;
            expect(error.code).toBe('witness-request');
          }
        }),
        { seed: 601, numRuns: RUNS },
      );
    },
    30_000 + RUNS * 5,
  );
});

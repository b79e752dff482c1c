import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { NoteError } from './errors.js';
import { formatNote, parseNote } from './note.js';
import { encodeUtf8 } from './utf8.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

// The first example of C2SP signed-note
const POEM = `Ognuno sta solo sul cuor della terra
trafitto da un raggio di sole:

ed è subito sera.

— quasimodo.example/salvatore NnugSzTjtVAewIS+Z/iJhUPeFDkO/5QQ2i5ddnGITLlC+EhfLW9oJKONrMouFSQU0xMcXxj99ihAQwaqP3ZekRwNtIc=
`;

const SIGNATURE = '— a AAAAAQI=\n';

describe('parseNote', () => {
  it('parts text and signatures at the last empty line', () => {
    const note = parseNote(POEM);
    expect(note.text.endsWith('\n\ned è subito sera.\n')).toBe(true);
    expect(note.signatures).toMatchObject([
      { name: 'quasimodo.example/salvatore', keyHash: 0x367ba04b },
    ]);
    expect(note.signatures[0]?.signature).toHaveLength(64);
    expect(parseNote(encodeUtf8(POEM))).toEqual(note);
    expect(formatNote(note)).toBe(POEM);
  });

  it.each([
    ['an empty text line', `\n\n${SIGNATURE}`, '\n'],
    ['a text that ends in empty lines', `a\n\n\n${SIGNATURE}`, 'a\n\n'],
    ['a text with lines like signatures', `${SIGNATURE}\n${SIGNATURE}`, SIGNATURE],
    ['DEL, which is not below U+0020', `a\u007f\n\n${SIGNATURE}`, 'a\u007f\n'],
    ['a byte order mark', `\ufeffa\n\n${SIGNATURE}`, '\ufeffa\n'],
  ])('takes %s', (_, input, text) => {
    const note = parseNote(encodeUtf8(input));
    expect(note).toEqual({
      text,
      signatures: [{ name: 'a', keyHash: 1, signature: Uint8Array.of(2) }],
    });
    expect(formatNote(note)).toBe(input);
  });

  it.each([
    ['nothing', '', 'note-malformed'],
    ['a text alone', 'a\n', 'note-malformed'],
    ['no signature after the empty line', 'a\n\n', 'note-malformed'],
    ['no line feed at the end', `a\n\n${SIGNATURE.trimEnd()}`, 'note-malformed'],
    ['one line feed before signatures', `a\n${SIGNATURE}`, 'note-malformed'],
    ['an empty line after signatures', `a\n\n${SIGNATURE}\n`, 'note-malformed'],
    ['a hyphen for the dash', `a\n\n${SIGNATURE.replace('—', '-')}`, 'signature-line'],
    ['two spaces', `a\n\n${SIGNATURE.replace(' a', '  a')}`, 'signature-line'],
    ['a no-break space', `a\n\n${SIGNATURE.replace(' a', '\u00a0a')}`, 'signature-line'],
    ['a space at the end', `a\n\n${SIGNATURE.replace('\n', ' \n')}`, 'signature-line'],
    ['no name', `a\n\n${SIGNATURE.replace('a ', '')}`, 'signature-line'],
    ['no signature', 'a\n\n— a\n', 'signature-line'],
    ['an empty signature', 'a\n\n— a \n', 'signature-line'],
    ['a key hash alone', 'a\n\n— a AAAAAQ==\n', 'signature-line'],
    ['a plus in a name', `a\n\n${SIGNATURE.replace('a', 'a+b')}`, 'signature-line'],
    ['stray bits in base64', `a\n\n${SIGNATURE.replace('QI=', 'QJ=')}`, 'signature-line'],
    ['a tab', `a\tb\n\n${SIGNATURE}`, 'note-control-character'],
    ['a carriage return', `a\r\n\r\n${SIGNATURE}`, 'note-control-character'],
    ['a NUL', `a\u0000\n\n${SIGNATURE}`, 'note-control-character'],
    ['half a surrogate pair', `\ud800\n\n${SIGNATURE}`, 'utf8'],
  ])('refuses %s', (_, input, expected) => {
    expect(() => parseNote(input)).toThrow(code(expected));
  });

  it('refuses what is not UTF-8', () => {
    const bytes = encodeUtf8(POEM);
    expect(() => parseNote(bytes.with(3, 0xff))).toThrow(code('utf8'));
  });

  it('reads at most 1,000,000 bytes, not characters', () => {
    const rest = `\n\n${SIGNATURE}`;
    const room = 1_000_000 - encodeUtf8(rest).length;
    expect(parseNote('a'.repeat(room) + rest).signatures).toHaveLength(1);
    expect(() => parseNote('a'.repeat(room + 1) + rest)).toThrow(code('note-too-large'));
    expect(() => parseNote('é'.repeat(room - 1) + rest)).toThrow(code('note-too-large'));
    expect(() => parseNote(new Uint8Array(1_000_001))).toThrow(code('note-too-large'));
  });

  it('reads at most 100 signatures', () => {
    const lines = Array.from({ length: 101 }, (_, i) => SIGNATURE.replace('a', `a${i}`));
    const hundred = `a\n\n${lines.slice(1).join('')}`;
    expect(parseNote(hundred).signatures).toHaveLength(100);
    expect(() => parseNote(`a\n\n${lines.join('')}`)).toThrow(code('too-many-signatures'));
    const note = parseNote(hundred);
    expect(() =>
      formatNote({
        ...note,
        signatures: [...note.signatures, { name: 'x', keyHash: 0, signature: Uint8Array.of(1) }],
      }),
    ).toThrow(code('too-many-signatures'));
  });

  it('fails in no other way, and formatNote gives back what it read', () => {
    const piece = fc.constantFrom('\n', '\n\n', 'a', '— ', ' ', SIGNATURE, POEM, 'AAAAAQI=', '\t');
    const text = fc.array(fc.oneof(piece, fc.string({ unit: 'binary' })), { maxLength: 8 });
    fc.assert(
      fc.property(
        text.map((pieces) => pieces.join('')),
        fc.boolean(),
        (input, valid) => {
          const candidate = valid ? `${input}\n\n${SIGNATURE}` : input;
          try {
            expect(formatNote(parseNote(candidate))).toBe(candidate);
          } catch (error) {
            expect(error).toBeInstanceOf(NoteError);
          }
        },
      ),
      { seed: 7, numRuns: 3000 },
    );
    const poem = encodeUtf8(POEM);
    fc.assert(
      fc.property(fc.nat(poem.length - 1), fc.nat(255), (at, byte) => {
        const bytes = poem.with(at, byte);
        try {
          expect(encodeUtf8(formatNote(parseNote(bytes)))).toEqual(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { seed: 8, numRuns: 2000 },
    );
  });
});

describe('formatNote', () => {
  const signature = { name: 'a', keyHash: 1, signature: Uint8Array.of(2) };

  it.each([
    ['a text without a line feed', 'a', [signature], 'note-text'],
    ['a control character', 'a\u0001\n', [signature], 'note-control-character'],
    ['no signature', 'a\n', [], 'note-malformed'],
    ['a bad name', 'a\n', [{ ...signature, name: 'a b' }], 'signature-line'],
    ['a name with a line feed', 'a\n', [{ ...signature, name: 'a\n\nb' }], 'signature-line'],
    ['a negative key hash', 'a\n', [{ ...signature, keyHash: -1 }], 'signature-line'],
    ['a key hash of 33 bits', 'a\n', [{ ...signature, keyHash: 2 ** 32 }], 'signature-line'],
    [
      'an empty signature',
      'a\n',
      [{ ...signature, signature: new Uint8Array() }],
      'signature-line',
    ],
  ])('refuses %s', (_, text, signatures, expected) => {
    expect(() => formatNote({ text, signatures })).toThrow(code(expected));
  });
});

import { ed25519 } from '@noble/curves/ed25519.js';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCheckpoint, openCheckpoint, parseCheckpoint } from './checkpoint.js';
import { NoteError } from './errors.js';
import { nobleVerifier } from './noble-verifier.js';
import { publicKeyFromRaw } from './public-key.js';
import { noteSigner, signNote } from './sign-note.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

const ROOT = 'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=';
// The example of C2SP tlog-checkpoint
const TEXT = `example.com/behind-the-sofa\n20852163\n${ROOT}\n`;

describe('parseCheckpoint', () => {
  it('reads the example of C2SP tlog-checkpoint', () => {
    const checkpoint = parseCheckpoint(TEXT);
    expect(checkpoint).toEqual({
      origin: 'example.com/behind-the-sofa',
      size: 20852163,
      root: new Uint8Array(Buffer.from(ROOT, 'base64')),
      extensions: [],
    });
    expect(formatCheckpoint(checkpoint)).toBe(TEXT);
  });

  it.each([
    ['an empty tree', `o\n0\n${ROOT}\n`, { size: 0 }],
    ['the largest tree', `o\n9007199254740991\n${ROOT}\n`, { size: Number.MAX_SAFE_INTEGER }],
    ['extension lines', `o\n1\n${ROOT}\nx\n y \n`, { extensions: ['x', ' y '] }],
    ['any origin', `an origin + more\n1\n${ROOT}\n`, { origin: 'an origin + more' }],
  ])('takes %s', (_, text, expected) => {
    expect(parseCheckpoint(text)).toMatchObject(expected);
    expect(formatCheckpoint(parseCheckpoint(text))).toBe(text);
  });

  it.each([
    ['', 'note-text'],
    ['\n', 'checkpoint-malformed'],
    ['o\n1\n', 'checkpoint-malformed'],
    [TEXT.trimEnd(), 'note-text'],
    [`\n1\n${ROOT}\n`, 'checkpoint-origin'],
    [`o\n\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n01\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n00\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n-1\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n+1\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n1.0\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n1e3\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n 1\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n0x1\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n١\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n${'1'.repeat(21)}\n${ROOT}\n`, 'checkpoint-size'],
    [`o\n9007199254740992\n${ROOT}\n`, 'checkpoint-size-unsafe'],
    [`o\n18446744073709551615\n${ROOT}\n`, 'checkpoint-size-unsafe'],
    ['o\n1\nAAAA\n', 'checkpoint-root'],
    [`o\n1\n${ROOT.slice(0, -1)}\n`, 'checkpoint-root'],
    [`o\n1\n${ROOT.replace('2I=', '2J=')}\n`, 'checkpoint-root'],
    [`o\n1\n${ROOT.replace('2I=', '2IAA')}\n`, 'checkpoint-root'],
    [`o\n1\n${ROOT}\n\n`, 'checkpoint-malformed'],
    [`o\n1\n${ROOT}\nx\n\ny\n`, 'checkpoint-malformed'],
    [`o\r\n1\r\n${ROOT}\r\n`, 'note-control-character'],
  ])('refuses %j as %s', (text, expected) => {
    expect(() => parseCheckpoint(text)).toThrow(code(expected));
  });

  it('fails in no other way, and formatCheckpoint gives back what it read', () => {
    const piece = fc.constantFrom('o', '\n', '0', '12', ROOT, `${ROOT}\n`, ' ', '=', TEXT);
    fc.assert(
      fc.property(fc.array(fc.oneof(piece, fc.string()), { maxLength: 8 }), (pieces) => {
        const text = pieces.join('');
        try {
          expect(formatCheckpoint(parseCheckpoint(text))).toBe(text);
        } catch (error) {
          expect(error).toBeInstanceOf(NoteError);
        }
      }),
      { seed: 9, numRuns: 3000 },
    );
  });
});

describe('formatCheckpoint', () => {
  const checkpoint = parseCheckpoint(TEXT);

  it.each([
    ['a size that is no safe integer', { size: 2 ** 53 }, 'checkpoint-size'],
    ['a negative size', { size: -1 }, 'checkpoint-size'],
    ['half a leaf', { size: 0.5 }, 'checkpoint-size'],
    ['a short root', { root: new Uint8Array(31) }, 'checkpoint-root'],
    ['no origin', { origin: '' }, 'checkpoint-origin'],
    ['an origin of two lines', { origin: 'a\nb' }, 'checkpoint-malformed'],
    ['an extension of two lines', { extensions: ['a\nb'] }, 'checkpoint-malformed'],
    ['an empty extension', { extensions: [''] }, 'checkpoint-malformed'],
    ['a control character', { extensions: ['\t'] }, 'note-control-character'],
  ])('refuses %s', (_, change, expected) => {
    expect(() => formatCheckpoint({ ...checkpoint, ...change })).toThrow(code(expected));
  });
});

describe('openCheckpoint', () => {
  function signer(name: string, fill: number) {
    const secret = new Uint8Array(32).fill(fill);
    const publicKey = publicKeyFromRaw('ed25519', ed25519.getPublicKey(secret));
    return noteSigner(name, { publicKey, sign: (message) => ed25519.sign(message, secret) });
  }
  const log = signer('example.com/behind-the-sofa', 1);
  const witness = signer('witness.example', 2);
  const keys = [log.verifierKey, witness.verifierKey];

  it('gives checkpoint, note and the keys that signed', async () => {
    const note = await signNote(TEXT, [log, witness]);
    const opened = await openCheckpoint(note, keys, nobleVerifier);
    expect(opened.checkpoint).toEqual(parseCheckpoint(TEXT));
    expect(opened.note.text).toBe(TEXT);
    expect(opened.verified).toEqual(keys);
  });

  it('refuses a checkpoint that the log of its origin did not sign', async () => {
    const note = await signNote(TEXT, [witness]);
    await expect(openCheckpoint(note, keys, nobleVerifier)).rejects.toThrow(
      code('checkpoint-origin'),
    );
    const other = await signNote(TEXT.replace('sofa', 'door'), [log]);
    await expect(openCheckpoint(other, keys, nobleVerifier)).rejects.toThrow(
      code('checkpoint-origin'),
    );
  });

  it('refuses a signed note that is no checkpoint', async () => {
    const note = await signNote('hello\n', [log]);
    await expect(openCheckpoint(note, keys, nobleVerifier)).rejects.toThrow(
      code('checkpoint-malformed'),
    );
  });
});

import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { describe, expect, it } from 'vitest';
import { nobleVerifier } from './noble-verifier.js';
import { formatNote, parseNote } from './note.js';
import { openNote } from './open-note.js';
import { publicKeyFromRaw } from './public-key.js';
import { noteSigner, signNote } from './sign-note.js';
import type { Signer } from './signature.js';
import { parseVerifierKey } from './verifier-key.js';

const code = (name: string): unknown => expect.objectContaining({ code: name });

function edSigner(fill: number): Signer {
  const secret = new Uint8Array(32).fill(fill);
  return {
    publicKey: publicKeyFromRaw('ed25519', ed25519.getPublicKey(secret)),
    sign: (message) => ed25519.sign(message, secret),
  };
}

function ecSigner(fill: number): Signer {
  const secret = new Uint8Array(32).fill(fill);
  return {
    publicKey: publicKeyFromRaw('ecdsa-p256-sha256', p256.getPublicKey(secret, false)),
    sign: async (message) => Promise.resolve(p256.sign(message, secret, { format: 'der' })),
  };
}

const alice = noteSigner('alice.example', edSigner(1));
const bob = noteSigner('bob.example', ecSigner(2));
const stranger = noteSigner('stranger.example', edSigner(3));
const TEXT = 'a text\n\nof three lines\n';

const keys = [alice.verifierKey, bob.verifierKey];

describe('openNote', () => {
  it('opens the example of C2SP signed-note', async () => {
    const vkey = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';
    const note = `This is an example message.

— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=
`;
    const key = parseVerifierKey(vkey);
    const opened = await openNote(note, [key], nobleVerifier);
    expect(opened.note.text).toBe('This is an example message.\n');
    expect(opened.verified).toEqual([key]);
    await expect(openNote(note.replace('This', 'That'), [key], nobleVerifier)).rejects.toThrow(
      code('bad-signature'),
    );
  });

  it('tells the known keys that signed, of both types, and ignores strangers', async () => {
    const note = await signNote(TEXT, [stranger, bob, alice]);
    const opened = await openNote(note, keys, nobleVerifier);
    expect(opened.note.text).toBe(TEXT);
    expect(opened.verified.map((key) => key.name)).toEqual(['bob.example', 'alice.example']);
  });

  it('refuses a note that only strangers signed', async () => {
    const note = await signNote(TEXT, [stranger]);
    await expect(openNote(note, keys, nobleVerifier)).rejects.toThrow(code('no-known-signature'));
    await expect(openNote(note, [], nobleVerifier)).rejects.toThrow(code('no-known-signature'));
  });

  it('refuses a note on which one known signature is bad, though another holds', async () => {
    const { text, signatures } = parseNote(await signNote(TEXT, [alice, bob]));
    for (const broken of [0, 1]) {
      const spoilt = signatures.map((s, i) =>
        i === broken ? { ...s, signature: s.signature.with(9, (s.signature[9] as number) ^ 1) } : s,
      );
      const note = formatNote({ text, signatures: spoilt });
      await expect(openNote(note, keys, nobleVerifier)).rejects.toThrow(code('bad-signature'));
    }
  });

  it('ignores a signature that shares only the name or only the hash with a known key', async () => {
    const { text, signatures } = parseNote(await signNote(TEXT, [alice]));
    const [real] = signatures;
    const junk = Uint8Array.of(1);
    const { name, keyHash } = alice.verifierKey;
    const note = formatNote({
      text,
      signatures: [
        { name, keyHash: keyHash ^ 1, signature: junk },
        { name: 'mallory.example', keyHash, signature: junk },
        ...(real === undefined ? [] : [real]),
      ].map((s) => ({ ...s, keyHash: s.keyHash >>> 0 })),
    });
    expect((await openNote(note, keys, nobleVerifier)).verified).toEqual([alice.verifierKey]);
  });

  it('takes a line that stands twice, of a known key or of a stranger, once', async () => {
    const { text, signatures } = parseNote(await signNote(TEXT, [alice]));
    const [real] = signatures;
    if (real === undefined) throw new Error('the note has a signature');
    const stranger = { name: 'mallory.example', keyHash: 1, signature: Uint8Array.of(1) };
    const note = formatNote({ text, signatures: [stranger, real, stranger, real] });
    expect(formatNote(parseNote(note))).toBe(note);
    expect((await openNote(note, keys, nobleVerifier)).verified).toEqual([alice.verifierKey]);
  });

  it('refuses a known key that signed twice', async () => {
    const { text, signatures } = parseNote(await signNote(TEXT, [alice]));
    const [real] = signatures;
    if (real === undefined) throw new Error('the note has a signature');
    const twice = [real, { ...real, signature: Uint8Array.of(1) }];
    await expect(
      openNote(formatNote({ text, signatures: twice }), keys, nobleVerifier),
    ).rejects.toThrow(code('duplicate-signature'));
  });

  it('refuses known keys that cannot be told apart', async () => {
    const note = await signNote(TEXT, [alice]);
    await expect(
      openNote(note, [alice.verifierKey, { ...alice.verifierKey }], nobleVerifier),
    ).rejects.toThrow(code('ambiguous-key'));
  });
});

describe('signNote', () => {
  it('keeps other signatures before the new ones and replaces its own', async () => {
    const first = parseNote(await signNote(TEXT, [alice, bob]));
    const second = parseNote(await signNote(TEXT, [alice], first.signatures));
    expect(second.signatures.map((s) => s.name)).toEqual(['bob.example', 'alice.example']);
    expect(await openNote(formatNote(second), keys, nobleVerifier)).toBeDefined();
  });

  it('refuses a text that no note can carry, before it signs', async () => {
    const forbidden = {
      ...alice,
      sign: (): Uint8Array => {
        throw new Error('signed');
      },
    };
    await expect(signNote('a', [forbidden])).rejects.toThrow(code('note-text'));
    await expect(signNote('a\u0000\n', [forbidden])).rejects.toThrow(
      code('note-control-character'),
    );
    await expect(signNote('\ud800\n', [forbidden])).rejects.toThrow(code('utf8'));
  });

  it('refuses no signer at all, and one twice', async () => {
    await expect(signNote(TEXT, [])).rejects.toThrow(code('note-malformed'));
    await expect(signNote(TEXT, [alice, alice])).rejects.toThrow(code('ambiguous-key'));
  });

  it('refuses a name that is none', () => {
    expect(() => noteSigner('a b', edSigner(1))).toThrow(code('key-name'));
  });
});

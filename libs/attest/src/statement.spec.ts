import { describe, expect, it } from 'vitest';
import { encodeUtf8 } from '@touchstone/note';
import {
  canonicalJson,
  encodeStatement,
  MAX_PAYLOAD_BYTES,
  parseCanonicalStatement,
  parseForeignStatement,
  parseStatement,
  rebuildStatement,
  STATEMENT_TYPE,
  type AttestErrorCode,
} from './index.js';
import { hex, predicate } from './testdata/evidence-fixture.js';

const foreign = {
  _type: STATEMENT_TYPE,
  predicateType: 'https://example.com/p/v1',
  predicate: { b: 1, a: [2] },
  subject: [{ name: 'x', digest: { sha256: hex('1'), dirHash: 'h1:anything' } }],
};

function json(value: unknown): Uint8Array {
  return encodeUtf8(JSON.stringify(value));
}

const subject = (value: unknown): Uint8Array => json({ ...foreign, subject: value });

describe('parseStatement', () => {
  it('reads back what encodeStatement wrote', () => {
    const statement = rebuildStatement(predicate());
    expect(parseStatement(encodeStatement(statement))).toEqual(statement);
  });

  it('reads statements of others in whatever form they are, with fields it does not know', () => {
    expect(parseStatement(json({ ...foreign, later: true }))).toMatchObject(foreign);
    expect(() => parseCanonicalStatement(json(foreign))).toThrow(
      expect.objectContaining({ code: 'statement-not-canonical' }),
    );
  });

  it('takes version 0.1 from others alone, and never of our own', () => {
    const older = { ...foreign, _type: 'https://in-toto.io/Statement/v0.1' };
    expect(parseForeignStatement(json(older))).toEqual(older);
    expect(parseForeignStatement(json(foreign))).toEqual(foreign);
    const refused = expect.objectContaining({ code: 'statement-malformed' }) as Error;
    expect(() => parseStatement(json(older))).toThrow(refused);
    const own = { ...rebuildStatement(predicate()), _type: older._type };
    expect(() => parseForeignStatement(encodeUtf8(canonicalJson(own)))).toThrow(refused);
  });

  it('takes a predicate that is left out for an empty one', () => {
    const { predicate, ...rest } = foreign;
    expect(predicate).toBeDefined();
    expect(parseStatement(json(rest))).toEqual({ ...rest, predicate: {} });
  });

  it.each([40, 64])('takes objects of git by %i digits', (length) => {
    const digest = { gitCommit: 'a'.repeat(length), gitTree: 'b'.repeat(length) };
    expect(parseStatement(subject([{ digest }])).subject[0]?.digest).toEqual(digest);
  });

  it.each([' ', '\n', '\t'])('wants our own to be canonical: trailing %j', (space) => {
    const text = new TextDecoder().decode(encodeStatement(rebuildStatement(predicate())));
    expect(() => parseStatement(encodeUtf8(text + space))).toThrow(
      expect.objectContaining({ code: 'statement-not-canonical' }),
    );
  });

  it.each<[string, Uint8Array, AttestErrorCode]>([
    ['nothing', new Uint8Array(0), 'statement-malformed'],
    ['no JSON', encodeUtf8('{'), 'statement-malformed'],
    ['no UTF-8', Uint8Array.of(0x22, 0xff, 0x22), 'statement-malformed'],
    ['a byte order mark', encodeUtf8(`\ufeff${JSON.stringify(foreign)}`), 'statement-malformed'],
    ['an array', json([]), 'statement-malformed'],
    [
      'another type',
      json({ ...foreign, _type: 'https://in-toto.io/Statement/v0.1' }),
      'statement-malformed',
    ],
    ['no subject', subject([]), 'statement-malformed'],
    ['a subject without a digest', subject([{ name: 'x' }]), 'statement-malformed'],
    ['a subject with no digests', subject([{ digest: {} }]), 'statement-malformed'],
    ['a digest cut short', subject([{ digest: { sha256: '00' } }]), 'statement-malformed'],
    [
      'a commit of no hash',
      subject([{ digest: { gitCommit: hex('a').slice(8) } }]),
      'statement-malformed',
    ],
    ['a digest in upper case', subject([{ digest: { sha256: hex('A') } }]), 'statement-malformed'],
    ['a digest that is no text', subject([{ digest: { sha256: 1 } }]), 'statement-malformed'],
    [
      'too many subjects',
      subject(Array(1025).fill({ digest: { sha256: hex('1') } })),
      'statement-malformed',
    ],
    [
      'too many digests',
      subject([
        { digest: Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`d${i}`, 'x'])) },
      ]),
      'statement-malformed',
    ],
    ['a predicate that is no object', json({ ...foreign, predicate: [] }), 'statement-malformed'],
    [
      'the key __proto__',
      encodeUtf8(JSON.stringify({ ...foreign, predicate: {} }).replace('{}', '{"__proto__":{}}')),
      'statement-malformed',
    ],
    [
      'too deep a predicate',
      json({
        ...foreign,
        predicate: { a: JSON.parse('['.repeat(100) + ']'.repeat(100)) as unknown },
      }),
      'statement-malformed',
    ],
    ['brackets without end', encodeUtf8('['.repeat(MAX_PAYLOAD_BYTES)), 'statement-malformed'],
    ['too many bytes', new Uint8Array(MAX_PAYLOAD_BYTES + 1), 'dsse-payload-too-large'],
    [
      'a lone surrogate in one of ours',
      encodeUtf8(
        `{"_type":"${STATEMENT_TYPE}","predicate":{"a":"\\ud800"},` +
          `"predicateType":"https://touchstone.dev/x","subject":[{"digest":{"sha256":"${hex('1')}"}}]}`,
      ),
      'statement-not-canonical',
    ],
  ])('refuses %s', (_, payload, code) => {
    expect(() => parseStatement(payload)).toThrow(expect.objectContaining({ code }));
  });
});

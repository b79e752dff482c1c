import { describe, expect, it } from 'vitest';
import { formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import {
  enrolledKeys,
  organisationsOf,
  parseTrustRoot,
  resolveTrustRoot,
  type AttestErrorCode,
  type TrustRoot,
} from './index.js';
import { ORIGIN, trustRoot } from './testdata/evidence-fixture.js';
import { signers } from './testdata/parties.js';

const valid = trustRoot();

function first<T>(items: readonly T[]): T {
  const [item] = items;
  if (item === undefined) throw new Error('fixture');
  return item;
}

const acme = first(valid.rebuilders);
const acmeKey = first(acme.keys);
const log = first(valid.logs);
const rebuilders = (...more: unknown[]): unknown => ({
  ...valid,
  rebuilders: [...valid.rebuilders, ...more],
});
const freshKey = { algorithm: 'ed25519', spki: toBase64(signers.stranger.publicKey.spki) };
const otherKey = { algorithm: 'ed25519', spki: toBase64(signers.otherLog.publicKey.spki) };
const other = { id: 'other', organisation: 'Other', keys: [otherKey] };
const fresh = { id: 'fresh', organisation: 'Fresh', keys: [freshKey] };

describe('parseTrustRoot', () => {
  it('reads whose each key is', () => {
    const root = parseTrustRoot(valid);
    expect(
      enrolledKeys(root).map(({ rebuilder, organisation }) => [rebuilder, organisation]),
    ).toEqual([
      ['acme', 'Acme'],
      ['birch', 'Birch'],
      ['cedar', 'Cedar'],
      ['cedar-west', 'Cedar'],
    ]);
    expect(organisationsOf(root)).toEqual(['Acme', 'Birch', 'Cedar']);
    const resolved = resolveTrustRoot(valid);
    expect(resolved).toMatchObject({ root, organisations: organisationsOf(root) });
    expect(resolved.logs.map(({ name }) => name)).toEqual([ORIGIN]);
  });

  it('knows a log by two keys while it rotates them', () => {
    const next = formatVerifierKey(verifierKey(ORIGIN, signers.otherLog.publicKey));
    const rotating = { ...valid, logs: [log, { origin: ORIGIN, vkey: next }] };
    expect(resolveTrustRoot(rotating).logs.map(({ name }) => name)).toEqual([ORIGIN, ORIGIN]);
  });

  it.each<[string, unknown, AttestErrorCode]>([
    ['no document', null, 'trust-root-malformed'],
    ['another schema', { ...valid, schema: 'x' }, 'trust-root-malformed'],
    ['version 0', { ...valid, version: 0 }, 'trust-root-malformed'],
    ['an unknown field', { ...valid, expires: 'never' }, 'trust-root-malformed'],
    ['no logs', { ...valid, logs: [] }, 'trust-root-malformed'],
    ['no rebuilders', { ...valid, rebuilders: [] }, 'trust-root-malformed'],
    ['a rebuilder without keys', rebuilders({ ...fresh, keys: [] }), 'trust-root-malformed'],
    ['an id with a slash', rebuilders({ ...fresh, id: 'a/b' }), 'trust-root-malformed'],
    ['an empty organisation', rebuilders({ ...fresh, organisation: '' }), 'trust-root-malformed'],
    [
      'an organisation with a trailing space',
      rebuilders({ ...fresh, organisation: 'Acme ' }),
      'trust-root-malformed',
    ],
    [
      'an organisation with an invisible character',
      rebuilders({ ...fresh, organisation: 'Ac\u200bme' }),
      'trust-root-malformed',
    ],
    ...['\ufe0f', '\u034f', '\u3164', '\u115f', '\u2800', '\u180b', '\u00a0'].map(
      (blank): [string, unknown, AttestErrorCode] => [
        `an organisation with U+${blank.charCodeAt(0).toString(16)}, which shows nothing`,
        rebuilders({ ...fresh, organisation: `Acme${blank}` }),
        'trust-root-malformed',
      ],
    ),
    [
      'an organisation with a Cyrillic letter among Latin ones',
      rebuilders({ ...fresh, organisation: '\u0410cme Labs' }),
      'trust-root-malformed',
    ],
    [
      'an organisation with a Greek letter among Latin ones',
      rebuilders({ ...fresh, organisation: 'Labs Acm\u03b5' }),
      'trust-root-malformed',
    ],
    [
      'an organisation that is another but for the writing of double letters',
      rebuilders({ ...fresh, organisation: 'Gross' }, { ...other, organisation: 'GROß' }),
      'trust-root-duplicate',
    ],
    [
      'an organisation that is another but for case',
      rebuilders({ ...fresh, organisation: 'ACME' }),
      'trust-root-duplicate',
    ],
    [
      'an organisation that is another but for the width of letters',
      rebuilders({ ...fresh, organisation: '\uff21cme' }),
      'trust-root-duplicate',
    ],
    ['an id twice', rebuilders({ ...fresh, id: 'acme' }), 'trust-root-duplicate'],
    [
      'a key of two organisations',
      rebuilders({ ...fresh, keys: [acmeKey] }),
      'trust-root-duplicate',
    ],
    [
      'a key of two rebuilders of one organisation',
      rebuilders({ ...fresh, organisation: 'Acme', keys: [freshKey, acmeKey] }),
      'trust-root-duplicate',
    ],
    [
      'a key twice for one rebuilder',
      rebuilders({ ...fresh, keys: [freshKey, freshKey] }),
      'trust-root-duplicate',
    ],
    ['a log key twice', { ...valid, logs: [log, log] }, 'trust-root-duplicate'],
    [
      'a key of another algorithm than it says',
      rebuilders({ ...fresh, keys: [{ ...freshKey, algorithm: 'ecdsa-p256-sha256' }] }),
      'public-key-malformed',
    ],
    [
      'an algorithm that is not known',
      rebuilders({ ...fresh, keys: [{ ...freshKey, algorithm: 'rsa' }] }),
      'trust-root-malformed',
    ],
    [
      'a key cut short',
      rebuilders({ ...fresh, keys: [{ ...freshKey, spki: freshKey.spki.slice(0, -4) }] }),
      'public-key-malformed',
    ],
    [
      'a key that is no base64',
      rebuilders({ ...fresh, keys: [{ ...freshKey, spki: '?' }] }),
      'public-key-malformed',
    ],
    [
      'a verifier key of another origin',
      { ...valid, logs: [{ ...log, origin: 'other.example' }] },
      'trust-root-malformed',
    ],
    [
      'a verifier key that is none',
      { ...valid, logs: [{ ...log, vkey: 'x' }] },
      'trust-root-malformed',
    ],
    ['quorum 0', { ...valid, policy: { quorum: 0 } }, 'trust-root-malformed'],
    ['quorum 1.5', { ...valid, policy: { quorum: 1.5 } }, 'trust-root-malformed'],
    [
      'a quorum over the organisations, though not over the rebuilders',
      { ...valid, policy: { quorum: 4 } },
      'trust-root-quorum',
    ],
  ])('refuses %s', (_, value, code) => {
    expect(() => parseTrustRoot(value)).toThrow(expect.objectContaining({ code }));
  });

  it.each(['Zürich 大学', 'Акме Лабс', 'β-Labs', 'ΑΒΓ Labs', 'अ Acme', "O'Neil & Söhne (UK)"])(
    'accepts an organisation called %s',
    (organisation) => {
      expect(() => parseTrustRoot(rebuilders({ ...fresh, organisation }))).not.toThrow();
    },
  );

  it('accepts a quorum of all organisations', () => {
    const all: TrustRoot = { ...valid, policy: { quorum: 3, acceptEquivalent: false } };
    expect(parseTrustRoot(all)).toEqual(all);
  });
});

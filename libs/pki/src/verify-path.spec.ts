import { webcrypto, X509Certificate } from 'node:crypto';
import 'reflect-metadata';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  X509CertificateGenerator,
} from '@peculiar/x509';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCertificate } from './certificate.js';
import { PkiError } from './errors.js';
import { issueRevocationList, type Authority } from './issue.js';
import { below, day, keyPair, leaf, root } from './pki.fixture.js';
import { readRevocationList } from './revocation-list.js';
import { roleOid, ROLES, type Role } from './roles.js';
import { certificateJudge, verifyPath, type PathOptions } from './verify-path.js';

const top = await root();
const middle = await below(top, 'Middle');
const signer = await leaf(middle);
const AT = day('2027-01-01');
const good: PathOptions = { roots: [top.certificate], at: AT, roles: ['owner'] };

function code(chain: readonly Uint8Array[], options: Partial<PathOptions> = {}): string {
  const judged = certificateJudge({ ...good, ...options })(chain);
  return 'code' in judged ? judged.code : 'good';
}

describe('a path', () => {
  it('leads from the signer to a root, with the root or without', () => {
    const path = verifyPath([signer, middle.certificate], good);
    expect(path).toMatchObject({ identity: 'CN=owner, O=Ltd', role: 'owner' });
    expect(path.publicKey.spki).toEqual(readCertificate(signer).spki);
    expect(code([signer, middle.certificate, top.certificate])).toBe('good');
  });

  it('ends with its last second, and not before', () => {
    const end = day('2036-01-01').getTime();
    const at = (ms: number) => ({ at: new Date(end + ms) });
    expect(code([signer, middle.certificate], at(999))).toBe('good');
    expect(code([signer, middle.certificate], at(1000))).toBe('certificate-expired');
  });

  it.each(ROLES)('is of the role %s and no other', async (role) => {
    const one = await leaf(top, role);
    for (const wanted of ROLES) {
      expect(code([one], { roles: [wanted] })).toBe(wanted === role ? 'good' : 'certificate-role');
    }
    expect(code([one], { roles: ROLES })).toBe('good');
  });

  it('is one for node:crypto too', () => {
    const [a, b] = [new X509Certificate(signer), new X509Certificate(middle.certificate)];
    expect(a.checkIssued(b) && a.verify(b.publicKey)).toBe(true);
    expect([a.ca, b.ca]).toEqual([false, true]);
    expect(a.serialNumber.toLowerCase()).toBe(readCertificate(signer).serial.padStart(4, '0'));
  });
});

const KEYS = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const authority = new BasicConstraintsExtension(true, undefined, true);
const signs = new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true);
const owner = new ExtendedKeyUsageExtension([roleOid('owner')], true);

/** A certificate below the root with the extensions at will, and a key on any curve. */
async function odd(
  extensions: Extension[],
  algorithm: object = KEYS,
  spki?: Uint8Array,
  name = 'CN=odd',
): Promise<Uint8Array> {
  const pkcs8 = Buffer.from(top.key.replaceAll(/-----[A-Z ]+-----|\s/g, ''), 'base64');
  const { subject } = new X509Certificate(top.certificate);
  const made = await X509CertificateGenerator.create(
    {
      ...{ subject: name, issuer: subject.split('\n').join(', '), serialNumber: '77' },
      ...{ notBefore: day('2026-01-01'), notAfter: day('2030-01-01') },
      publicKey: spki ?? keyPair().spki,
      signingAlgorithm: { ...KEYS, ...algorithm },
      signingKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, KEYS, false, ['sign']),
      extensions,
    },
    webcrypto,
  );
  return new Uint8Array(made.rawData);
}

/** Signed by an authority with an RSA key, as public ones are. */
async function rsaSigned(): Promise<Uint8Array> {
  const rsa = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  const size = { modulusLength: 2048, publicExponent: Uint8Array.of(1, 0, 1) };
  const keys = await webcrypto.subtle.generateKey({ ...rsa, ...size }, true, ['sign', 'verify']);
  const made = await X509CertificateGenerator.createSelfSigned(
    {
      ...{ name: 'CN=rsa', keys, signingAlgorithm: rsa, serialNumber: '78' },
      ...{ notBefore: day('2026-01-01'), notAfter: day('2030-01-01'), extensions: [owner, signs] },
    },
    webcrypto,
  );
  return new Uint8Array(made.rawData);
}

async function keyOnly(type: 'rsa' | 'ed25519' | 'P-384' | 'secp256k1'): Promise<Uint8Array> {
  const { generateKeyPairSync } = await import('node:crypto');
  const { publicKey } =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: 2048 })
      : type === 'ed25519'
        ? generateKeyPairSync('ed25519')
        : generateKeyPairSync('ec', { namedCurve: type });
  return new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
}

const stranger = await root('Stranger');
const twin = await root('Root');
const namelessKey = keyPair();
const nameless = {
  certificate: await odd(
    [authority, new KeyUsagesExtension(KeyUsageFlags.keyCertSign, true)],
    {},
    namelessKey.spki,
    '',
  ),
  key: namelessKey.pem,
};
const short = await root('Short', { pathLength: 0 });
const narrow = await root('Narrow', { roles: ['device'] });
const brief = await root('Brief', {}, '2026-06-01');
const underShort = await below(short, 'Under');
const ownKey = keyPair();
const notAuthority = {
  certificate: await leaf(middle, 'owner', { spki: ownKey.spki }),
  key: ownKey.pem,
};
const altered = signer.slice();
altered[signer.length - 1] = (altered[signer.length - 1] ?? 0) ^ 1;
const trusting = (authority: Authority) => ({ roots: [authority.certificate] });

/** What is wrong, the chain, how it is verified, and the code. */
const ATTACKS: readonly (readonly [string, readonly Uint8Array[], Partial<PathOptions>, string])[] =
  [
    ['no certificate', [], {}, 'certificate-chain-length'],
    [
      'more than a path may have',
      Array.from({ length: 9 }, () => signer),
      {},
      'certificate-chain-length',
    ],
    ['a root that nobody trusts', [await leaf(stranger)], {}, 'certificate-untrusted'],
    ['a root of the same name and another key', [await leaf(twin)], {}, 'certificate-untrusted'],
    ['an issuer left out', [signer], {}, 'certificate-untrusted'],
    ['the wrong order', [middle.certificate, signer], {}, 'certificate-untrusted'],
    [
      'certificates behind the root',
      [signer, middle.certificate, top.certificate, signer],
      {},
      'certificate-chain',
    ],
    [
      'an issuer of another name between',
      [signer, (await below(top, 'Other')).certificate],
      {},
      'certificate-chain',
    ],
    ['a signature that was altered', [altered, middle.certificate], {}, 'certificate-signature'],
    [
      'a time before it was valid',
      [signer, middle.certificate],
      { at: day('2025-12-31') },
      'certificate-not-yet-valid',
    ],
    [
      'a time that is none',
      [signer, middle.certificate],
      { at: new Date(Number.NaN) },
      'certificate-not-yet-valid',
    ],
    [
      'a time after it was valid',
      [signer, middle.certificate],
      { at: day('2036-01-02') },
      'certificate-expired',
    ],
    [
      'a root that was no longer valid',
      [await leaf(brief)],
      trusting(brief),
      'certificate-expired',
    ],
    ['an authority as signer', [middle.certificate], {}, 'certificate-constraints'],
    ['a root as signer', [top.certificate], {}, 'certificate-constraints'],
    [
      'an issuer that is no authority',
      [await leaf(notAuthority), notAuthority.certificate, middle.certificate],
      {},
      'certificate-constraints',
    ],
    [
      'an authority too many',
      [await leaf(underShort), underShort.certificate],
      trusting(short),
      'certificate-path-length',
    ],
    [
      'a role that its issuer may not give',
      [await leaf(narrow)],
      trusting(narrow),
      'certificate-role',
    ],
    ['no role', [await odd([signs])], {}, 'certificate-role'],
    [
      'two roles',
      [await odd([signs, new ExtendedKeyUsageExtension([roleOid('owner'), roleOid('device')])])],
      {},
      'certificate-role',
    ],
    [
      'any purpose instead of a role',
      [await odd([signs, new ExtendedKeyUsageExtension(['2.5.29.37.0'])])],
      {},
      'certificate-role',
    ],
    [
      'a key that is not for signatures',
      [await odd([owner, new KeyUsagesExtension(KeyUsageFlags.keyAgreement)])],
      {},
      'certificate-key-usage',
    ],
    [
      'a key that is for certificates as well',
      [
        await odd([
          owner,
          new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyCertSign),
        ]),
      ],
      {},
      'certificate-key-usage',
    ],
    [
      'an authority without a name',
      [await leaf(nameless), nameless.certificate],
      {},
      'certificate-constraints',
    ],
    [
      'an authority without key usage',
      [await odd([owner, signs, authority])],
      {},
      'certificate-constraints',
    ],
    [
      'a critical extension that is not known',
      [await odd([owner, signs, new Extension('1.2.3', true, Uint8Array.of(5, 0))])],
      {},
      'certificate-extension',
    ],
    [
      'name constraints, which are not processed',
      [await odd([owner, signs, new Extension('2.5.29.30', false, Uint8Array.of(48, 0))])],
      {},
      'certificate-extension',
    ],
    ['an extension twice', [await odd([owner, owner, signs])], {}, 'certificate-extension'],
    ['no extensions', [await odd([])], {}, 'certificate-key-usage'],
    ['an RSA key', [await odd([owner, signs], {}, await keyOnly('rsa'))], {}, 'certificate-curve'],
    [
      'an Ed25519 key',
      [await odd([owner, signs], {}, await keyOnly('ed25519'))],
      {},
      'certificate-curve',
    ],
    [
      'a key on secp256k1',
      [await odd([owner, signs], {}, await keyOnly('secp256k1'))],
      {},
      'certificate-curve',
    ],
    [
      'a signer on P-384',
      [await odd([owner, signs], {}, await keyOnly('P-384'))],
      {},
      'certificate-curve',
    ],
    [
      'a signature over SHA-1',
      [await odd([owner, signs], { hash: 'SHA-1' })],
      {},
      'certificate-algorithm',
    ],
    ['a signature of RSA', [await rsaSigned()], {}, 'certificate-algorithm'],
    ['bytes that are no certificate', [Uint8Array.of(0x30, 0x00)], {}, 'certificate-malformed'],
    [
      'bytes behind the certificate',
      [Uint8Array.of(...signer, 0), middle.certificate],
      {},
      'certificate-malformed',
    ],
  ];

describe('is refused for', () => {
  it.each(ATTACKS)('%s', (_, chain, options, wanted) => {
    expect(code(chain, options)).toBe(wanted);
  });
});

const serialOf = (der: Uint8Array): string => readCertificate(der).serial;
const list = (
  of: Authority,
  at: string | undefined,
  { compromised = false, next = '2030-01-01', who = signer } = {},
): Promise<Uint8Array> =>
  issueRevocationList(
    of,
    at === undefined ? [] : [{ serial: serialOf(who), at: day(at), compromised }],
    day('2026-02-01'),
    day(next),
  );

describe('revocation', () => {
  const chain = [signer, middle.certificate];
  it.each([
    ['nobody', [undefined], 'good'],
    ['the signer, before', ['2026-12-31'], 'certificate-revoked'],
    ['the signer, at that time', ['2027-01-01'], 'certificate-revoked'],
    ['the signer, later', ['2027-01-02'], 'good'],
    [
      'the signer, later, whose key is known',
      ['2027-01-02', { compromised: true }],
      'certificate-revoked',
    ],
    ['nobody, and is too old', [undefined, { next: '2026-06-01' }], 'certificate-crl-expired'],
  ] as const)('of %s', async (_, [at, how], wanted) => {
    const revocationLists = [await list(top, undefined), await list(middle, at, how)];
    expect(code(chain, { revocationLists })).toBe(wanted);
  });

  it('is asked of every issuer, and an authority can be revoked', async () => {
    expect(code(chain, { revocationLists: [await list(middle, undefined)] })).toBe(
      'certificate-crl-missing',
    );
    const revoked = await list(top, '2026-12-31', { who: middle.certificate });
    const revocationLists = [await list(middle, undefined), revoked];
    expect(code(chain, { revocationLists })).toBe('certificate-revoked');
  });

  it('is taken from nobody else', async () => {
    const forged = { certificate: middle.certificate, key: keyPair().pem };
    const revocationLists = [await list(top, undefined), await list(forged, undefined)];
    expect(code(chain, { revocationLists })).toBe('certificate-crl-signature');
    expect(code(chain, { revocationLists: [signer] })).toBe('certificate-crl-malformed');
  });
});

it('takes any bytes: a PkiError, or a certificate that is in one form alone', async () => {
  const crl = await list(middle, '2026-12-31', { compromised: true });
  const edit = fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 }));
  const property = fc.property(
    fc.constantFrom(signer, middle.certificate, crl),
    fc.array(edit, { minLength: 1, maxLength: 3 }),
    fc.nat(),
    (bytes, edits, cut) => {
      const mutant = bytes.slice();
      for (const [at, value] of edits) mutant[at % mutant.length] = value;
      const cutOff = cut % 3 === 0 ? mutant.subarray(0, cut % mutant.length) : mutant;
      for (const read of [readCertificate, readRevocationList]) {
        try {
          read(cutOff);
        } catch (error) {
          if (!(error instanceof PkiError)) throw error;
        }
      }
      const same = Buffer.compare(mutant, bytes) === 0;
      const roles: Role[] = ['owner'];
      const judged = certificateJudge({ ...good, roles })([cutOff, middle.certificate]);
      if (!('code' in judged) && !same) throw new Error('an altered certificate was taken');
    },
  );
  fc.assert(property, { seed: 60, numRuns: 1_500 });
});

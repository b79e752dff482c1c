import { ed25519 } from '@noble/curves/ed25519.js';
import { p256 } from '@noble/curves/nist.js';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { nobleVerifier, publicKeyFromRaw, type Signer } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { custom, join, module, section } from '../assemble.fixture.js';
import { component, nested } from '../component/assemble.fixture.js';
import { readBinary, walkNodes } from '../component/component.js';
import { defaultKeyId } from './algorithms.js';
import { signBinary, signDetached } from './sign.js';
import { readSignatureData, writeSignatureData } from './signature-data.js';
import { integrator, owner, stranger, delimiter } from './signers.fixture.js';
import { verifySignatures, type VerifySignaturesOptions } from './verify.js';
import { WASMSIGN2 } from './wasmsign2.fixture.js';

const keys = WASMSIGN2.publicKeys.map((hex) => publicKeyFromRaw('ed25519', hexToBytes(hex)));
const bytesOf = (name: 'module' | 'simple' | 'split' | 'cosigned' | 'extended' | 'signedOver') =>
  hexToBytes(WASMSIGN2[name]);

function check(bytes: Uint8Array, options: Partial<VerifySignaturesOptions> = {}) {
  const publicKeys = [owner.publicKey, integrator.publicKey];
  return verifySignatures(bytes, readBinary(bytes), {
    ...{ publicKeys, verify: nobleVerifier },
    ...options,
  });
}

describe('what wasmsign2 wrote', () => {
  it.each(['simple', 'split', 'cosigned', 'signedOver'] as const)('%s verifies', async (name) => {
    const bytes = bytesOf(name);
    const loose = await check(bytes, { publicKeys: keys, profile: 'wasmsign2' });
    expect(loose.findings).toEqual([]);
    expect(loose.signatures.every(({ status }) => status === 'valid')).toBe(true);
    // It binds no preamble, so the strict profile never has enough of it.
    const { findings } = await check(bytes, { publicKeys: keys });
    expect(findings.map(({ code }) => code)).toEqual(['signature-preamble-unsigned']);
  });

  it('tells who signed which bytes', async () => {
    const bytes = bytesOf('signedOver');
    const { signatures } = await check(bytes, { publicKeys: keys, profile: 'wasmsign2' });
    const added = bytes.length - 38 - 11;
    expect(
      signatures.map(({ keyId, signer, covers }) => [keyId, signer?.publicKey, covers]),
    ).toEqual([
      [
        bytesToHex(new TextEncoder().encode('first')),
        keys[0],
        expect.objectContaining({ sections: [1, 7], whole: false, preamble: false }),
      ],
      [
        bytesToHex(new TextEncoder().encode('second')),
        keys[1],
        expect.objectContaining({ sections: [1, 9], whole: true, preamble: false }),
      ],
    ]);
    const first = signatures[0]?.covers;
    expect((first?.offset ?? 0) + (first?.size ?? 0)).toBe(added);
  });

  it('accepts what stands behind its last delimiter, and we do not', async () => {
    const { findings } = await check(bytesOf('extended'), {
      publicKeys: keys,
      profile: 'wasmsign2',
    });
    expect(findings).toEqual([
      expect.objectContaining({ code: 'signature-incomplete', offset: bytesOf('split').length }),
    ]);
  });

  it('verifies when detached', async () => {
    const detached = hexToBytes(WASMSIGN2.detached);
    const { findings, signatures } = await check(bytesOf('module'), {
      ...{ publicKeys: keys, profile: 'wasmsign2', detached },
    });
    expect(findings).toEqual([]);
    expect(signatures).toEqual([expect.objectContaining({ where: 'detached', status: 'valid' })]);
  });

  it('is written as it was read, and named as it names keys', () => {
    const detached = hexToBytes(WASMSIGN2.detached);
    const whole = { offset: 0, size: detached.length };
    expect(writeSignatureData(readSignatureData(detached, whole))).toEqual(detached);
    expect(keys.map((key) => bytesToHex(defaultKeyId(key)))).toEqual(WASMSIGN2.keyIds);
  });

  it('is what we write, byte for byte', async () => {
    const seed = new Uint8Array(32).fill(1);
    const signer: Signer = {
      publicKey: publicKeyFromRaw('ed25519', ed25519.getPublicKey(seed)),
      sign: (message) => ed25519.sign(message, seed),
    };
    const options = { signer, profile: 'wasmsign2', keyId: new Uint8Array() } as const;
    const detached = await signDetached(bytesOf('module'), options);
    expect(bytesToHex(detached)).toBe(WASMSIGN2.detached);
  });
});

describe.each([
  ['a module', module(section(1, [0]), custom('name', [1, 2, 3]))],
  ['a component', component(nested(component(custom('inner'))), custom('outer'))],
  ['a preamble alone', module()],
])('%s', (_, bytes) => {
  it.each([
    ['Ed25519', owner],
    ['P-256', integrator],
  ])('is signed with %s and verifies, all other bytes kept', async (_name, signer) => {
    const signed = await signBinary(bytes, delimiter(1), { signer });
    const { findings, signatures } = await check(signed);
    expect(findings).toEqual([]);
    expect(signatures).toEqual([
      expect.objectContaining({
        status: 'valid',
        profile: 'strict',
        signer: { publicKey: signer.publicKey },
        keyId: bytesToHex(defaultKeyId(signer.publicKey)),
        covers: expect.objectContaining({ preamble: true, whole: true }) as unknown,
      }),
    ]);
    const { sections } = readBinary(signed);
    const body = sections[0]!.bodyOffset + sections[0]!.bodySize;
    expect(signed.subarray(body, body + bytes.length - 8)).toEqual(bytes.subarray(8));
  });

  it('is signed apart, by two, and stays as it is', async () => {
    const one = await signDetached(bytes, { signer: owner });
    const detached = await signDetached(bytes, { signer: integrator }, one);
    const { findings, signatures } = await check(bytes, { detached });
    expect(findings).toEqual([]);
    expect(signatures.map(({ signer }) => signer?.publicKey)).toEqual([
      owner.publicKey,
      integrator.publicKey,
    ]);
  });
});

describe('a signature that was there before', () => {
  const bytes = module(section(1, [0]));

  it('holds after an integrator adds a section and signs it over', async () => {
    const owned = await signBinary(bytes, delimiter(1), { signer: owner });
    const extended = join(owned, custom('composition-manifest', [1]));
    expect((await check(extended)).findings).toEqual([
      expect.objectContaining({ code: 'signature-incomplete', offset: owned.length }),
    ]);
    const signed = await signBinary(extended, delimiter(2), { signer: integrator });
    const { findings, signatures } = await check(signed);
    expect(findings).toEqual([]);
    expect(signatures.map(({ status, covers }) => [status, covers?.whole])).toEqual([
      ['valid', false],
      ['valid', true],
    ]);
  });

  it('holds within a component around it, in place', async () => {
    const owned = await signBinary(bytes, delimiter(1), { signer: owner });
    const around = component(section(1, owned), custom('composition-manifest', [1]));
    const signed = await signBinary(around, delimiter(2), { signer: integrator });
    const reports = [];
    for (const node of walkNodes(readBinary(signed))) {
      const { findings, signatures } = await verifySignatures(signed, node, {
        ...{ publicKeys: [owner.publicKey, integrator.publicKey], verify: nobleVerifier },
      });
      expect(findings).toEqual([]);
      reports.push(...signatures.map(({ node: path, signer }) => [path, signer?.publicKey]));
    }
    expect(reports).toEqual([
      ['/', integrator.publicKey],
      ['/module[0]', owner.publicKey],
    ]);
  });

  it('is not broken by a delimiter that its signer left out', async () => {
    const simple = bytesOf('simple');
    const signed = await signBinary(simple, delimiter(1), { signer: integrator });
    const publicKeys = [...keys, integrator.publicKey];
    const { findings, signatures } = await check(signed, { publicKeys });
    expect(findings).toEqual([]);
    expect(signatures.map(({ covers }) => covers?.whole)).toEqual([true, true]);
  });

  it('may be by somebody who is not known, and then decides nothing', async () => {
    const one = await signBinary(bytes, delimiter(1), { signer: stranger });
    expect((await check(one)).findings).toEqual([
      expect.objectContaining({ code: 'signature-signer-unknown' }),
    ]);
    const two = await signBinary(one, delimiter(2), { signer: owner });
    const { findings, signatures } = await check(two);
    expect(findings).toEqual([]);
    expect(signatures.map(({ status }) => status)).toEqual(['signer-unknown', 'valid']);
  });
});

it('carries certificates as sigil does, and hands them to who judges them', async () => {
  const certificates = [Uint8Array.of(1, 2), Uint8Array.of(3)];
  const bytes = await signBinary(module(), delimiter(1), { signer: integrator, certificates });
  const seen: (readonly Uint8Array[])[] = [];
  const answers = [
    { publicKey: integrator.publicKey, identity: 'CN=Integrator', role: 'integrator' },
    { publicKey: stranger.publicKey, identity: 'CN=Stranger', role: 'integrator' },
    { code: 'certificate-expired', message: 'expired' },
  ] as const;
  const codes = [];
  for (const answer of answers) {
    const { findings, signatures } = await check(bytes, {
      publicKeys: [],
      certificates: (chain) => {
        seen.push(chain);
        return answer;
      },
    });
    codes.push([signatures[0]?.status, findings[0]?.code]);
  }
  expect(seen).toEqual([certificates, certificates, certificates]);
  expect(codes).toEqual([
    ['valid', undefined],
    ['invalid', 'signature-invalid'],
    ['signer-unknown', 'certificate-expired'],
  ]);
});

it('reads the r and s of a P-256 signature as 64 bytes', async () => {
  const detached = await signDetached(module(), { signer: integrator });
  const [set] = readSignatureData(detached, { offset: 0, size: detached.length });
  expect(set?.signatures[0]).toMatchObject({ algorithm: 0x02 });
  const raw = set?.signatures[0]?.signature ?? new Uint8Array();
  expect(p256.Signature.fromBytes(raw, 'compact').s).toBeGreaterThan(0n);
});

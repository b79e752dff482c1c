import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { signEnvelope, type Statement } from '@touchstone/attest';
import { generateKey, publicKeyToPem, readPrivateKey, writePrivateKey } from '@touchstone/keys';
import { ROLES } from '@touchstone/pki';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registerCompose } from './compose.js';
import { registerPki } from './pki.js';

const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const MODULE_SHA256 = '93a44bbb96c751218e4c00d479e4c14358122a389acca16205b1e4d0dc5f9476';
/** A component that instantiates the one module in it. */
const COMPONENT = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0],
  ...[1, MODULE.length, ...MODULE],
  ...[2, 4, 1, 0, 0, 0],
]);

let dir: string;
const at = (name: string): string => join(dir, name);
const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerCompose, registerPki], args);

async function done(...args: string[]): Promise<string> {
  const { code, out, message } = await touchstone(...args);
  expect([code, message]).toEqual([0, '']);
  return out;
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-trust-'));
  await writeFile(at('app.wasm'), COMPONENT);
  await done('compose', 'embed', at('app.wasm'), '-o', at('full.wasm'));
  await done('pki', 'init', at('root'), '--name', 'Root');
  for (const role of ROLES) {
    const key = ['--new-key', at(`${role}.key`), '-o', at(`${role}.pem`)];
    await done('pki', 'issue', at('root'), '--role', role, '--name', role, ...key);
    const attest = ['compose', 'attest', at('full.wasm'), '--key', at(`${role}.key`)];
    await done(...attest, '-o', at(`${role}.dsse.json`));
    await done(...attest, '--format', 'cose', '-o', at(`${role}.cose`));
  }
  const key = generateKey('ed25519');
  await writePrivateKey(at('revoker.key'), key);
  await writeFile(at('revoker.pem'), publicKeyToPem(key.publicKey));
});
afterAll(() => rm(dir, { recursive: true }));

describe('who attests, by certificate', () => {
  const verify = (envelope: string, role: string, ...more: string[]): Promise<Ran> =>
    touchstone(
      ...['compose', 'verify', at('full.wasm'), '--attestation', at(envelope)],
      ...['--certificate', at(`${role}.pem`), '--attestation-root', at('root/ca.pem'), ...more],
    );

  it.each(['dsse.json', 'cose'])('is an integrator, in %s', async (format) => {
    expect(await verify(`integrator.${format}`, 'integrator')).toMatchObject({ code: 0 });
    for (const role of ROLES.filter((each) => each !== 'integrator')) {
      const { code, out } = await verify(`${role}.${format}`, role);
      expect([code, out]).toEqual([1, expect.stringContaining('certificate-role')]);
    }
    // A certificate of somebody else vouches for another key.
    const other = await verify(`owner.${format}`, 'integrator');
    expect([other.code, other.out]).toEqual([1, expect.stringContaining('signer-unknown')]);
  });

  it('at a time when the certificate was good', async () => {
    const early = await verify(
      'integrator.dsse.json',
      'integrator',
      '--at',
      '2020-01-01T00:00:00Z',
    );
    expect([early.code, early.out]).toEqual([
      1,
      expect.stringContaining('certificate-not-yet-valid'),
    ]);
    const args = ['compose', 'verify', at('full.wasm'), '--certificate', at('integrator.pem')];
    expect((await touchstone(...args)).code).toBe(2);
  });
});

describe('pki verify-envelope', () => {
  const check = (file: string, role: string): Promise<Ran> =>
    touchstone(
      ...['pki', 'verify-envelope', at(file), '--certificate', at(`${role}.pem`)],
      ...['--root', at('root/ca.pem'), '--json'],
    );
  const statement = (predicateType: string): Statement => ({
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ digest: { sha256: MODULE_SHA256 } }],
    ...{ predicateType, predicate: {} },
  });

  it.each([
    ['https://touchstone.dev/revocation/v1', 'owner'],
    ['https://touchstone.dev/composition/v1', 'integrator'],
    ['https://touchstone.dev/rebuild/v1', 'rebuilder'],
    ['https://touchstone.dev/acknowledgement/v1', 'device'],
    ['https://example.org/review', undefined],
  ])('of %s asks for the role %s', async (predicateType, wanted) => {
    for (const role of ROLES) {
      const signer = await readPrivateKey(at(`${role}.key`));
      await writeFile(
        at('any.json'),
        JSON.stringify(await signEnvelope(statement(predicateType), signer)),
      );
      const { code, error } = await check('any.json', role);
      expect([role, code, error]).toEqual(
        role === wanted ? [role, 0, ''] : [role, 1, 'certificate-role'],
      );
    }
    expect((await check('any.json', 'owner')).error).toBe('signer-unknown');
  });

  it('reads COSE too', async () => {
    const { code, out } = await check('integrator.cose', 'integrator');
    expect([code, JSON.parse(out)]).toMatchObject([0, { role: 'integrator', valid: true }]);
  });
});

describe('compose revoke', () => {
  const verify = (...lists: string[]): Promise<Ran> =>
    touchstone(
      ...['compose', 'verify', at('full.wasm'), '--revoker-key', at('revoker.pem')],
      ...(lists.length === 0 ? [] : ['--revocation', ...lists.map(at)]),
    );
  const revoke = (...args: string[]): Promise<string> =>
    done('compose', 'revoke', ...args, '--key', at('revoker.key'));

  it('takes a node back, and renews what was taken back before', async () => {
    await revoke('-o', at('none.json'));
    expect((await verify('none.json')).code).toBe(0);
    await revoke(`sha256:${MODULE_SHA256}`, '--reason', 'CVE-2026-1', '-o', at('one.json'));
    const { code, out } = await verify('one.json');
    expect([code, out]).toEqual([
      1,
      expect.stringMatching(/node-revoked {2}\/module\[0\].*CVE-2026-1/),
    ]);
    await revoke('--after', at('one.json'), '-o', at('again.json'));
    expect((await verify('again.json')).out).toContain('node-revoked');
  });

  it('is asked of who may revoke', async () => {
    expect((await verify()).out).toContain('revocation-missing');
    await revoke('--days', '1', '-o', at('none.json'));
    const changed = (await readFile(at('none.json'), 'utf8')).replace('"sig":"', '"sig":"AAAA');
    await writeFile(at('changed.json'), changed);
    expect((await verify('changed.json')).code).toBe(1);
    const wrong = await touchstone(
      'compose',
      'revoke',
      'abc',
      '--key',
      at('revoker.key'),
      '-o',
      at('x'),
    );
    expect([wrong.code, wrong.error]).toEqual([2, 'digest-malformed']);
    const nobody = await touchstone(
      'compose',
      'verify',
      at('full.wasm'),
      '--revocation',
      at('none.json'),
    );
    expect(nobody.code).toBe(2);
  });
});

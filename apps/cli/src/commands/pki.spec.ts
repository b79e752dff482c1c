import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, publicKeyToPem } from '@touchstone/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registerPki } from './pki.js';
import { registerWasm } from './wasm.js';

const MODULE = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 2, 1, 0x6d]);

let dir: string;
const at = (name: string): string => join(dir, name);
const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerPki, registerWasm], args);
const verify = (...more: string[]): Promise<Ran> =>
  touchstone('pki', 'verify', at('vendor.pem'), '--root', at('root/ca.pem'), '--json', ...more);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-pki-'));
  await writeFile(at('part.wasm'), MODULE);
  const ran = [
    await touchstone('pki', 'init', at('root'), '--name', 'Root', '--path-length', '1'),
    await touchstone(
      'pki',
      'init',
      at('owners'),
      '--below',
      at('root'),
      '--role',
      'owner',
      '--name',
      'Owners',
    ),
    await touchstone(
      'pki',
      'issue',
      at('owners'),
      '--role',
      'owner',
      '--name',
      'Vendor',
      '--new-key',
      at('vendor.key'),
      '-o',
      at('vendor.pem'),
    ),
  ];
  expect(ran.map(({ code, message }) => [code, message])).toEqual([
    [0, ''],
    [0, ''],
    [0, ''],
  ]);
});

afterAll(() => rm(dir, { recursive: true }));

describe('pki', () => {
  it('keeps keys to their owner, and writes a chain without its root', async () => {
    for (const file of ['root/ca.key', 'owners/ca.key', 'vendor.key']) {
      expect((await stat(at(file))).mode & 0o777).toBe(0o600);
    }
    expect((await readFile(at('vendor.pem'), 'utf8')).match(/BEGIN CERTIFICATE/gu)).toHaveLength(2);
    const again = await touchstone('pki', 'init', at('root'), '--name', 'Root');
    expect(again.error).toBe('key-file-exists');
  });

  it('verifies a chain at a time and in a role', async () => {
    const held = await verify('--role', 'owner');
    expect(held.code).toBe(0);
    expect(JSON.parse(held.out)).toMatchObject({
      valid: true,
      identity: 'CN=Vendor',
      role: 'owner',
    });
    for (const [args, code] of [
      [['--role', 'integrator'], 'certificate-role'],
      [['--at', '2000-01-01T00:00:00Z'], 'certificate-not-yet-valid'],
      [['--at', '2200-01-01T00:00:00Z'], 'certificate-expired'],
    ] as const) {
      const ran = await verify(...args);
      expect(ran.code).toBe(1);
      expect(JSON.parse(ran.out)).toMatchObject({ valid: false, error: { code } });
    }
  });

  it('issues to the key of a chip, and to none that is not of P-256', async () => {
    for (const [algorithm, code] of [
      ['ecdsa-p256-sha256', 0],
      ['ed25519', 2],
    ] as const) {
      await writeFile(at('chip.pem'), publicKeyToPem(generateKey(algorithm).publicKey));
      const ran = await touchstone(
        ...['pki', 'issue', at('root'), '--role', 'device', '--name', 'Chip'],
        ...['--public-key', at('chip.pem'), '-o', at('chip-chain.pem')],
      );
      expect(ran.code).toBe(code);
    }
  });

  it('lets a verifier of a binary ask for a root instead of a key', async () => {
    await touchstone(
      ...['wasm', 'sign', at('part.wasm'), '--key', at('vendor.key')],
      ...['--certificate', at('vendor.pem'), '-o', at('signed.wasm')],
    );
    const check = (...more: string[]): Promise<Ran> =>
      touchstone('wasm', 'verify-signature', at('signed.wasm'), '--json', ...more);
    const held = await check('--root', at('root/ca.pem'));
    expect(held.code).toBe(0);
    expect(JSON.parse(held.out)).toMatchObject({
      signatures: [{ status: 'valid', signer: { identity: 'CN=Vendor', role: 'owner' } }],
    });
    const early = await check('--root', at('root/ca.pem'), '--at', '2000-01-01T00:00:00Z');
    expect(JSON.parse(early.out)).toMatchObject({
      findings: [{ code: 'certificate-not-yet-valid' }],
    });
    expect((await check('--at', '2000-01-01T00:00:00Z')).code).toBe(2);
  });

  it('revokes, and a list is asked of every issuer', async () => {
    await touchstone('pki', 'crl', at('root'));
    const revoke = (...more: string[]): Promise<Ran> =>
      touchstone('pki', 'revoke', at('owners'), '--certificate', at('vendor.pem'), ...more);
    expect((await revoke()).code).toBe(0);
    const lists = ['--crl', at('owners/crl.pem'), at('root/crl.pem')];
    expect(JSON.parse((await verify('--crl', at('root/crl.pem'))).out)).toMatchObject({
      error: { code: 'certificate-crl-missing' },
    });
    const after = new Date(Date.now() + 60_000).toISOString();
    expect(JSON.parse((await verify(...lists, '--at', after)).out)).toMatchObject({
      error: { code: 'certificate-revoked' },
    });
    const stranger = await touchstone(
      'pki',
      'revoke',
      at('root'),
      '--certificate',
      at('vendor.pem'),
    );
    expect([stranger.code, stranger.error]).toEqual([3, 'certificate-unknown']);
  });
});

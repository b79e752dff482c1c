import { X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, publicKeyToPem } from '@touchstone/keys';
import { formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registerAirgap } from '../commands/airgap.js';
import { registerDevice } from '../commands/device.js';
import { registerPki } from '../commands/pki.js';
import { startSimulator, type Simulator } from './simulator.js';

/** From an organisation's root to 72 bytes in a chip and back, by the commands that people have. */

let dir: string;
let chip: Simulator;
let chips = 0;
const at = (name: string): string => join(dir, name);

const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerPki, registerDevice, registerAirgap], args);

async function done(...args: string[]): Promise<Record<string, unknown>> {
  const { code, out, error, message } = await touchstone(...args, '--json');
  expect([code, error, message]).toEqual([0, '', '']);
  return JSON.parse(out) as Record<string, unknown>;
}

const provision = (pki: string, ...more: string[]): string[] => [
  ...['device', 'provision', '--chip', chip.address, '--organisation', 'Acme'],
  ...['--pki', at(pki), ...more],
];

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'device-pki-'));
  await done('pki', 'init', at('root'), '--name', 'Acme root', '--organisation', 'Acme');
  const below = ['--below', at('root'), '--organisation', 'Acme'];
  await done('pki', 'init', at('devices'), ...below, '--role', 'device', '--name', 'Devices Ä');
  await done('pki', 'init', at('stranger'), '--name', 'Another root');
  await done('pki', 'init', at('owners'), ...below, '--role', 'owner', '--name', 'Owners');
  const exporter = generateKey('ecdsa-p256-sha256');
  await writeFile(at('exporter.pem'), publicKeyToPem(exporter.publicKey));
  const key = exporter.publicKey;
  await writeFile(
    at('trust-root.json'),
    JSON.stringify({
      schema: 'https://touchstone.dev/trust-root/v1',
      version: 1,
      logs: [{ origin: 'log.example', vkey: formatVerifierKey(verifierKey('log.example', key)) }],
      rebuilders: [
        {
          ...{ id: 'acme', organisation: 'Acme' },
          keys: [{ algorithm: 'ecdsa-p256-sha256', spki: toBase64(key.spki) }],
        },
      ],
      policy: { quorum: 1 },
    }),
  );
});
afterAll(() => rm(dir, { recursive: true }));
beforeEach(async () => {
  chip = await startSimulator({ listen: { kind: 'unix', path: at(`${chips++}.sock`) } });
});
afterEach(() => chip.close());

describe('a device whose certificate is one of touchstone pki', () => {
  it('has it in 72 bytes, byte for byte, and in the role device', async () => {
    const made = await done(
      ...provision('devices', '--exporter', at('exporter.pem'), '--yes'),
      ...['--certificate-out', at('hut.crt'), '--out', at('hut.pub.pem')],
    );
    const [pem = ''] = (await readFile(at('hut.crt'), 'utf8')).split(
      /(?<=-----END CERTIFICATE-----\n)/,
    );
    const certificate = new X509Certificate(pem);
    const serial = String(made['serial']).toUpperCase();
    expect(certificate.subject).toBe(`CN=sn${serial}\nO=Acme`);
    expect(certificate.issuer).toContain('CN=Devices');
    expect(
      certificate.verify(new X509Certificate(await readFile(at('devices/ca.pem'))).publicKey),
    ).toBe(true);
    // Out of the chip alone, with the authority's certificate.
    const issuer = ['--issuer', at('devices/ca.pem')];
    const back = await done('device', 'certificate', '--chip', chip.address, ...issuer);
    expect(back['certificate']).toBe(pem);
    const compressed = await done(
      'device',
      'compress',
      at('hut.crt'),
      ...issuer,
      '--organisation',
      'Acme',
    );
    expect(String(compressed['compressed'])).toMatch(/^[0-9a-f]{144}$/);
    expect(
      await done('pki', 'verify', at('hut.crt'), '--root', at('root/ca.pem'), '--role', 'device'),
    ).toMatchObject({
      valid: true,
      role: 'device',
    });
    // And it is one that its authority remembers, so that it can be revoked.
    expect(await readFile(at('devices/issued.json'), 'utf8')).toContain(serial);
    expect(await touchstone('device', 'certificate', '--chip', chip.address)).toMatchObject({
      error: 'device-certificate',
    });
  });

  it('is believed by an exporter under the root, until it is revoked', async () => {
    await done(...provision('devices', '--yes', '--certificate-out', at('mill.crt')));
    const add = (...more: string[]): Promise<Ran> =>
      touchstone(
        ...[
          'airgap',
          'site',
          'mill',
          '--trust-root',
          at('trust-root.json'),
          '--sites',
          at('sites'),
        ],
        ...['--device-certificate', at('mill.crt'), '--device-root', at('root/ca.pem'), ...more],
        '--json',
      );
    const added = await add();
    expect(added).toMatchObject({ code: 0, error: '' });
    expect(JSON.parse(added.out)).toMatchObject({
      site: 'mill',
      serial: expect.stringMatching(/^[0-9a-f]{18}$/) as string,
    });
    expect(
      await touchstone(
        ...[
          'airgap',
          'site',
          'other',
          '--trust-root',
          at('trust-root.json'),
          '--sites',
          at('sites'),
        ],
        ...['--device-certificate', at('mill.crt'), '--device-root', at('stranger/ca.pem')],
      ),
    ).toMatchObject({ code: 1, error: 'certificate-untrusted' });
    await done('pki', 'revoke', at('devices'), '--certificate', at('mill.crt'), '--compromised');
    await done('pki', 'crl', at('root'));
    const lists = ['--device-crl', at('devices/crl.pem'), at('root/crl.pem')];
    expect(await add(...lists)).toMatchObject({ code: 1, error: 'certificate-revoked' });
  });

  it('gets none from an authority that may not certify devices, and stays open', async () => {
    expect(await touchstone(...provision('owners', '--yes'))).toMatchObject({
      code: 1,
      error: 'certificate-role',
    });
    expect(await done(...provision('devices'))).toMatchObject({ done: false });
  });

  it('takes a PKI or a key, not both', async () => {
    const both = provision('devices', '--ca-key', at('devices/ca.key'));
    expect(await touchstone(...both)).toMatchObject({ code: 2, error: 'device-authority' });
  });
});

describe('a certificate that 72 bytes cannot say', () => {
  const compress = (file: string, issuer = 'devices'): Promise<Ran> =>
    touchstone(
      'device',
      'compress',
      at(file),
      '--issuer',
      at(`${issuer}/ca.pem`),
      '--organisation',
      'Acme',
    );
  const issue = (folder: string, ...more: string[]) =>
    done('pki', 'issue', at(folder), '--organisation', 'Acme', ...more);

  it.each<[string, string, string[]]>([
    [
      'a random serial number and an end',
      'devices',
      ['--role', 'device', '--name', 'sn012300000000000001'],
    ],
    ['another name', 'devices', ['--role', 'device', '--name', 'Hut']],
    ['another role', 'owners', ['--role', 'owner', '--name', 'sn012300000000000001']],
  ])('has %s', async (_, folder, how) => {
    const name = `${how.join('-').replaceAll(' ', '')}.crt`;
    await issue(folder, ...how, '--new-key', at(`${name}.key`), '-o', at(name));
    expect(await compress(name, folder)).toMatchObject({
      code: 1,
      error: 'certificate-not-compressible',
    });
  });

  it('is of another authority or organisation', async () => {
    await done(...provision('devices', '--yes', '--certificate-out', at('own.crt')));
    expect(await compress('own.crt')).toMatchObject({ code: 0 });
    expect(await compress('own.crt', 'owners')).toMatchObject({
      error: 'certificate-not-compressible',
    });
    const args = ['--issuer', at('devices/ca.pem'), '--organisation', 'Acne'];
    expect(await touchstone('device', 'compress', at('own.crt'), ...args)).toMatchObject({
      error: 'certificate-not-compressible',
    });
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { advanceTrustRoot, type TrustRoot } from '@touchstone/attest';
import { generateKey, nodeVerifier, writePrivateKey } from '@touchstone/keys';
import { formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registerAirgap } from './airgap.js';

const log = generateKey('ed25519').publicKey;
const rebuilder = generateKey('ecdsa-p256-sha256').publicKey;
const [anna, ben, carol] = [generateKey('ed25519'), generateKey('ed25519'), generateKey('ed25519')];

let dir: string;

const at = (name: string): string => join(dir, name);
const write = (name: string, value: unknown) => writeFile(at(name), JSON.stringify(value));

function root(version: number, signers: TrustRoot['signers']): TrustRoot {
  const { algorithm, spki } = rebuilder;
  return {
    schema: 'https://touchstone.dev/trust-root/v1',
    version,
    logs: [
      { origin: 'example.org/log', vkey: formatVerifierKey(verifierKey('example.org/log', log)) },
    ],
    rebuilders: [{ id: 'a', organisation: 'A', keys: [{ algorithm, spki: toBase64(spki) }] }],
    policy: { quorum: 1 },
    ...(signers && { signers }),
  };
}

const signers = (threshold: number, ...keys: (typeof anna)[]): TrustRoot['signers'] => ({
  threshold,
  keys: keys.map(({ publicKey: { algorithm, spki } }) => ({ algorithm, spki: toBase64(spki) })),
});

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-root-'));
  await writePrivateKey(at('anna.pem'), anna);
  await writePrivateKey(at('ben.pem'), ben);
  await writePrivateKey(at('carol.pem'), carol);
  await write('1.json', root(1, signers(2, anna, ben)));
  await write('2.json', root(2, signers(1, carol)));
});

afterEach(async () => {
  await rm(dir, { recursive: true, force: true });
});

const sign = (next: string, ...keys: string[]): Promise<Ran> =>
  runCommand(
    [registerAirgap],
    ['airgap', 'sign-root', at(next), '--follows', at('1.json'), '-o', at('out.json')].concat(
      '--key',
      keys.map((key) => at(`${key}.pem`)),
    ),
  );

async function advance(): Promise<number> {
  const current = root(1, signers(2, anna, ben));
  const envelope: unknown = JSON.parse(await readFile(at('out.json'), 'utf8'));
  return (await advanceTrustRoot(current, envelope, nodeVerifier)).version;
}

describe('touchstone airgap sign-root', () => {
  it('signs by all at once', async () => {
    expect((await sign('2.json', 'anna', 'ben', 'carol')).code).toBe(0);
    expect(await advance()).toBe(2);
  });

  it('signs one after the other, and says what is missing on the way', async () => {
    const first = await sign('2.json', 'carol');
    expect([first.code, first.out]).toEqual([1, expect.stringContaining('not yet enough')]);
    await expect(advance()).rejects.toMatchObject({ code: 'signer-unknown' });
    const second = await sign('out.json', 'anna');
    expect([second.code, second.out]).toEqual([1, expect.stringContaining('1 of the 2 signers')]);
    expect((await sign('out.json', 'anna')).code).toBe(1);
    expect((await sign('out.json', 'ben')).out).toContain('3 signatures, follows version 1');
    expect(await advance()).toBe(2);
  });

  it.each([
    ['a version that does not follow', root(3, signers(1, carol)), 'carol', 'trust-root-chain'],
    ['a next one without signers', root(2, undefined), 'anna', 'trust-root-chain'],
    ['a key that neither names', root(2, signers(1, ben)), 'carol', 'signer-unknown'],
    ['no trust root', { version: 2 }, 'anna', 'trust-root-malformed'],
  ])('refuses %s, and writes nothing', async (_, next, key, code) => {
    await write('next.json', next);
    expect((await sign('next.json', key)).error).toBe(code);
    await expect(readFile(at('out.json'))).rejects.toThrow();
  });
});

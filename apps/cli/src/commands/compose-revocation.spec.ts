import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TrustRoot } from '@touchstone/attest';
import { generateKey, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import { keyId, toBase64 } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, succeeded, type Ran } from '../command.fixture.js';
import { sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { registerCompose } from './compose.js';
import { registerLog } from './log.js';
import { registerSearch } from './search.js';

const MODULE = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
/** One key of each kind that may revoke. */
const [owner, chip] = [generateKey('ed25519'), generateKey('ecdsa-p256-sha256')];

let dir: string;
let log: TestLog;
const at = (name: string): string => join(dir, name);
const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerCompose, registerLog, registerSearch], args, { TOUCHSTONE_LOG: log.url });

const done = (...args: string[]): Promise<string> => succeeded(touchstone(...args));

/** Signs a list and logs it, as its signer would. */
async function logged(by: string, name: string, ...digests: string[]): Promise<void> {
  const list = ['compose', 'revoke', ...digests, '--key', at(`${by}.key`), '-o', at(name)];
  await done(...list);
  await done('log', 'add', '--envelope', at(name), '--public-key', at(`${by}.pem`));
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-revocation-'));
  log = await TestLog.start();
  await writeFile(at('bare.wasm'), MODULE);
  for (const [name, key] of Object.entries({ owner, chip })) {
    await writePrivateKey(at(`${name}.key`), key);
    await writeFile(at(`${name}.pem`), publicKeyToPem(key.publicKey));
  }
  const { algorithm, spki } = owner.publicKey;
  const root: TrustRoot = {
    schema: 'https://touchstone.dev/trust-root/v1',
    version: 1,
    logs: [{ origin: log.vkey.name, vkey: log.vkeyText }],
    rebuilders: [{ id: 'any', organisation: 'Any', keys: [{ algorithm, spki: toBase64(spki) }] }],
    policy: { quorum: 1 },
  };
  await writeFile(at('trust.json'), JSON.stringify(root));
  await done('compose', 'embed', at('bare.wasm'), '-o', at('app.wasm'));
});

afterAll(async () => {
  await log.remove();
  await rm(dir, { recursive: true });
});

describe('compose verify, with a log asked about revocations', () => {
  const verify = (...more: string[]): Promise<Ran> =>
    touchstone(
      ...['compose', 'verify', at('app.wasm'), '--trust-root', at('trust.json'), ...more],
      ...['--revoker-key', at('owner.pem'), at('chip.pem')],
    );

  it('knows the newest list of each, now and from what was kept', async () => {
    await logged('owner', 'owner.json');
    await logged('chip', 'chip.json');
    await log.committed(2);
    const now = await verify('--log', log.url);
    expect([now.code, now.message]).toEqual([0, '']);
    expect(now.out.match(/newest list of .*; none newer is in/g)).toHaveLength(2);
    const ids = [owner, chip].map(({ publicKey }) => `signer:${keyId(publicKey)}`);
    const known = ['--trust-root', at('trust.json')];
    await done('search', ...ids, ...known, '--out', at('kept.json'));
    const later = await verify('--search', at('kept.json'), '--revocations-searched', '--json');
    expect([later.code, later.message]).toEqual([0, '']);
    expect(JSON.parse(later.out)).toMatchObject({
      revokers: [
        { newest: { index: expect.any(Number) as number }, log: { origin: log.vkey.name } },
        { newest: { index: expect.any(Number) as number } },
      ],
    });
  });

  it('finds the list that was not handed over, and the old one that was', async () => {
    await logged('chip', 'taken.json', `sha256:${sha256Hex(MODULE)}`);
    const { code, out } = await verify('--log', log.url, '--revocation', at('chip.json'));
    expect(code).toBe(1);
    expect(out).toMatch(
      /revocation-superseded {2}\/ at byte 0: the list of .* entry \d+ of the log/,
    );
    expect(out).toMatch(/node-revoked {2}\/ at byte 0: .* in entry \d+ of the log/);
    // What was kept before that says up to where it goes, and no more.
    expect((await verify('--search', at('kept.json'))).code).toBe(0);
  });

  it('fails closed over what nobody can read', async () => {
    await writeFile(at('any.bin'), 'any bytes');
    await done('log', 'add', '--file', at('any.bin'), '--key', at('chip.key'));
    expect((await verify('--log', log.url)).out).toContain('revocation-unread');
  });

  it('needs to be told who may revoke, and whose log it is', async () => {
    const file = ['compose', 'verify', at('app.wasm')];
    const key = ['--revoker-key', at('owner.pem')];
    const trust = ['--trust-root', at('trust.json')];
    const cases = [
      [...trust, '--log', log.url],
      [...key, '--log', log.url],
      [...key, '--search', at('kept.json')],
      [...trust, '--search', at('kept.json')],
      [...key, ...trust, '--search', at('kept.json'), '--log', log.url],
      [...key, ...trust, '--log', log.dir],
      ['--revocations-searched'],
    ];
    for (const more of cases) {
      expect(await touchstone(...file, ...more)).toMatchObject({ code: 2, error: 'usage' });
    }
    const unsearched = await touchstone(
      ...[...file, ...key, '--revocation', at('owner.json'), '--revocations-searched'],
    );
    expect([unsearched.code, unsearched.out]).toEqual([
      1,
      expect.stringContaining('revocation-unsearched'),
    ]);
    expect(unsearched.out).toContain('no log was asked');
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { registerWasm } from './wasm.js';

const MODULE = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 2, 1, 0x6d]);

let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-signature-'));
  for (const [name, algorithm] of [
    ['owner', 'ecdsa-p256-sha256'],
    ['integrator', 'ed25519'],
    ['stranger', 'ed25519'],
  ] as const) {
    const key = generateKey(algorithm);
    await writePrivateKey(at(`${name}.key`), key);
    await writeFile(at(`${name}.pem`), publicKeyToPem(key.publicKey));
  }
  await writeFile(at('part.wasm'), MODULE);
});

afterAll(() => rm(dir, { recursive: true }));

async function touchstone(
  ...args: string[]
): Promise<{ code: number; out: string; error: string }> {
  return runCommand([registerWasm], ['wasm', ...args]);
}

const sign = (file: string, key: string, out: string, ...more: string[]) =>
  touchstone('sign', at(file), '--key', at(key), '-o', at(out), ...more);

/** A component around a module. */
function around(module: Uint8Array): Uint8Array {
  return Uint8Array.from([0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, 1, ...leb(module.length), ...module]);
}

function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, value >> 7];
}

describe('wasm sign', () => {
  it("keeps the owner's signature in what an integrator made of it, and says who signed what", async () => {
    expect((await sign('part.wasm', 'owner.key', 'owned.wasm')).code).toBe(0);
    await writeFile(at('app.wasm'), around(await readFile(at('owned.wasm'))));
    expect((await sign('app.wasm', 'integrator.key', 'signed.wasm')).code).toBe(0);
    const keys = ['--public-key', at('owner.pem'), at('integrator.pem')];
    const verified = await touchstone('verify-signature', at('signed.wasm'), ...keys);
    expect([verified.code, verified.out]).toEqual([
      0,
      expect.stringContaining('the file is signed'),
    ]);
    const { out } = await touchstone('signatures', at('signed.wasm'), ...keys, '--json');
    expect(JSON.parse(out)).toMatchObject({
      findings: [],
      signatures: [
        {
          node: '/',
          status: 'valid',
          algorithm: 'ed25519',
          profile: 'strict',
          covers: { whole: true },
        },
        {
          node: '/module[0]',
          status: 'valid',
          algorithm: 'ecdsa-p256-sha256',
          covers: { preamble: true },
        },
      ],
    });
    const lines = await touchstone('signatures', at('signed.wasm'), ...keys);
    expect(lines.out).toMatch(/^\/ {2}valid {2}ed25519 {2}by [0-9a-f]{64} {2}signs preamble/u);
  });

  it('signs apart from the file, one after the other', async () => {
    await sign('part.wasm', 'owner.key', 'one.sig', '--detached');
    const added = ['--detached', '--add-to', at('one.sig')];
    expect((await sign('part.wasm', 'integrator.key', 'two.sig', ...added)).code).toBe(0);
    for (const key of ['owner.pem', 'integrator.pem']) {
      const trust = ['--detached', at('two.sig'), '--public-key', at(key)];
      expect((await touchstone('verify-signature', at('part.wasm'), ...trust)).code).toBe(0);
    }
  });
});

describe('wasm verify-signature', () => {
  it.each([
    ['by somebody else', 'owned.wasm', 'stranger.pem', 'signature-signer-unknown'],
    ['not at all', 'part.wasm', 'owner.pem', 'signature-missing'],
    ['not to the end', 'longer.wasm', 'owner.pem', 'signature-incomplete'],
    ['without its preamble', 'loose.wasm', 'owner.pem', 'signature-preamble-unsigned'],
  ])('says 1 of a file signed %s', async (_, file, key, code) => {
    await sign('part.wasm', 'owner.key', 'owned.wasm');
    await sign('part.wasm', 'owner.key', 'loose.wasm', '--profile', 'wasmsign2');
    const owned = await readFile(at('owned.wasm'));
    await writeFile(at('longer.wasm'), Uint8Array.from([...owned, 0, 2, 1, 0x6d]));
    const ran = await touchstone('verify-signature', at(file), '--public-key', at(key), '--json');
    expect(ran.code).toBe(1);
    expect(JSON.parse(ran.out)).toMatchObject({ ok: false, findings: [{ code }] });
  });

  it('takes less when it is asked for less', async () => {
    const how = ['--public-key', at('owner.pem'), '--profile', 'wasmsign2'];
    expect((await touchstone('verify-signature', at('loose.wasm'), ...how)).code).toBe(0);
  });

  it('refuses what cannot be read, and wrong usage', async () => {
    const owned = await readFile(at('owned.wasm'));
    await writeFile(at('cut.wasm'), owned.with(22, 9));
    const keys = ['--public-key', at('owner.pem')];
    expect((await touchstone('verify-signature', at('cut.wasm'), ...keys)).code).toBe(1);
    expect((await touchstone('verify-signature', at('none.wasm'), ...keys)).code).toBe(3);
    expect((await sign('part.wasm', 'owner.key', 'x', '--add-to', at('one.sig'))).code).toBe(2);
  });
});

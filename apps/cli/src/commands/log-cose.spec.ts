import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, succeeded, type Ran } from '../command.fixture.js';
import { sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { registerCompose } from './compose.js';
import { registerLog } from './log.js';
import { registerSearch } from './search.js';

const MODULE = Uint8Array.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0]);
const keys = {
  one: generateKey('ecdsa-p256-sha256'),
  two: generateKey('ecdsa-p256-sha256'),
  edwards: generateKey('ed25519'),
};

let dir: string;
let log: TestLog;
const at = (name: string): string => join(dir, name);
const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerCompose, registerLog, registerSearch], args, { TOUCHSTONE_LOG: log.url });

const done = (...args: string[]): Promise<string> => succeeded(touchstone(...args));

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-log-cose-'));
  log = await TestLog.start();
  await writeFile(at('bare.wasm'), MODULE);
  for (const [name, key] of Object.entries(keys)) {
    await writePrivateKey(at(`${name}.key`), key);
    await writeFile(at(`${name}.pem`), publicKeyToPem(key.publicKey));
  }
  await done('compose', 'embed', at('bare.wasm'), '-o', at('app.wasm'));
});

afterAll(async () => {
  await log.remove();
  await rm(dir, { recursive: true });
});

describe('touchstone log add --cose', () => {
  const attest = (out: string, ...names: string[]): Promise<string> =>
    done(
      ...['compose', 'attest', at('app.wasm'), '--format', 'cose', '-o', at(out)],
      ...['--key', ...names.map((name) => at(`${name}.key`))],
    );
  const add = (file: string, ...names: string[]): Promise<Ran> =>
    touchstone(
      ...['log', 'add', '--cose', at(file), '--json'],
      ...['--public-key', ...names.map((name) => at(`${name}.pem`))],
    );

  it('logs each signature, once, under what the statement is about', async () => {
    await attest('both.cose', 'one', 'two');
    const first = await add('both.cose', 'one', 'two');
    expect([first.code, first.message]).toEqual([0, '']);
    const entries = JSON.parse(first.out) as { logIndex: string; kindVersion: object }[];
    expect(entries.map(({ kindVersion }) => kindVersion)).toEqual(
      [1, 2].map(() => ({ kind: 'hashedrekord', version: '0.0.2' })),
    );
    const again = JSON.parse((await add('both.cose', 'one', 'two')).out) as typeof entries;
    const indices = entries.map(({ logIndex }) => Number(logIndex));
    expect(again.map(({ logIndex }) => Number(logIndex))).toEqual(indices);
    await log.committed(2);
    const { algorithm, spki } = keys.one.publicKey;
    const key = { algorithm, spki: Buffer.from(spki).toString('base64') };
    const root = {
      ...{ schema: 'https://touchstone.dev/trust-root/v1', version: 1 },
      logs: [{ origin: log.vkey.name, vkey: log.vkeyText }],
      rebuilders: [{ id: 'any', organisation: 'Any', keys: [key] }],
      policy: { quorum: 1 },
    };
    await writeFile(at('trust.json'), JSON.stringify(root));
    // The bare module is the file without attestation sections, which the statement names.
    for (const what of [
      `sha256:${sha256Hex(MODULE)}`,
      'type:https://touchstone.dev/composition/v1',
    ]) {
      const told = await done('search', what, '--trust-root', at('trust.json'), '--json');
      const found = JSON.parse(told) as { entries: { index: number }[]; complete: boolean };
      expect(found.entries.map(({ index }) => index)).toEqual(indices);
      expect(found.complete).toBe(true);
    }
  });

  it('logs nothing of what has no entry, or is signed by others', async () => {
    const size = async (): Promise<string> =>
      (await (await fetch(`${log.url}/checkpoint`)).text()).split('\n')[1] ?? '';
    await attest('edwards.cose', 'one', 'edwards');
    const before = await size();
    const refused = await add('edwards.cose', 'one', 'edwards');
    expect([refused.code, refused.error]).toEqual([1, 'algorithm-unsupported']);
    expect((await add('both.cose', 'one')).error).toBe('signer-unknown');
    await writeFile(at('no.cose'), 'no COSE');
    expect((await add('no.cose', 'one')).error).toBe('cose-malformed');
    expect((await touchstone('log', 'add', '--cose', at('both.cose'))).error).toBe(
      'signer-unknown',
    );
    expect(await size()).toBe(before);
    const both = await touchstone('log', 'add', '--cose', at('x'), '--envelope', at('y'));
    expect([both.code, both.error]).toEqual([2, 'usage']);
  });
});

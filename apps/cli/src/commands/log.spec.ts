import { createPublicKey } from 'node:crypto';
import { cp, mkdtemp, readFile, rm, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { verifyEvidence, type Evidence, type TrustRoot } from '@touchstone/attest';
import { generateKey, nodeVerifier, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import { ROOT } from '@touchstone/kit';
import { formatVerifierKey, verifierKey } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { EXIT } from '../failure.js';
import { ORIGIN, sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { registerLog } from './log.js';

const signer = generateKey('ecdsa-p256-sha256');
const stranger = formatVerifierKey(verifierKey(ORIGIN, generateKey('ed25519').publicKey));
let dir: string;
let log: TestLog;
let vkey: string;
let artifact: string;
let early: string;

const file = (name: string): string => join(dir, name);

async function touchstone(...args: string[]): Promise<{ code: number; out: string }> {
  const environment = { TOUCHSTONE_LOG: log.url };
  const { code, out, error, message } = await runCommand(
    [registerLog],
    ['log', ...args],
    environment,
  );
  const said = error === '' || error.startsWith('commander.') ? '' : `${error}: ${message}`;
  return { code, out: `${out}${said}` };
}

async function json(...args: string[]): Promise<unknown> {
  const { code, out } = await touchstone(...args, '--json');
  expect([code, out]).toEqual([0, expect.any(String)]);
  return JSON.parse(out);
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-log-'));
  log = await TestLog.start({ LOG_MAP: 'off', LOG_ADMIN_TOKEN: 'admin-token-of-the-log' });
  vkey = log.vkeyText;
  artifact = file('artifact');
  early = file('early.note');
  await writeFile(artifact, 'a module');
  await writePrivateKey(file('signer.pem'), signer);
  await writePrivateKey(file('log.pem'), log.key);
  const entry = await json('add', '--file', artifact, '--key', file('signer.pem'));
  await writeFile(file('entry.json'), JSON.stringify(entry));
  await writeFile(early, await (await fetch(`${log.url}/checkpoint`)).text());
  for (let i = 0; i < 3; i++) await log.add(`later ${i}`, [sha256Hex(String(i))], signer);
});

afterAll(async () => {
  await log.remove();
  await rm(dir, { recursive: true });
});

describe('touchstone log', () => {
  it('has help with an example for every verb', async () => {
    const verbs = ['add', 'get', 'search', 'proof', 'consistency', 'verify', 'fsck', 'export'];
    for (const verb of [...verbs, 'rotate', 'freeze', 'info', 'checkpoint']) {
      const { code, out } = await touchstone(verb, '--help');
      expect([verb, code, out]).toEqual([verb, 0, expect.stringMatching(/Examples?:\n {2}touch/)]);
      expect(out).toContain('--json');
    }
  });

  it('reads a log from its server and from its folder alike', async () => {
    for (const where of [log.url, log.dir]) {
      const place = ['--log', where, '--vkey', vkey];
      expect(await json('checkpoint', ...place)).toMatchObject({ origin: ORIGIN, size: 4 });
      expect(await json('get', '0', ...place)).toMatchObject({ body: { kind: 'hashedrekord' } });
      expect(await json('proof', '2', ...place)).toMatchObject({ index: 2, size: 4 });
      expect(await json('consistency', early, ...place)).toMatchObject({
        from: { size: 1 },
        to: { size: 4 },
      });
      expect(await json('info', '--log', where)).toMatchObject({ origin: ORIGIN, size: 4 });
      expect((await touchstone('get', '9', ...place)).code).toBe(EXIT.absent);
    }
  });

  it('verifies offline what it made: entry, bundle, tlog-proof', async () => {
    const known = ['--vkey', vkey];
    await touchstone('export', '0', ...known, '--out', file('bundle.json'));
    await touchstone('export', '0', ...known, '--format', 'leaf', '--out', file('leaf'));
    await touchstone('proof', '0', ...known, '--format', 'tlog-proof', '--out', file('p'));
    const [entry, bundle, proof] = [file('entry.json'), file('bundle.json'), file('p')];
    expect(await json('verify', entry, ...known, '--artifact', artifact)).toEqual({
      ...{ ok: true, origin: ORIGIN, index: 0, size: 1, leafHash: expect.any(String) as string },
      ...{
        witnesses: [],
        steps: ['parsed', 'checkpoint-signature', 'inclusion-proof', 'artifact'],
      },
    });
    expect(await json('verify', bundle, ...known)).toMatchObject({ ok: true, size: 4 });
    expect(await json('verify', proof, ...known, '--leaf', file('leaf'))).toMatchObject({
      ok: true,
      index: 0,
    });
  });

  it('verifies a bundle whose zeros its printer left out, as those of protobuf do', async () => {
    await touchstone('export', '0', '--vkey', vkey, '--out', file('bundle.json'));
    const bundle = JSON.parse(await readFile(file('bundle.json'), 'utf8')) as {
      verificationMaterial: { tlogEntries: [Record<string, unknown>] };
    };
    const [entry] = bundle.verificationMaterial.tlogEntries;
    const { logIndex: _, ...proof } = entry['inclusionProof'] as Record<string, unknown>;
    entry['inclusionProof'] = proof;
    delete entry['logIndex'];
    delete entry['integratedTime'];
    await writeFile(file('sparse.json'), JSON.stringify(bundle));
    const verify = ['verify', file('sparse.json'), '--vkey', vkey, '--artifact', artifact];
    expect(await json(...verify)).toMatchObject({ ok: true, index: 0 });
  });

  it('verifies an entry of Rekor v1 by the bare key of its log, and by no other', async () => {
    const v1Key = generateKey('ecdsa-p256-sha256');
    const own = await TestLog.start({ LOG_MAP: 'off', LOG_V1_KEY: v1Key.toPem() });
    try {
      await own.add('first', [sha256Hex('first')], signer);
      const bytes = Buffer.from('logged as Rekor v1 has it');
      const publicKey = {
        content: Buffer.from(publicKeyToPem(signer.publicKey)).toString('base64'),
      };
      const content = Buffer.from(signer.sign(bytes)).toString('base64');
      const hash = { algorithm: 'sha256', value: sha256Hex(bytes) };
      const put = await fetch(`${own.url}/api/v1/log/entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({
          ...{ kind: 'hashedrekord', apiVersion: '0.0.1' },
          spec: { data: { hash }, signature: { content, publicKey } },
        }),
      });
      expect(put.status).toBe(201);
      await writeFile(file('v1.bytes'), bytes);
      await writeFile(
        file('v1.json'),
        await (await fetch(`${own.url}/v1/entries/1/bundle`)).text(),
      );
      await writeFile(file('v1.pub'), publicKeyToPem(v1Key.publicKey));
      await writeFile(file('stranger.pub'), publicKeyToPem(signer.publicKey));
      const verify = ['verify', file('v1.json'), '--public-key'];
      const answer = await json(...verify, file('v1.pub'), '--artifact', file('v1.bytes'));
      expect(answer).toMatchObject({ ok: true, index: 1, size: 2 });
      expect(answer).toHaveProperty('origin', expect.stringMatching(/^\S+ - \d+$/));
      const rows = [
        [EXIT.refuted, 'checkpoint-signature', [...verify, file('stranger.pub')]],
        [EXIT.refuted, '--public-key', ['verify', file('v1.json'), '--vkey', own.vkeyText]],
        [EXIT.refuted, 'artifact-mismatch', [...verify, file('v1.pub'), '--artifact', artifact]],
        [EXIT.usage, 'usage', [...verify, file('v1.pub'), '--vkey', own.vkeyText]],
      ] as const;
      for (const [exit, said, args] of rows) {
        const { code, out } = await touchstone(...args);
        expect([args, code, out]).toEqual([args, exit, expect.stringContaining(said)]);
      }
    } finally {
      await own.remove();
    }
  });

  it('exports an entry as evidence that verifies alone', async () => {
    const golden = (name: string): Promise<string> =>
      readFile(join(ROOT, 'libs/attest/src/testdata', `golden.${name}.json`), 'utf8');
    const { recipe, entries } = JSON.parse(await golden('evidence')) as Evidence;
    const root = JSON.parse(await golden('trust-root')) as TrustRoot;
    const [{ envelope }] = entries as [Evidence['entries'][number]];
    const { spki = '' } = root.rebuilders[0]?.keys[0] ?? {};
    const key = createPublicKey({ key: Buffer.from(spki, 'base64'), format: 'der', type: 'spki' });
    await writeFile(file('acme.pub'), key.export({ type: 'spki', format: 'pem' }));
    await writeFile(file('envelope.json'), JSON.stringify(envelope));
    await writeFile(file('recipe.json'), JSON.stringify(recipe));
    const trusting = { ...root, logs: [{ origin: ORIGIN, vkey }] };
    await writeFile(file('root.json'), JSON.stringify(trusting));
    const own = await TestLog.start({ LOG_MAP: 'off', LOG_KEY: log.key.toPem() });
    try {
      const place = ['--log', own.url];
      const added = ['--envelope', file('envelope.json'), '--public-key', file('acme.pub')];
      expect(await touchstone('add', ...added, ...place)).toMatchObject({ code: 0 });
      const asEvidence = ['export', '0', ...place, '--format', 'evidence'];
      const known = [...asEvidence, '--trust-root', file('root.json'), '--recipe'];
      const { code, out } = await touchstone(...known, file('recipe.json'));
      expect([code, out]).toEqual([0, expect.stringContaining('touchstone.dev/evidence/v1')]);
      const { verdict, entries: counted } = await verifyEvidence(JSON.parse(out), {
        trustRoot: trusting,
        verify: nodeVerifier,
      });
      expect([verdict, counted.length]).toEqual(['pending', 1]);
      // Of another publication, by nobody who counts, and without what it takes.
      await writeFile(file('other.json'), JSON.stringify({ ...recipe, modules: [{ name: 'x' }] }));
      expect((await touchstone(...known, file('other.json'))).code).toBe(EXIT.refuted);
      await writeFile(
        file('root.json'),
        JSON.stringify({ ...trusting, rebuilders: root.rebuilders.slice(1) }),
      );
      expect((await touchstone(...known, file('recipe.json'))).out).toContain('dsse-signature');
      expect((await touchstone(...asEvidence, '--vkey', vkey)).code).toBe(EXIT.usage);
    } finally {
      await own.remove();
    }
  });

  it('refuses what does not hold, with a code of its own', async () => {
    const entry = await readFile(file('entry.json'), 'utf8');
    const { canonicalizedBody: body } = JSON.parse(entry) as { canonicalizedBody: string };
    await writeFile(file('other'), entry.replace(body, Buffer.from('{}').toString('base64')));
    await writeFile(file('size'), entry.replace('"treeSize":"1"', '"treeSize":"2"'));
    await writeFile(file('none'), '{}');
    await writeFile(file('wrong.note'), (await readFile(early, 'utf8')).replace('\n1\n', '\n2\n'));
    const known = ['--vkey', vkey];
    const rows: [number, string, string[]][] = [
      [EXIT.refuted, 'checkpoint-signature', ['verify', file('entry.json'), '--vkey', stranger]],
      [EXIT.refuted, 'inclusion-proof', ['verify', file('other'), ...known]],
      [EXIT.refuted, 'entry-malformed', ['verify', file('size'), ...known]],
      [EXIT.refuted, 'entry-malformed', ['verify', file('none'), ...known]],
      [
        EXIT.refuted,
        'artifact-mismatch',
        ['verify', file('entry.json'), ...known, '--artifact', early],
      ],
      [EXIT.usage, 'usage', ['verify', file('p'), ...known]],
      [EXIT.usage, 'key-missing', ['verify', file('entry.json')]],
      [EXIT.refuted, 'checkpoint-signature', ['checkpoint', '--vkey', stranger]],
      [EXIT.refuted, 'checkpoint-signature', ['consistency', file('wrong.note'), ...known]],
      [EXIT.absent, 'size-out-of-range', ['consistency', '77', ...known]],
      [EXIT.absent, 'admin-off', ['rotate', '--log', log.url]],
    ];
    for (const [exit, code, args] of rows.slice(0, -1)) {
      const { code: got, out } = await touchstone(...args);
      expect([args, got, out]).toEqual([args, exit, expect.stringContaining(`${code}:`)]);
    }
    expect((await touchstone('rotate')).out).toContain('token-missing');
    expect((await touchstone('freeze', '--log', log.dir, '--origin', 'x')).out).toContain('--key');
  });

  it('repairs a folder, and says what it cannot', async () => {
    const tiles = file('tiles');
    await cp(log.dir, tiles, { recursive: true });
    const known = ['--vkey', vkey];
    await unlink(join(tiles, 'tile/0/000.p/4'));
    await writeFile(join(tiles, 'state'), 'x');
    const found = await touchstone('fsck', tiles, ...known);
    expect([found.code, found.out]).toEqual([EXIT.refuted, expect.stringContaining('tile/0/000')]);
    expect(await json('fsck', tiles, ...known, '--repair')).toMatchObject({
      ok: true,
      size: 4,
      repaired: [{ path: 'state' }, { path: 'tile/0/000.p/4', from: 'tile/entries/000.p/4' }],
      unrepaired: [],
    });
    await unlink(join(tiles, 'checkpoint'));
    const unsigned = await touchstone('fsck', tiles, ...known, '--repair');
    expect([unsigned.code, unsigned.out]).toEqual([EXIT.refuted, expect.stringContaining('key')]);
    const wrong = await touchstone(
      'fsck',
      tiles,
      '--vkey',
      stranger,
      '--repair',
      '--key',
      file('log.pem'),
    );
    expect(wrong.code).toBe(EXIT.usage);
    expect(await json('fsck', tiles, ...known, '--repair', '--key', file('log.pem'))).toMatchObject(
      {
        repaired: [{ path: 'checkpoint', from: 'state' }],
      },
    );
    await writeFile(join(tiles, 'tile/entries/000.p/4'), 'x');
    const lost = await touchstone('fsck', tiles, ...known, '--repair');
    expect([lost.code, lost.out]).toEqual([
      EXIT.refuted,
      expect.stringContaining('entries 0 to 3'),
    ]);
  });
});

import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyDetails, paeBytes, TRUST_ROOT_SCHEMA } from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { compile, ROOT, seeded } from '@touchstone/kit';
import { encodeUtf8, formatVerifierKey, toBase64, verifierKey } from '@touchstone/note';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogProcess } from './log-process.js';

const ORIGIN = 'kill.touchstone.dev/map';
const ROUNDS = 6;
const logKey = generateKey('ed25519');
const writer = generateKey('ed25519');
const random = seeded(90);

let dir: string;

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'touchstone-map-kill-'));
  const { algorithm, spki } = writer.publicKey;
  const vkey = formatVerifierKey(verifierKey(ORIGIN, logKey.publicKey));
  const trustRoot = {
    schema: TRUST_ROOT_SCHEMA,
    version: 1,
    logs: [{ origin: ORIGIN, vkey }],
    rebuilders: [{ id: 'one', organisation: 'One', keys: [{ algorithm, spki: toBase64(spki) }] }],
    policy: { quorum: 1 },
  };
  await writeFile(join(dir, 'trust-root.json'), JSON.stringify(trustRoot));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

function ended(child: ChildProcess): Promise<number | null> {
  return new Promise((done) => child.once('close', done));
}

function startServer(): Promise<{ log: LogProcess; url: string }> {
  return LogProcess.start({
    TILES_DIR: join(dir, 'tiles'),
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: logKey.toPem(),
    LOG_MAP_SECONDS: '0.01',
    PORT: '0',
  });
}

function cli(...args: string[]): { child: ChildProcess; output: Promise<string> } {
  const child = spawn(process.execPath, ['apps/cli/bin/touchstone.js', ...args], {
    cwd: ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let output = '';
  const collect = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', collect);
  child.stderr.on('data', collect);
  return { child, output: ended(child).then((code) => `${String(code)} ${output}`) };
}

async function add(url: string, text: string): Promise<void> {
  const payload = encodeUtf8(text);
  const sig = toBase64(writer.sign(paeBytes('text/plain', payload)));
  const { algorithm, spki } = writer.publicKey;
  const answer = await fetch(`${url}/api/v2/log/entries`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      dsseRequestV002: {
        envelope: { payload: toBase64(payload), payloadType: 'text/plain', signatures: [{ sig }] },
        verifiers: [{ publicKey: { rawBytes: toBase64(spki) }, keyDetails: keyDetails(algorithm) }],
      },
    }),
  });
  expect(answer.status).toBe(201);
}

it('log and monitor, killed at any moment, go on with a map that is right', async () => {
  const options = ['--trust-root', join(dir, 'trust-root.json'), '--state', join(dir, 'seen')];
  for (let round = 0; round < ROUNDS; round++) {
    const { log, url } = await startServer();
    const follow = ['monitor', ...options, '--log', url, '--interval', '0.1'];
    const { child, output } = cli(...follow);
    const entries = Array.from({ length: 20 }, (_, i) => add(url, `entry ${round}/${i}`));
    await Promise.all(entries);
    await new Promise((done) => setTimeout(done, 300 + random() * 1500));
    // Killed while it reads, compares or writes; and the log while it commits.
    child.kill('SIGKILL');
    await log.end('SIGKILL');
    expect(await output).not.toMatch(/fork|wrong|missing/);
  }
  const { log, url } = await startServer();
  try {
    await add(url, 'last');
    const looked = await cli('monitor', ...options, '--log', url, '--once', '--json').output;
    expect(looked).toMatch(/^0 /);
    const { size, mapSize } = JSON.parse(looked.slice(2)) as { size: number; mapSize: number };
    expect(size).toBeGreaterThan(ROUNDS * 20);
    expect(mapSize).toBeGreaterThan(0);
  } finally {
    await log.end('SIGTERM');
  }
}, 180_000);

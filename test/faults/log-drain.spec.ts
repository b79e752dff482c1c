import { mkdtemp, rm } from 'node:fs/promises';
import { Agent, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { encodeUtf8, formatVerifierKey, fromBase64, toBase64, verifierKey } from '@touchstone/note';
import { fsck, PosixStorage, TileReader } from '@touchstone/tlog';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createHash } from 'node:crypto';
import { LogProcess } from './log-process.js';

const ORIGIN = 'drain.touchstone.dev';
const WRITERS = 24;
/** The log is told to end after so many answers. */
const BEFORE = 60;
/** Far below the 72 s for which a client may keep an idle connection. */
const PATIENCE_MS = 20_000;

let dir: string;
beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-drain-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const writer = generateKey('ecdsa-p256-sha256');
const agent = new Agent({ keepAlive: true });

function entry(text: string): string {
  const artifact = encodeUtf8(text);
  const verifier = {
    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    publicKey: { rawBytes: toBase64(writer.publicKey.spki) },
  };
  const digest = createHash('sha256').update(artifact).digest('base64');
  const signature = { content: toBase64(writer.sign(artifact)), verifier };
  return JSON.stringify({ hashedRekordRequestV002: { digest, signature } });
}

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** The answer, whole; undefined when the connection was closed or refused without one. */
function post(url: string, body: string): Promise<Answer | undefined> {
  return new Promise((resolve) => {
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(body),
    };
    const sent = request(
      `${url}/api/v2/log/entries`,
      { method: 'POST', agent, headers },
      (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('close', () => {
          resolve(answer.complete ? { status: answer.statusCode ?? 0, body: text } : undefined);
        });
      },
    );
    sent.on('error', () => resolve(undefined));
    sent.end(body);
  });
}

it('ends on SIGTERM amid writes: what it acknowledged is logged, nobody is left waiting', async () => {
  const key = generateKey('ed25519');
  const environment = { LOG_ORIGIN: ORIGIN, LOG_KEY: key.toPem(), TILES_DIR: dir, PORT: '0' };
  const { log, url } = await LogProcess.start(environment);
  // Connections that ask for nothing do not hold it up either.
  const idle = await post(url, '{}');
  expect(idle?.status).toBe(400);
  const acknowledged: { index: number; leaf: Uint8Array }[] = [];
  const others: (Answer | undefined)[] = [];
  let enough = (): void => undefined;
  const begun = new Promise<void>((done) => (enough = done));
  let stopping = false;
  const write = async (who: number): Promise<void> => {
    for (let i = 0; !stopping; i++) {
      const answer = await post(url, entry(`${who} ${i}`));
      if (answer?.status === 201) {
        const { logIndex, canonicalizedBody } = JSON.parse(answer.body) as Record<string, string>;
        acknowledged.push({ index: Number(logIndex), leaf: fromBase64(canonicalizedBody ?? '') });
      } else others.push(answer);
      if (acknowledged.length >= BEFORE) enough();
    }
  };
  const writers = Array.from({ length: WRITERS }, (_, who) => write(who));
  await begun;
  const ended = log.end('SIGTERM');
  const began = performance.now();
  // Writers go on until the process is gone, as those do that know nothing of it.
  expect(await ended).toBe(0);
  stopping = true;
  await Promise.all(writers);
  expect(performance.now() - began).toBeLessThan(PATIENCE_MS);
  agent.destroy();
  for (const answer of others) if (answer) expect(answer.status).toBe(503);

  const storage = new PosixStorage(dir);
  const vkey = formatVerifierKey(verifierKey(ORIGIN, key.publicKey));
  const report = await fsck(storage, { vkeys: [vkey], verify: nodeVerifier });
  expect(report.problems).toEqual([]);
  const reader = new TileReader((path) => storage.read(path));
  const { size } = report;
  expect(size).toBeGreaterThanOrEqual(acknowledged.length);
  for (const { index, leaf } of acknowledged) {
    expect(Buffer.compare(await reader.entry(index, size), leaf)).toBe(0);
  }
}, 60_000);

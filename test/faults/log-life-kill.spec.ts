import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keysForSize } from '@touchstone/attest';
import { LifeAnswer } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { compile, seeded } from '@touchstone/kit';
import { formatVerifierKey, openCheckpoint, verifierKey } from '@touchstone/note';
import { PosixStorage, fsck } from '@touchstone/tlog';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { LogProcess } from './log-process.js';

const ORIGIN = 'life-kill.touchstone.dev/log';
const TOKEN = 'admin-token-of-the-log';
const KILLS = 2;
/** About what one step takes. */
const LATEST_KILL = 12;
const random = seeded(Number(process.env['TOUCHSTONE_SEED'] ?? 7401));

const [first, second] = [generateKey('ed25519'), generateKey('ed25519')];
const keys = [first, second].map((key) => verifierKey(ORIGIN, key.publicKey));
const vkeys = keys.map(formatVerifierKey);
let dir: string;

beforeAll(() => compile('apps/log'), 120_000);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-life-kill-'));
});

afterEach(() => rm(dir, { recursive: true }));

function start(): ReturnType<typeof LogProcess.start> {
  return LogProcess.start({
    TILES_DIR: dir,
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: first.toPem(),
    LOG_NEXT_KEY: second.toPem(),
    LOG_ADMIN_TOKEN: TOKEN,
    LOG_MAP: 'off',
    PORT: '0',
  });
}

function ask(url: string, path: string, body: object): Promise<Response> {
  return fetch(`${url}/v1/log/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });
}

async function lifeOf(url: string): Promise<LifeAnswer> {
  return LifeAnswer.parse(await (await fetch(`${url}/v1/log/life`)).json());
}

/** The published checkpoint is signed by a key that the leaves allow for its size. */
async function checkSigned(url: string, { keys: terms }: LifeAnswer): Promise<number> {
  const note = await (await fetch(`${url}/checkpoint`)).text();
  const { checkpoint, verified } = await openCheckpoint(note, keys, nodeVerifier);
  const allowed = keysForSize({ keys: terms }, checkpoint.size);
  expect(verified.map(formatVerifierKey).some((vkey) => allowed.includes(vkey))).toBe(true);
  return checkpoint.size;
}

const STEPS = [
  { path: 'rotate', body: { step: 'announce' } },
  { path: 'rotate', body: { step: 'retire' } },
  { path: 'freeze', body: { origin: ORIGIN } },
];

it('a log that is killed in any step of its life has taken it or not, and takes it once', async () => {
  for (const [taken, { path, body }] of STEPS.entries()) {
    for (let kill = 0; kill < KILLS; kill++) {
      const { log, url } = await start();
      const answered = ask(url, path, body).then(
        ({ status }) => status === 200,
        () => false,
      );
      await pause(random() * LATEST_KILL);
      await log.end('SIGKILL');
      const done = await answered;
      const again = await start();
      const life = await lifeOf(again.url);
      // What was answered has happened; what was not has happened whole or not at all.
      expect([taken, taken + 1]).toContain(life.events.length);
      if (done) expect(life.events).toHaveLength(taken + 1);
      await checkSigned(again.url, life);
      if (kill === KILLS - 1) {
        expect((await ask(again.url, path, body)).status).toBe(200);
        const finished = await lifeOf(again.url);
        expect(finished.events).toHaveLength(taken + 1);
        expect(await checkSigned(again.url, finished)).toBe(taken + 1);
      }
      expect(await again.log.end('SIGTERM')).toBe(0);
    }
  }
  const report = await fsck(new PosixStorage(dir), { vkeys, verify: nodeVerifier });
  expect(report).toMatchObject({ ok: true, size: STEPS.length });
});

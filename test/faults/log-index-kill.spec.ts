import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { paeBytes } from '@touchstone/attest';
import { RekorEntries, TransparencyLogEntry } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { compile, seeded } from '@touchstone/kit';
import { encodeUtf8, formatVerifierKey, noteSigner, toBase64 } from '@touchstone/note';
import { startEmbeddedPostgres } from '@touchstone/store';
import type { EmbeddedPostgres } from '@touchstone/store';
import { PosixStorage, TileReader, fsck } from '@touchstone/tlog';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { LogProcess } from './log-process.js';

const KILLS = 4;
const WRITERS = 8;
const SEED = Number(process.env['TOUCHSTONE_SEED'] ?? 7402);

const logKey = generateKey('ed25519');
const v1Key = generateKey('ecdsa-p256-sha256');
const writer = generateKey('ed25519');
let postgres: EmbeddedPostgres;
let databaseDir: string;

beforeAll(async () => {
  await compile('apps/log');
  databaseDir = await mkdtemp(join(tmpdir(), 'log-index-kill-pg-'));
  postgres = await startEmbeddedPostgres({ dir: databaseDir });
}, 120_000);

afterAll(async () => {
  await postgres.stop();
  await rm(databaseDir, { recursive: true });
});

/** Ed25519 signs the same bytes the same way, so one payload is one entry. */
function body(payload: Uint8Array): string {
  const sig = toBase64(writer.sign(paeBytes('text/plain', payload)));
  const rawBytes = toBase64(writer.publicKey.spki);
  return JSON.stringify({
    dsseRequestV002: {
      envelope: { payload: toBase64(payload), payloadType: 'text/plain', signatures: [{ sig }] },
      verifiers: [{ publicKey: { rawBytes }, keyDetails: 'PKIX_ED25519' }],
    },
  });
}

/** The entry's index, or undefined when the server died under the request. */
async function send(url: string, name: string): Promise<number | undefined> {
  try {
    const answer = await fetch(`${url}/api/v2/log/entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: body(encodeUtf8(name)),
    });
    expect(answer.status).toBe(201);
    return Number(TransparencyLogEntry.parse(await answer.json()).logIndex);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}

/** Times that the log has signed must stay what they are. */
class Times {
  readonly #told = new Map<number, number>();

  async ask(url: string, indices: readonly number[]): Promise<void> {
    for (const index of indices) this.#told.set(index, await timeOf(url, index));
  }

  async check(url: string): Promise<void> {
    for (const [index, time] of this.#told) expect(await timeOf(url, index)).toBe(time);
  }
}

async function timeOf(url: string, index: number): Promise<number> {
  const answer = await fetch(`${url}/api/v1/log/entries?logIndex=${index}`);
  const [entry] = Object.values(RekorEntries.parse(await answer.json()));
  return entry!.integratedTime;
}

it.each(['in a folder', 'in PostgreSQL'])(
  'logs no entry twice however often it is killed, with the index %s',
  async (where) => {
    const random = seeded(SEED);
    const dir = await mkdtemp(join(tmpdir(), 'log-index-kill-'));
    const signer = noteSigner(`${where.replaceAll(' ', '-')}.touchstone.dev/log`, logKey);
    const environment = {
      TILES_DIR: dir,
      LOG_ORIGIN: signer.verifierKey.name,
      LOG_KEY: logKey.toPem(),
      LOG_V1_KEY: v1Key.toPem(),
      PORT: '0',
      ...(where === 'in a folder' ? {} : { DATABASE_URL: postgres.url }),
    };
    const answered = new Map<string, number>();
    const sent = new Set<string>();
    const times = new Times();
    for (let round = 0; round < KILLS; round++) {
      const { log, url } = await LogProcess.start(environment);
      await times.check(url);
      await times.ask(url, [...answered.values()].slice(-10));
      let dead = false;
      const write = async (at: number): Promise<void> => {
        for (let i = 0; !dead; i++) {
          // Mostly new entries, and now and then one that was sent before: by another writer at
          // the same time, or in an earlier round and never answered.
          const old = [...sent];
          const again = old.length > 0 && random() < 0.3;
          const name = again ? old[Math.floor(random() * old.length)]! : `${round} ${at} ${i}`;
          sent.add(name);
          const index = await send(url, name);
          if (index === undefined) return;
          expect(index).toBe(answered.get(name) ?? index);
          answered.set(name, index);
        }
      };
      const writers = Array.from({ length: WRITERS }, (_, at) => write(at));
      const wanted = answered.size + random() * 60;
      while (answered.size < wanted) await pause(1);
      await pause(random() * 8);
      dead = true;
      expect(await log.end('SIGKILL')).toBeNull();
      await Promise.all(writers);
    }
    const { log, url } = await LogProcess.start(environment);
    await times.check(url);
    for (const name of sent) {
      const index = await send(url, name);
      expect(index).toBe(answered.get(name) ?? index);
      // What an entry names was durable before the entry was.
      const digest = createHash('sha256').update(name).digest('hex');
      const kept = await fetch(`${url}/v1/attestations/sha256:${digest}`);
      expect(await kept.text()).toBe(name);
    }
    expect(await log.end('SIGTERM')).toBe(0);

    const storage = new PosixStorage(dir);
    const vkeys = [formatVerifierKey(signer.verifierKey)];
    const report = await fsck(storage, { vkeys, verify: nodeVerifier });
    expect(report.problems).toEqual([]);
    const reader = new TileReader((path) => storage.read(path));
    const leaves = new Set<string>();
    for (let at = 0; at < report.size; at++) {
      leaves.add(toBase64(await reader.entry(at, report.size)));
    }
    expect(leaves.size).toBe(report.size);
    expect(report.size).toBe(sent.size);
    await rm(dir, { recursive: true });
  },
  180_000,
);

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { keyDetails, paeBytes } from '@touchstone/attest';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { verifyConsistency } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatVerifierKey,
  fromBase64,
  noteSigner,
  openCheckpoint,
  toBase64,
} from '@touchstone/note';
import { TransparencyLogEntry } from '@touchstone/contract';
import { compile } from '@touchstone/kit';
import { PosixStorage, TileReader, fsck } from '@touchstone/tlog';
import { afterEach, beforeAll, beforeEach, expect, it } from 'vitest';
import { LogProcess } from './log-process.js';

const KILLS = 8;
const WRITERS = 12;
/** Answers before the kill, at most; counted and not timed, so that a busy machine tests as much. */
const MOST_ANSWERS = 80;
/** Milliseconds from the last of them to the kill, at most: about what one batch takes. */
const LATEST_KILL = 8;
const SEED = Number(process.env['TOUCHSTONE_SEED'] ?? 7401);

const logKey = generateKey('ed25519');
const signer = noteSigner('kill.touchstone.dev/log', logKey);
const writer = generateKey('ed25519');
let dir: string;

beforeAll(() => compile('apps/log'), 120_000);

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'log-kill-'));
});

afterEach(() => rm(dir, { recursive: true }));

function start(): ReturnType<typeof LogProcess.start> {
  return LogProcess.start({
    TILES_DIR: dir,
    LOG_ORIGIN: signer.verifierKey.name,
    LOG_KEY: logKey.toPem(),
    PORT: '0',
  });
}

/** Numbers from 0 to 1 that are the same for the same seed (mulberry32). */
function seeded(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** What the log has told its clients and must stand by. */
class Promises {
  readonly leaves = new Map<number, string>();
  readonly notes = new Set<string>();
  #sent = 0;

  /** Appends over HTTP until the server is gone. */
  async write(url: string): Promise<void> {
    for (;;) {
      const payload = encodeUtf8(`entry ${this.#sent++}`);
      const entry = await this.#ask(`${url}/api/v2/log/entries`, body(payload));
      if (entry === undefined) return;
      const { canonicalizedBody, inclusionProof, logIndex } = TransparencyLogEntry.parse(
        JSON.parse(entry),
      );
      const index = Number(logIndex);
      expect(this.leaves.has(index), `index ${index} was given away already`).toBe(false);
      this.leaves.set(index, canonicalizedBody);
      this.notes.add(inclusionProof.checkpoint.envelope);
    }
  }

  async follow(url: string): Promise<void> {
    for (;;) {
      const note = await this.#ask(`${url}/checkpoint`);
      if (note === undefined) return;
      this.notes.add(note);
      await pause(5);
    }
  }

  /** Resolves when so many more entries were acknowledged. */
  async answers(more: number): Promise<void> {
    const wanted = this.leaves.size + more;
    while (this.leaves.size < wanted) await pause(1);
  }

  /** The answer, or undefined when the server died under the request. */
  async #ask(url: string, json?: string): Promise<string | undefined> {
    const headers = { 'content-type': 'application/json' };
    try {
      const answer = await fetch(url, json ? { method: 'POST', headers, body: json } : {});
      const text = await answer.text();
      return answer.ok ? text : expect.unreachable(`${answer.status}: ${text}`);
    } catch (error) {
      // fetch reports a lost connection as a TypeError, or as one with a cause while reading.
      if (error instanceof TypeError) return undefined;
      throw error;
    }
  }
}

function body(payload: Uint8Array): string {
  const { algorithm, spki } = writer.publicKey;
  return JSON.stringify({
    dsseRequestV002: {
      envelope: {
        payload: toBase64(payload),
        payloadType: 'text/plain',
        signatures: [{ sig: toBase64(writer.sign(paeBytes('text/plain', payload))) }],
      },
      verifiers: [{ publicKey: { rawBytes: toBase64(spki) }, keyDetails: keyDetails(algorithm) }],
    },
  });
}

it(`keeps every promise through ${KILLS} kills`, async () => {
  const random = seeded(SEED);
  const promises = new Promises();
  for (let round = 0; round < KILLS; round++) {
    const { log, url } = await start();
    const clients = [
      promises.follow(url),
      ...Array.from({ length: WRITERS }, () => promises.write(url)),
    ];
    await promises.answers(random() * MOST_ANSWERS);
    await pause(random() * LATEST_KILL);
    expect(await log.end('SIGKILL')).toBeNull();
    await Promise.all(clients);
  }
  const { log } = await start();
  expect(await log.end('SIGTERM')).toBe(0);

  const storage = new PosixStorage(dir);
  const vkeys = [formatVerifierKey(signer.verifierKey)];
  const report = await fsck(storage, { vkeys, verify: nodeVerifier });
  expect(report.problems).toEqual([]);
  const last = report.checkpoint!;
  const reader = new TileReader((path) => storage.read(path));
  for (const [index, leaf] of promises.leaves) {
    const stored = await reader.entry(index, last.size);
    expect(Buffer.compare(stored, fromBase64(leaf)), `entry ${index}`).toBe(0);
  }
  for (const note of promises.notes) {
    const { checkpoint } = await openCheckpoint(note, [signer.verifierKey], nodeVerifier);
    const { size: size1, root: root1 } = checkpoint;
    const proof = await reader.consistencyProof(size1, last.size);
    verifyConsistency({ size1, root1, size2: last.size, root2: last.root, proof });
  }
}, 180_000);

it('lets one process write to a folder, and the next one when that is killed', async () => {
  const first = await start();
  await expect(start()).rejects.toThrow(/folder-locked: .*log-kill-/);
  await first.log.end('SIGKILL');
  const second = await start();
  expect(await second.log.end('SIGTERM')).toBe(0);
});

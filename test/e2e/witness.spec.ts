import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { compile, MemoryStorage } from '@touchstone/kit';
import {
  encodeUtf8,
  noteSigner,
  parseCheckpoint,
  parseNote,
  parseWitnessPolicy,
  verifyWitnessed,
} from '@touchstone/note';
import type { WitnessPolicy, WitnessedCheckpoint } from '@touchstone/note';
import {
  PosixStorage,
  TileReader,
  Tlog,
  formatAddCheckpoint,
  fsck,
  originHash,
} from '@touchstone/tlog';
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import type { Program } from './child-process.js';
import { ORIGIN, WitnessProcess, addEntry, logVkey, startLog } from './witness-stand.js';

beforeAll(() => compile('apps/cli'));

const key = generateKey('ed25519');
let dir: string;
let witnesses: WitnessProcess[];
let policy: WitnessPolicy;
let policyFile: string;
let logs: Program[];

/** Three witnesses, two of which make the quorum. */
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'witness-e2e-'));
  logs = [];
  witnesses = await Promise.all(
    ['w1', 'w2', 'w3'].map((name) => WitnessProcess.make(dir, name, logVkey(key))),
  );
  await Promise.all(witnesses.map((witness) => witness.start()));
  const lines = witnesses.map((witness) => witness.policyLine()).join('');
  const text = `log ${logVkey(key)}\n${lines}group quorum 2 w1 w2 w3\nquorum quorum\n`;
  policy = parseWitnessPolicy(text);
  policyFile = join(dir, 'policy');
  await writeFile(policyFile, text);
});

afterEach(async () => {
  await Promise.all([...logs, ...witnesses].map((program) => program.end('SIGKILL')));
  await rm(dir, { recursive: true });
});

async function log(folder: string): Promise<{ url: string; program: Program }> {
  const started = await startLog(key, join(dir, folder), policyFile);
  logs.push(started.program);
  return started;
}

/** The public checkpoint, verified; undefined while there is none. */
async function checkpoint(url: string): Promise<WitnessedCheckpoint | undefined> {
  const answer = await fetch(`${url}/checkpoint`);
  if (answer.status === 503) return undefined;
  expect(answer.status).toBe(200);
  return verifyWitnessed(await answer.text(), policy, nodeVerifier);
}

async function until<T>(look: () => Promise<T | undefined | false>): Promise<T> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    await delay(50);
  }
  throw new Error('it did not come about within 30 s');
}

async function clean(folder: string, size: number): Promise<void> {
  const storage = new PosixStorage(join(dir, folder));
  const report = await fsck(storage, { vkeys: [logVkey(key)], verify: nodeVerifier });
  expect([report.problems, report.size]).toEqual([[], size]);
}

describe('a log with three witnesses', () => {
  it('publishes witnessed checkpoints: all up, one down, two down, one back', async () => {
    const { url, program } = await log('tiles');
    const [w1, w2] = witnesses as [WitnessProcess, WitnessProcess];
    expect((await checkpoint(url))?.quorum).toBe(true);

    const first = await addEntry(url, 'all up');
    expect(first.status).toBe(201);
    const opened = await checkpoint(url);
    expect(opened).toMatchObject({ quorum: true, checkpoint: { size: 1 } });
    expect(Math.abs(opened!.time!.since - Date.now() / 1000)).toBeLessThan(60);

    await w1.end('SIGKILL');
    for (const text of ['one down', 'still one down']) {
      expect((await addEntry(url, text)).status).toBe(201);
    }
    const two = await checkpoint(url);
    expect(two).toMatchObject({ quorum: true, checkpoint: { size: 3 } });
    expect(two!.cosignatures.map(({ witness }) => witness.name)).toEqual(['w2', 'w3']);

    await w2.end('SIGTERM');
    const before = await (await fetch(`${url}/checkpoint`)).text();
    for (const text of ['two down', 'still two down']) {
      const refused = await addEntry(url, text);
      expect([refused.status, refused.body['code']]).toEqual([503, 'log-unwitnessed']);
    }
    expect(await (await fetch(`${url}/checkpoint`)).text()).toBe(before);
    const tile = await fetch(`${url}/tile/entries/000.p/5`);
    expect(tile.status).toBe(404);

    await w2.start();
    const back = await until(async () => {
      const now = await checkpoint(url);
      return now?.checkpoint.size === 5 && now;
    });
    expect(back.quorum).toBe(true);
    // Sent again, what was refused for want of a quorum has kept its place.
    expect((await addEntry(url, 'two down')).body['logIndex']).toBe('3');
    expect((await addEntry(url, 'back')).body['logIndex']).toBe('5');

    const metrics = await (await fetch(`${url}/metrics`)).text();
    expect(metrics).toMatch(
      /^tlog_witness_results_total\{witness="w3",result="cosigned"\} [0-9]+$/m,
    );
    expect(metrics).toMatch(
      /^tlog_witness_results_total\{witness="w1",result="unreachable"\} [0-9]+$/m,
    );
    expect(metrics).toMatch(/^tlog_witness_cosigned\{witness="w1"\} 0$/m);
    expect(await program.end('SIGTERM')).toBe(0);
    await clean('tiles', 6);
  });

  it('keeps entries through a crash without quorum, and publishes them afterwards', async () => {
    const started = await log('tiles');
    expect((await addEntry(started.url, 'published')).status).toBe(201);
    const [w1, w2] = witnesses as [WitnessProcess, WitnessProcess];
    await Promise.all([w1.end('SIGKILL'), w2.end('SIGKILL')]);
    expect((await addEntry(started.url, 'durable')).status).toBe(503);
    await started.program.end('SIGKILL');

    // Up again, still without quorum: it serves what it had.
    const again = await log('tiles');
    expect((await checkpoint(again.url))?.checkpoint.size).toBe(1);
    await Promise.all([w1.start(), w2.start()]);
    await until(async () => (await checkpoint(again.url))?.checkpoint.size === 2);
    expect(await again.program.end('SIGTERM')).toBe(0);
    await clean('tiles', 2);
  });

  it('does not start under a policy that is not for it, or that no witness can fulfil', async () => {
    await writeFile(policyFile, `log ${logVkey(generateKey('ed25519'))}\nquorum none\n`);
    await expect(log('tiles')).rejects.toThrow(/LOG_WITNESS_POLICY_FILE: none of its log lines/);
    await writeFile(policyFile, `witness w1 ${witnesses[0]!.vkey}\nquorum w1\n`);
    await expect(log('tiles')).rejects.toThrow(/LOG_WITNESS_POLICY_FILE: .*cannot be reached/);
    await writeFile(policyFile, 'quorum w1\n');
    await expect(log('tiles')).rejects.toThrow(/LOG_WITNESS_POLICY_FILE: .*line 1/);
  });
});

describe('a forked log', () => {
  it('gets no quorum for its second history, though it reached a witness first', async () => {
    const [w1] = witnesses as [WitnessProcess];
    // The honest history while one witness is away.
    await w1.end('SIGTERM');
    const honest = await log('honest');
    for (const text of ['a', 'b', 'c']) expect((await addEntry(honest.url, text)).status).toBe(201);
    await honest.program.end('SIGTERM');
    await w1.start();

    // Another history under the same key: the witness that was away takes it, the others do not.
    const fork = await log('fork');
    expect(await checkpoint(fork.url)).toBeUndefined();
    for (const text of ['a', 'B', 'c', 'd', 'e']) {
      const { status, body } = await addEntry(fork.url, text);
      expect([status, body['code']]).toEqual([503, 'log-unwitnessed']);
    }
    expect(await checkpoint(fork.url)).toBeUndefined();
    await until(async () => fork.program.said.includes(`"result":"ahead"`));
    await until(async () => fork.program.said.includes('it answered 422'));
    await fork.program.end('SIGTERM');

    // The honest history goes on with the two witnesses that know it.
    const again = await log('honest');
    expect((await addEntry(again.url, 'd')).status).toBe(201);
    const opened = await checkpoint(again.url);
    expect(opened).toMatchObject({ quorum: true, checkpoint: { size: 4 } });
    expect(opened!.cosignatures.map(({ witness }) => witness.name)).toEqual(['w2', 'w3']);
  });
});

/** Ends the process after the n-th fsync: odd ones are of a file, even ones of its folder. */
const KILLER = `
import { open } from 'node:fs/promises';
const handle = await open('/', 'r');
const prototype = Object.getPrototypeOf(handle);
await handle.close();
const { sync } = prototype;
let count = 0;
prototype.sync = async function () {
  await sync.call(this);
  if (++count === Number(process.env.KILL_AT)) process.kill(process.pid, 'SIGKILL');
};`;

describe('a witness that is killed', () => {
  const steps = [
    [0, 2],
    [2, 5],
    [5, 9],
  ] as const;

  it.each([
    [1, 0, 'the first note is in its temporary file'],
    [2, 2, 'the first note is durable and not answered'],
    [3, 2, 'the second is in its temporary file'],
    [4, 5, 'the second is durable and not answered'],
    [6, 9, 'the third is durable and not answered'],
  ])('at fsync %d goes on from %d: %s', async (killAt, size) => {
    const storage = new MemoryStorage();
    const engine = await Tlog.open({ storage, signer: noteSigner(ORIGIN, key) });
    const notes = [engine.checkpoint()];
    for (let i = 0; i < 12; i++) {
      notes.push((await (await engine.append(encodeUtf8(`${i}`))).published).checkpoint);
    }
    await engine.close();
    const reader = new TileReader((path) => storage.read(path));
    const send = async (from: number, to: number): Promise<Response> => {
      const proof = from === 0 ? [] : await reader.consistencyProof(from, to);
      const body = formatAddCheckpoint(from, proof, notes[to]!);
      return fetch(`${witness.url}/add-checkpoint`, { method: 'POST', body });
    };
    const [witness] = witnesses as [WitnessProcess];
    await witness.end('SIGTERM');
    const preload = `data:text/javascript,${encodeURIComponent(KILLER)}`;
    await witness.start(['--import', preload], { KILL_AT: String(killAt) });

    let answered = 0;
    for (const [from, to] of steps) {
      const answer = await send(from, to).catch(() => undefined);
      if (answer?.status !== 200 || !(await answer.text().catch(() => ''))) break;
      answered = to;
    }
    await witness.died();
    await witness.start();
    expect(size).toBeGreaterThanOrEqual(answered);
    const conflict = await send(12, 12);
    expect([conflict.status, await conflict.text()]).toEqual([409, `${size}\n`]);
    const kept = await fetch(`${witness.url}/${originHash(ORIGIN)}/checkpoint`);
    if (size === 0) expect(kept.status).toBe(404);
    else expect(parseCheckpoint(parseNote(await kept.text()).text).size).toBe(size);
    expect((await send(size, 12)).status).toBe(200);
  });
});

import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lifeLeaf, LOG_LIFE_SCHEMA } from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { formatVerifierKey, noteSigner, verifierKey } from '@touchstone/note';
import { PosixStorage, Tlog } from '@touchstone/tlog';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newest } from '../log-view.js';
import type { Finding } from './findings.js';
import { ORIGIN, sha256Hex, TestLog } from './log.fixture.js';
import { LogSource } from './log-source.js';
import { MonitorFolder } from './monitor-state.js';
import { Monitor, type MonitorStep } from './monitor.js';

const alice = generateKey('ed25519');
const next = generateKey('ed25519');
const third = generateKey('ed25519');
const TOKEN = 'admin-token-of-the-log';
const rotating = { LOG_ADMIN_TOKEN: TOKEN, LOG_NEXT_KEY: next.toPem() };
const at = '2026-01-01T00:00:00Z';

let dir: string;
let log: TestLog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-monitor-life-'));
  log = await TestLog.start(rotating);
});

afterEach(async () => {
  await log.remove();
  await rm(dir, { recursive: true, force: true });
});

async function look(url = log.url): Promise<MonitorStep & { findings: Finding[]; told: string[] }> {
  const findings: Finding[] = [];
  const told: string[] = [];
  const monitor = await Monitor.open({
    source: new LogSource(url),
    folder: await MonitorFolder.open(dir),
    logs: [log.vkey],
    watch: [],
    report: async (finding) => void findings.push(finding),
    told: ({ event }) => void told.push(event),
  });
  try {
    return { ...(await monitor.step()), findings, told };
  } finally {
    await monitor.close();
  }
}

/** A look at the files alone: a server of ours would not start on what is forged here. */
async function lookAtFiles(): Promise<Finding[]> {
  const server = createServer((request, response) => {
    readFile(join(log.dir, request.url ?? '')).then(
      (bytes) => response.end(bytes),
      () => response.writeHead(404).end(),
    );
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const { port } = server.address() as AddressInfo;
  try {
    return (await look(`http://127.0.0.1:${port}`)).findings;
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function operate(path: string, body: object): Promise<void> {
  const answer = await fetch(`${log.url}/v1/log/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: `Bearer ${TOKEN}` },
    body: JSON.stringify(body),
  });
  expect(answer.status, await answer.text()).toBe(200);
}

/** Appends to the stopped log whatever is signed by whoever. */
async function forge(leaf: Uint8Array, signer = log.key): Promise<void> {
  await log.stop();
  const keys = [log.key, next, third, alice].map((key) => verifierKey(ORIGIN, key.publicKey));
  const engine = await Tlog.open({
    storage: new PosixStorage(log.dir),
    signer: noteSigner(ORIGIN, signer),
    keys,
  });
  await (
    await engine.append(leaf)
  ).published;
  await engine.close();
}

const vkey = (key: typeof next): string => formatVerifierKey(verifierKey(ORIGIN, key.publicKey));

describe('a monitor that knows the first key', () => {
  it('follows a rotation as it happens', async () => {
    await log.add('before', [sha256Hex('a')], alice);
    expect(await look()).toMatchObject({ findings: [], told: [] });
    await operate('rotate', { step: 'announce' });
    expect(await look()).toMatchObject({ findings: [], told: ['rotate'] });
    await operate('rotate', { step: 'retire' });
    await log.add('after', [sha256Hex('b')], alice);
    await log.committed(4);
    const step = await look();
    expect(step).toMatchObject({ findings: [], told: ['retire'], frozen: false });
    expect(step.mapSize).toBeGreaterThanOrEqual(4);
    expect(await look()).toMatchObject({ findings: [], told: [] });
  });

  it('finds its way over rotations that it missed, as one who only verifies does', async () => {
    await log.add('before', [sha256Hex('a')], alice);
    await operate('rotate', { step: 'announce' });
    await operate('rotate', { step: 'retire' });
    const keyed = { LOG_KEY: next.toPem(), LOG_NEXT_KEY: third.toPem(), LOG_ADMIN_TOKEN: TOKEN };
    await log.restart(keyed);
    await operate('rotate', { step: 'announce' });
    await operate('rotate', { step: 'retire' });
    await log.restart({ LOG_KEY: third.toPem() });
    const { size } = (await newest({ log: log.url, vkey: [log.vkeyText] })).checkpoint;
    expect(size).toBeGreaterThanOrEqual(5);
    // Out of the folder too, where no server says which leaves to look at.
    expect((await newest({ log: log.dir, vkey: [log.vkeyText] })).checkpoint.size).toBe(size);
    await expect(newest({ log: log.url, vkey: [vkey(alice)] })).rejects.toMatchObject({
      code: 'checkpoint-signature',
    });
    const told = ['rotate', 'retire', 'rotate', 'retire'];
    expect(await look()).toMatchObject({ findings: [], told });
  });

  it('takes no checkpoint of a key that was retired', async () => {
    await log.add('before', [sha256Hex('a')], alice);
    await operate('rotate', { step: 'announce' });
    await operate('rotate', { step: 'retire' });
    expect((await look()).findings).toEqual([]);
    await forge(new TextEncoder().encode('{}'));
    expect(await lookAtFiles()).toMatchObject([{ kind: 'key-wrong' }]);
  });

  it('sees the end of a log, and leaves after it', async () => {
    await log.add('before', [sha256Hex('a')], alice);
    await operate('freeze', { origin: ORIGIN });
    expect(await look()).toMatchObject({ findings: [], told: ['freeze'], frozen: true });
    await forge(new TextEncoder().encode('{}'));
    expect(await lookAtFiles()).toMatchObject([
      { kind: 'life-wrong', why: expect.stringMatching(/frozen by leaf/) as string },
    ]);
  });

  it.each([
    ['by a stranger', alice],
    ['by a key that nobody announced', third],
  ])('takes no rotation signed %s', async (_who, thief) => {
    const event = {
      schema: LOG_LIFE_SCHEMA,
      origin: ORIGIN,
      event: 'rotate',
      at,
      from: vkey(thief),
      to: vkey(next),
    } as const;
    await log.add('before', [sha256Hex('a')], alice);
    await forge(await lifeLeaf({ ...event, from: log.vkeyText }, [thief, next]));
    const signed = await lifeLeaf(event, [thief, next]);
    await forge(signed, next);
    await expect(newest({ log: log.dir, vkey: [log.vkeyText] })).rejects.toMatchObject({
      code: 'checkpoint-signature',
    });
  });

  it('tells of a leaf about the log that it did not sign', async () => {
    await log.add('before', [sha256Hex('a')], alice);
    const event = { schema: LOG_LIFE_SCHEMA, origin: ORIGIN, event: 'freeze', at } as const;
    await forge(await lifeLeaf({ ...event, by: log.vkeyText }, [alice]));
    expect(await lookAtFiles()).toMatchObject([{ kind: 'life-wrong' }]);
  });
});

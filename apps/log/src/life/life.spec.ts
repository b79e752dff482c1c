import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { keyDetails, keysForSize, openLifeLeaf, paeBytes } from '@touchstone/attest';
import { LifeAnswer, Problem } from '@touchstone/contract';
import {
  encodeUtf8,
  formatVerifierKey,
  fromBase64,
  openCheckpoint,
  toBase64,
  verifierKey,
} from '@touchstone/note';
import { PosixStorage, fsck } from '@touchstone/tlog';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { startLog } from '../index.js';
import type { RunningLog } from '../index.js';

const ORIGIN = 'life.touchstone.dev/log';
const TOKEN = 'the admin token of this log';
const oldKey = generateKey('ed25519');
const newKey = generateKey('ecdsa-p256-sha256');
const vkeyOf = (key: PrivateKey) => verifierKey(ORIGIN, key.publicKey);
const [oldVkey, newVkey] = [oldKey, newKey].map((key) => formatVerifierKey(vkeyOf(key)));
const bearer = { authorization: `Bearer ${TOKEN.replaceAll(' ', '-')}` };

let dir: string;
let log: RunningLog;
let sent = 0;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-life-'));
});

afterEach(async () => {
  await log.close();
  await rm(dir, { recursive: true });
});

async function start(settings: Record<string, string> = {}): Promise<void> {
  log = await startLog({
    TILES_DIR: dir,
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: oldKey.toPem(),
    LOG_LEVEL: 'silent',
    LOG_ADMIN_TOKEN: TOKEN.replaceAll(' ', '-'),
    LOG_MAP_SECONDS: '0.02',
    PORT: '0',
    ...settings,
  });
}

async function restart(settings: Record<string, string> = {}): Promise<void> {
  await log.close();
  await start(settings);
}

function post(path: string, body: unknown, headers: object = bearer): Promise<Response> {
  return fetch(`${log.url}${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
}

async function write(): Promise<Response> {
  const payload = encodeUtf8(`{"entry":${sent++}}`);
  const payloadType = 'application/json';
  const sig = toBase64(oldKey.sign(paeBytes(payloadType, payload)));
  const { algorithm, spki } = oldKey.publicKey;
  return post('/api/v2/log/entries', {
    dsseRequestV002: {
      envelope: { payload: toBase64(payload), payloadType, signatures: [{ sig }] },
      verifiers: [{ publicKey: { rawBytes: toBase64(spki) }, keyDetails: keyDetails(algorithm) }],
    },
  });
}

/** Who of the two signed the published checkpoint, and its size. */
async function signedBy(): Promise<[size: number, ...vkeys: (string | undefined)[]]> {
  const note = await (await fetch(`${log.url}/checkpoint`)).text();
  const { checkpoint, verified } = await openCheckpoint(
    note,
    [vkeyOf(oldKey), vkeyOf(newKey)],
    nodeVerifier,
  );
  return [checkpoint.size, ...verified.map(formatVerifierKey)];
}

async function life(): Promise<LifeAnswer> {
  return LifeAnswer.parse(await (await fetch(`${log.url}/v1/log/life`)).json());
}

async function asked(path: string, body: object): Promise<LifeAnswer> {
  const answer = await post(path, body);
  expect(answer.status).toBe(200);
  return LifeAnswer.parse(await answer.json());
}

async function refused(answer: Response): Promise<[number, string]> {
  return [answer.status, Problem.parse(await answer.json()).code];
}

const both = { LOG_NEXT_KEY: newKey.toPem() };

describe('rotation', () => {
  it('takes the log from one key to the next, over restarts, and its map with it', async () => {
    await start(both);
    expect((await write()).status).toBe(201);
    expect(await signedBy()).toEqual([1, oldVkey]);

    const announced = await asked('/v1/log/rotate', { step: 'announce' });
    const [, ...signers] = await signedBy();
    expect(signers).toEqual([oldVkey, newVkey]);
    expect(announced.keys).toEqual([
      { vkey: oldVkey },
      {
        vkey: newVkey,
        since: { index: expect.any(Number) as number, at: expect.any(String) as string },
      },
    ]);
    const leaf = announced.events[0]?.leaf ?? '';
    const event = await openLifeLeaf(fromBase64(leaf), nodeVerifier);
    expect(event).toMatchObject({ event: 'rotate', origin: ORIGIN, from: oldVkey, to: newVkey });
    // Asked again it is what it is.
    expect(await asked('/v1/log/rotate', { step: 'announce' })).toEqual(announced);
    expect((await write()).status).toBe(201);

    await restart(both);
    expect((await signedBy()).slice(1)).toEqual([oldVkey, newVkey]);
    expect((await write()).status).toBe(201);

    const retired = await asked('/v1/log/rotate', { step: 'retire' });
    expect(retired.keys[0]?.until).toBeDefined();
    expect(await asked('/v1/log/rotate', { step: 'retire' })).toEqual(retired);
    const written = (await (await write()).json()) as { logId: { keyId: string } };
    expect((await signedBy()).slice(1)).toEqual([newVkey]);
    const info = (await (await fetch(`${log.url}/v1/log`)).json()) as { vkey: string };
    expect(info.vkey).toBe(newVkey);

    await restart({ LOG_KEY: newKey.toPem() });
    expect((await write()).status).toBe(201);
    expect((await signedBy()).slice(1)).toEqual([newVkey]);
    expect(await life()).toEqual(retired);
    const root = (await (await fetch(`${log.url}/trusted_root.json`)).json()) as {
      tlogs: { logId: { keyId: string }; publicKey: { validFor: object } }[];
    };
    expect(root.tlogs[0]?.logId).toEqual(written.logId);
    expect(root.tlogs.map(({ publicKey }) => publicKey.validFor)).toContainEqual({
      start: '2025-01-01T00:00:00Z',
      end: retired.keys[0]?.until?.at,
    });
    // The map goes on from commitments made under the old key.
    await expect
      .poll(
        async () => (await fetch(`${log.url}/v1/search?digest=sha256:${'0'.repeat(64)}`)).status,
      )
      .toBe(200);
    const vkeys = [oldVkey, newVkey] as string[];
    await log.close();
    expect(await fsck(new PosixStorage(dir), { vkeys, verify: nodeVerifier })).toMatchObject({
      ok: true,
    });
    await start({ LOG_KEY: newKey.toPem() });
  });

  it('needs the keys that the leaves name', async () => {
    await start(both);
    await asked('/v1/log/rotate', { step: 'announce' });
    await log.close();
    await expect(start()).rejects.toThrow(/LOG_NEXT_KEY_FILE/);
    await start(both);
    await asked('/v1/log/rotate', { step: 'retire' });
    await log.close();
    await expect(start()).rejects.toThrow(newVkey);
    // Without the cache the leaves say the same.
    await rm(join(dir, 'life.json'));
    await start({ LOG_KEY: newKey.toPem() });
    const { keys } = await life();
    expect(keys).toHaveLength(2);
  });

  it('is refused without a next key, without a rotation, and to strangers', async () => {
    await start();
    expect(await refused(await post('/v1/log/rotate', { step: 'announce' }))).toEqual([
      409,
      'life-conflict',
    ]);
    expect(await refused(await post('/v1/log/rotate', { step: 'retire' }))).toEqual([
      409,
      'life-conflict',
    ]);
    expect(await refused(await post('/v1/log/rotate', { step: 'announce' }, {}))).toEqual([
      401,
      'token-missing',
    ]);
    const wrong = { authorization: 'Bearer something-else-here' };
    expect(await refused(await post('/v1/log/freeze', { origin: ORIGIN }, wrong))).toEqual([
      403,
      'token-forbidden',
    ]);
    expect((await life()).events).toEqual([]);
  });
});

describe('freeze', () => {
  it('ends the writes with one last leaf, and only the writes, for good', async () => {
    await start({ LOG_V1_KEY: newKey.toPem(), LOG_REPUBLISH_SECONDS: '0.05' });
    const first = await write();
    expect(first.status).toBe(201);
    expect((await post('/v1/log/freeze', { origin: 'another' })).status).toBe(400);
    const frozen = await asked('/v1/log/freeze', { origin: ORIGIN });
    const [size] = await signedBy();
    expect(frozen.frozen?.index).toBe(size - 1);
    expect(await asked('/v1/log/freeze', { origin: ORIGIN })).toEqual(frozen);

    for (const again of [false, true]) {
      if (again) await restart({ LOG_V1_KEY: newKey.toPem(), LOG_REPUBLISH_SECONDS: '0.05' });
      const answer = await write();
      // An empty list: the path takes nothing any more (RFC 9110, 10.2.1).
      expect(answer.headers.get('allow')).toBe('');
      expect(await refused(answer)).toEqual([405, 'log-frozen']);
      const v1 = await post('/api/v1/log/entries', {});
      expect([v1.status, ((await v1.json()) as { code: number }).code]).toEqual([405, 405]);
      const kept = await fetch(`${log.url}/v1/attestations/sha256:${'0'.repeat(64)}`, {
        method: 'PUT',
        headers: { 'content-type': 'application/octet-stream' },
        body: 'x',
      });
      expect(kept.status).toBe(405);
      expect((await fetch(`${log.url}/tile/0/000.p/${size}`)).status).toBe(200);
      expect((await fetch(`${log.url}/api/v1/log/entries?logIndex=0`)).status).toBe(200);
      const rotate = await post('/v1/log/rotate', { step: 'announce' });
      expect(await refused(rotate)).toEqual([409, 'life-conflict']);
      const published = async (): Promise<number> => {
        const text = await (await fetch(`${log.url}/metrics`)).text();
        return Number(/^tlog_published_timestamp_seconds (\S+)$/m.exec(text)?.[1]);
      };
      const before = await published();
      await expect.poll(published).toBeGreaterThan(before);
      expect((await signedBy())[0]).toBe(size);
    }
  });
});

it('goes on when the clock of the machine jumps back, and is republished', async () => {
  await start({ LOG_REPUBLISH_SECONDS: '0.05' });
  expect((await write()).status).toBe(201);
  const clock = vi.spyOn(Date, 'now');
  try {
    clock.mockImplementation(() => 1_000_000_000_000);
    expect((await write()).status).toBe(201);
    sent -= 1;
    const same = (await (await write()).json()) as { logIndex: string };
    // The entry from before the jump is still known as the one it was.
    expect(Number(same.logIndex)).toBeLessThan((await signedBy())[0]);
    const text = async (): Promise<string> => (await fetch(`${log.url}/metrics`)).text();
    await expect.poll(text).toMatch(/^tlog_published_timestamp_seconds 1000000000$/m);
    await restart();
    expect((await write()).status).toBe(201);
  } finally {
    clock.mockRestore();
  }
  const storage = new PosixStorage(dir);
  await log.close();
  const report = await fsck(storage, { vkeys: [oldVkey ?? ''], verify: nodeVerifier });
  expect(report.ok).toBe(true);
  await start();
});

it('says which keys a size needs', () => {
  const mark = { index: 9, at: '2026-01-01T00:00:00Z' };
  const rotated = {
    keys: [
      { vkey: 'a', until: mark },
      { vkey: 'b', since: mark },
    ],
  };
  expect(keysForSize(rotated, 10)).toEqual(['a', 'b']);
  expect(keysForSize(rotated, 11)).toEqual(['b']);
});

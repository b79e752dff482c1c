import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { mkdtemp } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { narrowEvidence, parseTrustRoot, verifyEvidence } from '@touchstone/attest';
import type { Publication } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { keyId, toBase64 } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeRebuilder, recipeNamed, reportFor, type TestRebuilder } from './rebuilder.js';
import { ADMIN_TOKEN, eventually, Stand, startTestPostgres } from './stand.js';

let postgres: EmbeddedPostgres;
let stand: Stand;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(() => postgres.stop());

async function publish(name: string): Promise<string> {
  return (await stand.client().submit({ body: { recipe: recipeNamed(name) } })).id;
}

async function rebuild(rebuilder: TestRebuilder): Promise<void> {
  const lease = await rebuilder.lease();
  const body = await reportFor(rebuilder, lease);
  await rebuilder.client.complete({ params: { id: lease.rebuildId }, body });
}

function when(id: string, is: (publication: Publication) => boolean): Promise<Publication> {
  return eventually(async () => {
    const publication = await stand.client().read({ params: { id } });
    return is(publication) && publication;
  });
}

const state = (publication: Publication, rebuilder: string): string | undefined =>
  publication.rebuilds.find((one) => one.rebuilder === rebuilder)?.state;
const refusal = (code: string): unknown =>
  expect.objectContaining({ problem: expect.objectContaining({ code }) as unknown });

describe('a log that signs another history', () => {
  let elsewhere: string;

  beforeAll(async () => {
    elsewhere = await mkdtemp(join(tmpdir(), 'touchstone-fork-'));
    stand = await Stand.start(postgres);
  });

  afterAll(async () => {
    await stand.stop();
    await rm(elsewhere, { recursive: true, force: true });
  });

  it('is found out, kept with both checkpoints, and written to no more', async () => {
    const acme = await stand.enrol('acme');
    const first = await publish('before');
    await rebuild(acme);
    await when(first, (publication) => state(publication, 'acme') === 'logged');
    const { size } = await stand.logSize();

    // The same log from an empty folder: it has lost what it signed.
    await stand.stopLog();
    await stand.startLog(elsewhere);
    const second = await publish('after');
    await rebuild(acme);
    const ready = async (): Promise<string> => (await fetch(`${stand.url}/readyz`)).text();
    // Until it has grown to the size that was seen there is nothing to compare; it is not believed.
    for (let grown = 0; grown <= size; grown++) await stand.addEntry();
    await eventually(async () => (await ready()).includes('two histories'));

    expect(state(await stand.client().read({ params: { id: second } }), 'acme')).toBe('reported');
    await expect(stand.client().evidence({ params: { id: first } })).rejects.toEqual(
      refusal('log-forked'),
    );
    expect(await (await fetch(`${stand.url}/metrics`)).text()).toMatch(/touchstone_log_forked 1/);
    const { rows } = await stand.db.query<Record<'checkpoint' | 'fork_checkpoint', string>>(
      'SELECT checkpoint, fork_checkpoint FROM pinned_log',
    );
    const notes = [rows[0]?.checkpoint, rows[0]?.fork_checkpoint];
    expect(new Set(notes.map((note) => note?.split('\n')[0]))).toEqual(new Set([stand.origin]));
    expect(notes[0]).not.toBe(notes[1]);

    // Another coordinator on that database, and one that comes later, know it too.
    await stand.stopCoordinators();
    await stand.startCoordinator();
    expect(await ready()).toContain('two histories');
    const { size: now } = await stand.logSize();
    await new Promise((done) => setTimeout(done, 300));
    expect((await stand.logSize()).size).toBe(now);
  });
});

describe('a log that gives itself another key', () => {
  beforeAll(async () => {
    stand = await Stand.start(postgres);
  });

  afterAll(() => stand.stop());

  it('is followed, and the trust root says for which trees each key speaks', async () => {
    const [acme] = [await stand.enrol('acme'), await stand.enrol('birch')];
    const first = await publish('by-the-first-key');
    await rebuild(acme);
    await when(first, (publication) => state(publication, 'acme') === 'logged');
    const before = parseTrustRoot(await stand.client().trustRoot({}));
    const early = await stand.client().evidence({ params: { id: first } });

    const token = 'admin-token-of-the-log';
    await stand.stopLog();
    await stand.startLog(stand.logDir, {
      LOG_NEXT_KEY: generateKey('ed25519').toPem(),
      LOG_ADMIN_TOKEN: token,
    });
    for (const step of ['announce', 'retire']) {
      const answer = await fetch(`${stand.logUrl}/v1/log/rotate`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        body: JSON.stringify({ step }),
      });
      expect(answer.status).toBe(200);
    }
    const second = await publish('by-the-second-key');
    await rebuild(acme);
    await when(second, (publication) => state(publication, 'acme') === 'logged');

    const after = parseTrustRoot(await stand.client().trustRoot({}));
    expect(after.logs).toHaveLength(2);
    expect(after.logs[0]).toMatchObject({
      vkey: before.logs[0]?.vkey,
      until: expect.any(Number) as number,
    });
    expect(after.logs[1]).toMatchObject({ from: expect.any(Number) as number });
    const late = await stand.client().evidence({ params: { id: second } });
    const verify = nodeVerifier;
    for (const evidence of [early, late]) {
      const { verdict } = await verifyEvidence(evidence, { trustRoot: after, verify });
      expect(verdict).toBe('pending');
    }
    await expect(verifyEvidence(late, { trustRoot: before, verify })).rejects.toMatchObject({
      code: 'checkpoint-signature',
    });

    // One that begins from what the database has pinned learns it too.
    await stand.stopCoordinators();
    await stand.startCoordinator();
    await eventually(async () => (await stand.client().trustRoot({})).logs.length === 2);
  });
});

describe('the life of a rebuilder', () => {
  let acme: TestRebuilder;
  let birch: TestRebuilder;

  beforeAll(async () => {
    stand = await Stand.start(postgres);
    acme = await stand.enrol('acme');
    birch = await stand.enrol('birch');
  });

  afterAll(() => stand.stop());

  const rotate = (id: string, to: TestRebuilder): Promise<unknown> =>
    stand.client().rotateKey({
      params: { id },
      body: { publicKey: to.enrolment.publicKey },
    });
  const verdictBy = async (id: string, root: unknown): Promise<string> => {
    const trustRoot = parseTrustRoot(root);
    const evidence = narrowEvidence(await stand.client().evidence({ params: { id } }), trustRoot);
    return (await verifyEvidence(evidence, { trustRoot, verify: nodeVerifier })).verdict;
  };

  it('goes on under another key; what the old one signed before counts, and nothing after', async () => {
    const before = await publish('rotation');
    await rebuild(acme);
    await rebuild(birch);
    await when(before, ({ verdict }) => verdict === 'reproduced');
    const held = await publish('held');
    const lease = await acme.lease();

    const next = makeRebuilder('acme', 'Org acme', () => stand.url, stand.clock.now);
    await expect(rotate('nobody', next)).rejects.toEqual(refusal('rebuilder-absent'));
    await expect(rotate('acme', birch)).rejects.toEqual(refusal('key-conflict'));
    const stranger = stand.client('another-admin-token');
    const params = { id: 'acme' };
    const body = { publicKey: next.enrolment.publicKey };
    await expect(stranger.rotateKey({ params, body })).rejects.toEqual(refusal('token-forbidden'));
    expect(await rotate('acme', next)).toMatchObject({ keyId: keyId(next.key.publicKey) });
    expect(await rotate('acme', next)).toMatchObject({ keyId: keyId(next.key.publicKey) });
    // Never back to one that was given up.
    await expect(rotate('acme', acme)).rejects.toEqual(refusal('key-conflict'));

    // The old key holds no lease any more, and opens no door.
    const late = await reportFor(acme, lease);
    await expect(
      acme.client.complete({ params: { id: lease.rebuildId }, body: late }),
    ).rejects.toEqual(refusal('token-signature'));
    await rebuild(next);
    await rebuild(birch);
    await when(held, ({ verdict }) => verdict === 'reproduced');

    const root = parseTrustRoot(await stand.client().trustRoot({}));
    const [old, current] = root.rebuilders.find(({ id }) => id === 'acme')?.keys ?? [];
    expect(old?.spki).toBe(toBase64(acme.key.publicKey.spki));
    expect(old?.retired).toEqual([{ origin: stand.origin, size: expect.any(Number) as number }]);
    expect(current?.retired).toBeUndefined();
    for (const id of [before, held]) expect(await verdictBy(id, root)).toBe('reproduced');
    // Had the old key signed at a later place of the log, it would not count.
    const early = structuredClone(root);
    early.rebuilders.find(({ id }) => id === 'acme')!.keys[0]!.retired = [
      { origin: stand.origin, size: 0 },
    ];
    expect(await verdictBy(before, early)).toBe('pending');
    expect(await verdictBy(held, early)).toBe('reproduced');
    acme = next;
  });

  it('ends with its withdrawal; what it said stays, what it owes is owed no more', async () => {
    const id = await publish('withdrawal');
    await rebuild(acme);
    const lease = await birch.lease();
    const third = await stand.enrol('cedar');
    const before = await when(id, (publication) => state(publication, 'acme') === 'logged');
    expect(before.verdict).toBe('pending');

    const params = { id: 'birch' };
    const withdrawn = await stand.client().withdraw({ params });
    expect(withdrawn.withdrawnAt).toBeDefined();
    expect(await stand.client().withdraw({ params })).toEqual(withdrawn);
    const body = await reportFor(birch, lease);
    await expect(birch.client.complete({ params: { id: lease.rebuildId }, body })).rejects.toEqual(
      refusal('rebuilder-withdrawn'),
    );
    await expect(stand.client().enrol({ body: birch.enrolment })).rejects.toEqual(
      refusal('rebuilder-withdrawn'),
    );
    expect(state(await stand.client().read({ params: { id } }), 'birch')).toBe('withdrawn');
    const later = await stand.client().read({ params: { id: await publish('later') } });
    expect(later.rebuilds.map(({ rebuilder }) => rebuilder)).toEqual(['acme', 'cedar']);

    const root = parseTrustRoot(await stand.client().trustRoot({}));
    const keys = root.rebuilders.find(({ id: one }) => one === 'birch')?.keys;
    expect(keys?.every(({ retired }) => retired !== undefined)).toBe(true);
    expect(await verdictBy(id, root)).toBe('pending');
    // Without cedar there is nobody left to wait for.
    await stand.client().withdraw({ params: { id: third.id } });
    const end = await stand.client().read({ params: { id } });
    expect(end.verdict).toBe('insufficient');
  });
});

describe('a report that is refused for good', () => {
  let acme: TestRebuilder;

  beforeAll(async () => {
    stand = await Stand.start(postgres, { settings: { LEASE_SECONDS: '5' } });
    acme = await stand.enrol('acme');
  });

  afterAll(() => stand.stop());

  it.each([
    [
      'report-signature',
      async (lease: Awaited<ReturnType<TestRebuilder['lease']>>) => {
        const report = await reportFor(acme, lease);
        const sig = toBase64(generateKey('ecdsa-p256-sha256').sign(new Uint8Array(1)));
        const [signature] = report.rebuild.signatures;
        return { ...report, rebuild: { ...report.rebuild, signatures: [{ ...signature, sig }] } };
      },
    ],
    [
      'body-too-large',
      async (lease: Awaited<ReturnType<TestRebuilder['lease']>>) => {
        const report = await reportFor(acme, lease);
        return { ...report, rebuild: { ...report.rebuild, payload: 'A'.repeat(6 * 1024 * 1024) } };
      },
    ],
  ])('ends the rebuild with %s, until somebody has it made again', async (code, make) => {
    const id = await publish(code);
    const lease = await acme.lease();
    const params = { id: lease.rebuildId };
    await expect(acme.client.complete({ params, body: await make(lease) })).rejects.toEqual(
      refusal(code),
    );
    // The worker may do better while it holds the lease.
    expect(state(await stand.client().read({ params: { id } }), 'acme')).toBe('leased');
    stand.clock.skip(6);
    const ended = await when(id, (publication) => state(publication, 'acme') === 'refused');
    expect(ended.rebuilds[0]).toMatchObject({ state: 'refused', failure: { code } });
    expect((await acme.client.lease({ body: { waitSeconds: 0 } })).lease).toBeNull();

    await stand.client().retry({ params });
    await expect(stand.client().retry({ params })).rejects.toEqual(refusal('rebuild-not-refused'));
    await rebuild(acme);
    const made = await when(id, (publication) => state(publication, 'acme') === 'logged');
    expect(made.rebuilds[0]).not.toHaveProperty('failure');
  });
});

describe('a body', () => {
  beforeAll(async () => {
    stand = await Stand.start(postgres, { settings: { SUBMIT_TOKEN: 'submit-token-of-tests' } });
  });

  afterAll(() => stand.stop());

  it.each([
    ['PUT', `/v1/uploads/sha256:${'a'.repeat(64)}`, 'another-token', 403],
    ['POST', '/v1/rebuilders', 'another-token', 403],
    [
      'POST',
      `/v1/rebuilds/${'0'.repeat(8)}-0000-4000-8000-000000000000/complete`,
      ADMIN_TOKEN,
      401,
    ],
    ['POST', '/v1/artifacts', undefined, 401],
  ])(
    'of %s %s is not waited for when its sender has no right',
    async (method, path, token, status) => {
      const sending = request(stand.url + path, {
        method,
        headers: {
          'content-type': 'application/json',
          'content-length': '100000',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
      });
      sending.on('error', () => undefined);
      // The head and the first byte; the rest never comes.
      sending.write('{');
      const [answer] = (await once(sending, 'response')) as [{ statusCode: number }];
      sending.destroy();
      expect(answer.statusCode).toBe(status);
    },
  );
});

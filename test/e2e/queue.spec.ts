import type { Lease } from '@touchstone/contract';
import { redisServer, startRedis } from '@touchstone/kit';
import type { EmbeddedPostgres } from '@touchstone/store';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipeNamed, reportFor, type TestRebuilder } from './rebuilder.js';
import { eventually, Stand, startTestPostgres } from './stand.js';

let postgres: EmbeddedPostgres;

beforeAll(async () => {
  postgres = await startTestPostgres();
});

afterAll(async () => {
  await postgres.stop();
});

const backends = ['postgres', 'redis'] as const;

describe.each(backends)('the queue on %s', (queue) => {
  const absent = queue === 'redis' && redisServer() === undefined;
  if (absent) {
    it.skip('is not tested: neither redis-server nor valkey-server is installed', () => undefined);
    return;
  }

  let stand: Stand;
  let acme: TestRebuilder;

  beforeAll(async () => {
    stand = await Stand.start(postgres, { queue });
    acme = await stand.enrol('acme');
  });

  afterAll(async () => {
    await stand.stop();
  });

  const submit = async (...names: string[]) => {
    for (const name of names) await stand.client().submit({ body: { recipe: recipeNamed(name) } });
  };
  const complete = async (lease: Lease) =>
    acme.client.complete({ params: { id: lease.rebuildId }, body: await reportFor(acme, lease) });
  const nothingIsLeft = async () =>
    expect((await acme.client.lease({ body: { waitSeconds: 1 } })).lease).toBeNull();

  it('gives a rebuild to one worker and to no other', async () => {
    await submit('one');
    const lease = await acme.lease();
    await nothingIsLeft();
    await complete(lease);
    await nothingIsLeft();
  });

  it('wakes a worker that waits', async () => {
    const waiting = acme.lease(20);
    await submit('awaited');
    await complete(await waiting);
  });

  it('gives a rebuild to another worker once its lease lapsed', async () => {
    await submit('lapsed');
    const first = await acme.lease();
    stand.clock.skip(31);
    const second = await acme.lease();
    expect(second).toMatchObject({ rebuildId: first.rebuildId, attempt: 2 });
    expect(second.leaseToken).not.toBe(first.leaseToken);
    const late = { params: { id: first.rebuildId }, body: { leaseToken: first.leaseToken } };
    for (const call of [
      () => acme.client.heartbeat(late),
      () => acme.client.release(late),
      () => complete(first),
    ]) {
      await expect(call()).rejects.toMatchObject({ problem: { code: 'lease-not-yours' } });
    }
    await complete(second);
    await nothingIsLeft();
  });

  it('keeps a lease as long as there are heartbeats', async () => {
    await submit('beating');
    const lease = await acme.lease();
    const body = { leaseToken: lease.leaseToken };
    for (let beat = 0; beat < 3; beat += 1) {
      stand.clock.skip(20);
      await acme.client.heartbeat({ params: { id: lease.rebuildId }, body });
    }
    await nothingIsLeft();
    await complete(lease);
  });

  it('has a rebuild back at once when a worker releases it', async () => {
    await submit('released');
    const first = await acme.lease();
    const params = { id: first.rebuildId };
    await acme.client.release({ params, body: { leaseToken: first.leaseToken } });
    const second = await acme.lease();
    expect(second).toMatchObject({ rebuildId: first.rebuildId, attempt: 2 });
    await complete(second);
  });

  it('lets a lease outlive the coordinator that granted it', async () => {
    await submit('outlived');
    const lease = await acme.lease();
    await stand.stopCoordinators();
    await stand.startCoordinator();
    const body = { leaseToken: lease.leaseToken };
    await acme.client.heartbeat({ params: { id: lease.rebuildId }, body });
    await complete(lease);
    await nothingIsLeft();
  });

  it('is filled from the database when all of it is lost', async () => {
    await submit('lost-1', 'lost-2', 'lost-3');
    const held = await acme.lease();
    await lose();
    const found = [await acme.lease(), await acme.lease()];
    const ids = new Set([held, ...found].map(({ rebuildId }) => rebuildId));
    expect(ids.size).toBe(3);
    await nothingIsLeft();
    // What was leased when the queue was lost is reported as if nothing had happened.
    for (const lease of [held, ...found]) await complete(lease);
    await lose();
    await submit('after');
    await complete(await acme.lease());
    await nothingIsLeft();
  });

  it('gives each rebuild out once among two coordinators', async () => {
    const second = await stand.startCoordinator();
    const names = Array.from({ length: 12 }, (_, n) => `contended-${n}`);
    await Promise.all(names.map((name) => submit(name)));
    const leases = await Promise.all(
      Array.from({ length: 24 }, async (_, n) => {
        const url = n % 2 === 0 ? stand.url : second.url;
        const body = new TextEncoder().encode('{"waitSeconds":3}');
        const token = await acme.token({ method: 'POST', path: '/v1/leases', body });
        const answer = await fetch(`${url}/v1/leases`, {
          method: 'POST',
          body,
          headers: { 'content-type': 'application/json', authorization: `Bearer ${token}` },
        });
        return ((await answer.json()) as { lease: Lease | null }).lease;
      }),
    );
    const granted = leases.filter((lease) => lease !== null);
    expect(granted).toHaveLength(12);
    expect(new Set(granted.map(({ rebuildId }) => rebuildId)).size).toBe(12);
    for (const lease of granted) expect((await complete(lease)).state).toMatch(/reported|logged/);
    await eventually(async () => {
      const { rows } = await stand.db.query(
        `SELECT 1 FROM attestation WHERE state = 'pending' LIMIT 1`,
      );
      return rows.length === 0;
    });
    // Each statement was appended by one of the two.
    const { rows } = await stand.db.query<{ logged: string }>(
      'SELECT count(DISTINCT log_index) AS logged FROM attestation',
    );
    const log = (await (await fetch(`${stand.logUrl}/v1/log`)).json()) as { size: number };
    expect(log.size).toBe(Number(rows[0]?.logged));
  });

  async function lose(): Promise<void> {
    if (stand.redisUrl === undefined) {
      await stand.db.query('DROP SCHEMA bullmq CASCADE');
    } else {
      const redis = new Redis(stand.redisUrl.replace('unix://', ''));
      await redis.flushall();
      redis.disconnect();
    }
  }
});

describe.each(backends)('a job on %s', (queue) => {
  it.skipIf(queue === 'redis' && redisServer() === undefined)(
    'comes back when the coordinator died between taking and granting it',
    async () => {
      const stand = await Stand.start(postgres, { queue, settings: { LEASE_SECONDS: '1' } });
      try {
        const acme = await stand.enrol('acme');
        await stand.client().submit({ body: { recipe: recipeNamed('dropped') } });
        await eventually(async () => {
          const { rows } = await stand.db.query(`SELECT 1 FROM outbox WHERE kind = 'enqueue'`);
          return rows.length === 0;
        });
        // The job is taken, and the database, asked to grant it, cannot.
        await stand.db.query('ALTER TABLE rebuild RENAME COLUMN lease_hash TO lease_hash_gone');
        await expect(acme.lease(0)).rejects.toMatchObject({ problem: { code: 'internal' } });
        await stand.db.query('ALTER TABLE rebuild RENAME COLUMN lease_hash_gone TO lease_hash');
        expect(await acme.lease(20)).toMatchObject({ attempt: 1 });
      } finally {
        await stand.stop();
      }
    },
  );
});

describe('a queue that is away', () => {
  it.skipIf(redisServer() === undefined)(
    'costs no request more than its patience, loses nothing, and lets the process stop (redis)',
    async () => {
      const redis = await startRedis();
      const stand = await Stand.start(postgres, { settings: { REDIS_URL: redis.url } });
      try {
        const acme = await stand.enrol('acme');
        await redis.stop();
        await stand.client().submit({ body: { recipe: recipeNamed('without-queue') } });
        expect((await fetch(`${stand.url}/healthz`)).status).toBe(200);
        expect((await fetch(`${stand.url}/readyz`)).status).toBe(503);
        expect(await acme.client.lease({ body: { waitSeconds: 1 } })).toEqual({ lease: null });
        await stand.stopCoordinators();
        // Another queue, and the work is there.
        await stand.startCoordinator({ REDIS_URL: '' });
        expect(await acme.lease()).toMatchObject({ attempt: 1 });
      } finally {
        await stand.stop();
      }
    },
  );
});

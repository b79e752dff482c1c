import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeClient, coordinatorRoutes, type Client } from '@touchstone/contract';
import { startCoordinator, type Coordinator } from '@touchstone/coordinator';
import { generateKey } from '@touchstone/keys';
import { startRedis } from '@touchstone/kit';
import { startLog, type RunningLog } from '@touchstone/log';
import { toBase64 } from '@touchstone/note';
import { startEmbeddedPostgres, type EmbeddedPostgres } from '@touchstone/store';
import pg from 'pg';
import { AUDIENCE, makeRebuilder, platformFetch, type TestRebuilder } from './rebuilder.js';

export const ADMIN_TOKEN = 'admin-token-of-the-tests';
export const LOG_ORIGIN = 'log.example/touchstone';

export type CoordinatorClient = Client<typeof coordinatorRoutes>;
export type Settings = Readonly<Record<string, string>>;

/** A clock that runs with the world's, and can be put forward. */
export class SkippingClock {
  #ahead = 0;
  readonly now = (): number => Date.now() + this.#ahead;
  skip(seconds: number): void {
    this.#ahead += seconds * 1000;
  }
}

/** One PostgreSQL for a spec file; each stand has a database of its own in it. */
export async function startTestPostgres(): Promise<EmbeddedPostgres> {
  const dir = await mkdtemp(join(tmpdir(), 'touchstone-pg-'));
  // Nothing here outlives a crash of the machine, so nothing waits for the disk.
  const postgres = await startEmbeddedPostgres({ dir, settings: { fsync: 'off' } });
  return {
    url: postgres.url,
    async stop() {
      await postgres.stop();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

/** A coordinator on real parts: its own database, its own queue, and a log. */
export class Stand {
  readonly clock = new SkippingClock();
  readonly #closers: (() => Promise<void>)[] = [];
  #coordinators: Coordinator[] = [];
  #log: RunningLog | undefined;
  readonly #logKey = generateKey('ed25519').toPem();
  readonly db: pg.Pool;

  private constructor(
    readonly databaseUrl: string,
    readonly redisUrl: string | undefined,
    readonly logDir: string,
    readonly settings: Settings,
  ) {
    this.db = new pg.Pool({ connectionString: databaseUrl, max: 2 });
    // A connection may hear of the server's end before it has come to its own.
    this.db.on('error', () => undefined);
    this.#closers.push(() => this.db.end());
  }

  static async start(
    postgres: EmbeddedPostgres,
    options: { queue?: 'postgres' | 'redis'; settings?: Settings } = {},
  ): Promise<Stand> {
    const name = `stand_${randomUUID().replaceAll('-', '')}`;
    const admin = new pg.Client({ connectionString: postgres.url });
    await admin.connect();
    await admin.query(`CREATE DATABASE ${name}`);
    await admin.end();
    const redis = options.queue === 'redis' ? await startRedis() : undefined;
    const logDir = await mkdtemp(join(tmpdir(), 'touchstone-log-'));
    const url = postgres.url.replace(/touchstone$/, name);
    const stand = new Stand(url, redis?.url, logDir, options.settings ?? {});
    stand.#closers.push(() => rm(logDir, { recursive: true, force: true }));
    if (redis !== undefined) stand.#closers.push(() => redis.stop());
    await stand.startLog();
    await stand.startCoordinator();
    return stand;
  }

  /** With another folder: another log of the same name and key. */
  async startLog(dir = this.logDir, settings: Settings = {}): Promise<void> {
    this.#log = await startLog({
      TILES_DIR: dir,
      LOG_ORIGIN,
      LOG_KEY: this.#logKey,
      LOG_LEVEL: 'silent',
      // The same port again, so that the coordinator finds it there.
      PORT: this.#log === undefined ? '0' : new URL(this.#log.url).port,
      ...settings,
    });
  }

  readonly origin = LOG_ORIGIN;

  async logSize(): Promise<{ size: number }> {
    return (await (await fetch(`${this.logUrl}/v1/log`)).json()) as { size: number };
  }

  /** Something of somebody's own in the log. */
  async addEntry(): Promise<void> {
    const key = generateKey('ecdsa-p256-sha256');
    const message = Buffer.from(randomUUID());
    const body = {
      hashedRekordRequestV002: {
        digest: createHash('sha256').update(message).digest('base64'),
        signature: {
          content: toBase64(key.sign(message)),
          verifier: {
            keyDetails: 'PKIX_ECDSA_P256_SHA_256',
            publicKey: { rawBytes: toBase64(key.publicKey.spki) },
          },
        },
      },
    };
    const headers = { 'content-type': 'application/json' };
    const options = { method: 'POST', headers, body: JSON.stringify(body) };
    const answer = await fetch(`${this.logUrl}/api/v2/log/entries`, options);
    if (answer.status !== 201) throw new Error(await answer.text());
  }

  async stopLog(): Promise<void> {
    await this.#log?.close();
  }

  async startCoordinator(settings: Settings = {}): Promise<Coordinator> {
    const coordinator = await startCoordinator(this.environment(settings), {
      now: this.clock.now,
    });
    this.#coordinators.push(coordinator);
    return coordinator;
  }

  environment(settings: Settings = {}): Record<string, string> {
    return {
      DATABASE_URL: this.databaseUrl,
      ...(this.redisUrl === undefined ? {} : { REDIS_URL: this.redisUrl }),
      LOG_URL: this.logUrl,
      PORT: '0',
      ADMIN_TOKEN,
      COORDINATOR_AUDIENCE: AUDIENCE,
      LEASE_SECONDS: '30',
      SWEEP_SECONDS: '0.2',
      RETRY_SECONDS: '0.01',
      LOG_LEVEL: process.env['TEST_LOG_LEVEL'] ?? 'silent',
      ...this.settings,
      ...settings,
    };
  }

  async stopCoordinators(): Promise<void> {
    const running = this.#coordinators;
    this.#coordinators = [];
    await Promise.all(running.map((coordinator) => coordinator.close()));
  }

  async stop(): Promise<void> {
    await this.stopCoordinators();
    await this.stopLog();
    for (const close of this.#closers) await close();
  }

  get url(): string {
    const url = this.#coordinators[0]?.url;
    if (url === undefined) throw new Error('no coordinator is running');
    return url;
  }

  get logUrl(): string {
    if (this.#log === undefined) throw new Error('no log was started');
    return this.#log.url;
  }

  /** A client that bears the admin token where one is asked for. */
  client(token: string = ADMIN_TOKEN): CoordinatorClient {
    return makeClient(coordinatorRoutes, {
      baseUrl: this.url,
      fetch: platformFetch,
      authorize: ({ auth }) => (auth === 'none' ? undefined : `Bearer ${token}`),
    });
  }

  /** Enrols a rebuilder with a fresh key. */
  async enrol(id: string, organisation = `Org ${id}`): Promise<TestRebuilder> {
    const rebuilder = makeRebuilder(id, organisation, () => this.url, this.clock.now);
    await this.client().enrol({ body: rebuilder.enrolment });
    return rebuilder;
  }

  /** Everything in the tables that a refusal must not touch, as one digest. */
  async state(): Promise<string> {
    const tables = 'publication rebuilder rebuild module_outcome attestation outbox upload';
    const rows = await Promise.all(
      tables.split(' ').map(async (table) => {
        const { rows } = await this.db.query<{ row: string }>(
          `SELECT t::text AS row FROM "${table}" t ORDER BY 1`,
        );
        return rows.map(({ row }) => row);
      }),
    );
    return createHash('sha256').update(JSON.stringify(rows)).digest('hex');
  }
}

/** Polls until `check` answers something, for at most `seconds`. */
export async function eventually<T>(
  check: () => Promise<T | undefined | false>,
  seconds = 30,
): Promise<T> {
  const end = Date.now() + seconds * 1000;
  for (;;) {
    const found = await check();
    if (found !== undefined && found !== false) return found;
    if (Date.now() > end) throw new Error(`not within ${seconds} s: ${check.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

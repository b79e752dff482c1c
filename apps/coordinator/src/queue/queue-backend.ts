import {
  createPostgresBackend,
  createRedisBackend,
  DEFAULT_SCHEMA,
  runMigrations,
  type BackendFactory,
  type IQueueBackend,
} from 'bullmq';
import { Redis } from 'ioredis';
import pg from 'pg';

/** Where BullMQ keeps its jobs. */
export interface QueueBackend {
  readonly name: 'postgres' | 'redis';
  /** Handed to every Queue and Worker. */
  readonly connection: unknown;
  readonly factory: BackendFactory<IQueueBackend, never>;
  /** Whether a command would be answered now; Redis commands wait for a lost connection. */
  up(): boolean;
  /** Makes the queue's tables if they are not there (any more). */
  prepare(): Promise<void>;
  /** Rejects when the backend cannot be reached. */
  ping(): Promise<void>;
  close(): Promise<void>;
}

/**
 * BullMQ on PostgreSQL, in the schema `bullmq`, all queues over one pool. Workers get no
 * connection of their own to listen on: we never block in BullMQ, and there is a worker per
 * rebuilder.
 */
export function postgresQueueBackend(url: string, onError: (error: Error) => void): QueueBackend {
  const pool = new pg.Pool({
    connectionString: url,
    max: 8,
    keepAlive: true,
    application_name: 'touchstone-queue',
    options: `-c search_path=${DEFAULT_SCHEMA}`,
  });
  // Every queue adds a listener of its own.
  pool.setMaxListeners(0);
  pool.on('error', onError);
  const factory: BackendFactory<IQueueBackend, never> = (name, options) =>
    createPostgresBackend(name, options);
  return {
    name: 'postgres',
    connection: pool,
    factory,
    up: () => true,
    async prepare() {
      const { rows } = await pool.query<{ there: boolean }>(
        'SELECT to_regclass($1) IS NOT NULL AS there',
        [`${DEFAULT_SCHEMA}.job`],
      );
      if (rows[0]?.there === true) return;
      const client = await pool.connect();
      try {
        await runMigrations(client);
      } finally {
        client.release();
      }
    },
    async ping() {
      await pool.query('SELECT 1');
    },
    close: () => pool.end(),
  };
}

/** BullMQ on Redis or Valkey through ioredis. */
export function redisQueueBackend(url: string, onError: (error: Error) => void): QueueBackend {
  const redis = new Redis(url.replace(/^unix:\/\//, ''), {
    // BullMQ asks for it: commands wait for the connection to come back.
    maxRetriesPerRequest: null,
  });
  redis.on('error', onError);
  const factory: BackendFactory<IQueueBackend, never> = (name, options) =>
    createRedisBackend(name, options);
  return {
    name: 'redis',
    connection: redis,
    factory,
    up: () => redis.status === 'ready',
    prepare: () => Promise.resolve(),
    async ping() {
      await redis.ping();
    },
    close() {
      redis.disconnect();
      return Promise.resolve();
    },
  };
}

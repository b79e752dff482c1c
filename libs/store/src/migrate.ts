import { createHash, randomUUID } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { StoreError } from './errors.js';

/** The migrations of this repository: prisma/migrations, three levels above this file's folder. */
export const MIGRATIONS_DIR = fileURLToPath(new URL('../../../prisma/migrations', import.meta.url));

/** Key of the advisory lock that `prisma migrate` takes too, so that the two exclude each other. */
const MIGRATION_LOCK = 72_707_369;

interface Migration {
  readonly name: string;
  readonly sql: string;
  /** Hex SHA-256 of the file's bytes, as Prisma records it. */
  readonly checksum: string;
}

interface Applied {
  readonly migration_name: string;
  readonly checksum: string;
  readonly finished_at: Date | null;
  readonly rolled_back_at: Date | null;
}

/**
 * Applies the migrations that a database lacks, in order of name, and records them in
 * `_prisma_migrations` as `prisma migrate deploy` does. Any number of processes may call this at
 * once: an advisory lock lets one of them work. Each migration and its record are one transaction,
 * so a failure leaves neither.
 *
 * @returns names of the migrations that this call applied
 * @throws StoreError `migration-changed` when a recorded migration has other text now,
 *   `migration-unknown` when the database is ahead of this program, `migration-failed`
 */
export async function migrate(url: string, dir: string = MIGRATIONS_DIR): Promise<string[]> {
  const migrations = await readMigrations(dir);
  const client = new pg.Client({ connectionString: url, application_name: 'touchstone-migrate' });
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1)', [MIGRATION_LOCK]);
    await client.query(CREATE_RECORD);
    const applied = await client.query<Applied>(
      `SELECT migration_name, checksum, finished_at, rolled_back_at
         FROM "_prisma_migrations" ORDER BY started_at, migration_name`,
    );
    const pending = pendingMigrations(migrations, applied.rows);
    for (const migration of pending) await apply(client, migration);
    return pending.map((migration) => migration.name);
  } finally {
    // The session's advisory lock goes with the connection.
    await client.end();
  }
}

async function readMigrations(dir: string): Promise<Migration[]> {
  const entries = await readdir(dir, { withFileTypes: true });
  const names = entries.filter((entry) => entry.isDirectory()).map((entry) => entry.name);
  return Promise.all(
    names.sort().map(async (name) => {
      const bytes = await readFile(join(dir, name, 'migration.sql'));
      const checksum = createHash('sha256').update(bytes).digest('hex');
      return { name, sql: bytes.toString('utf8'), checksum };
    }),
  );
}

function pendingMigrations(migrations: readonly Migration[], applied: readonly Applied[]) {
  const byName = new Map(migrations.map((migration) => [migration.name, migration]));
  const done = new Set<string>();
  for (const row of applied) {
    if (row.rolled_back_at !== null) continue;
    const migration = byName.get(row.migration_name);
    if (migration === undefined) {
      throw new StoreError(
        'migration-unknown',
        `the database has migration ${row.migration_name}, which this version does not know; run a newer version`,
      );
    }
    if (row.finished_at === null) {
      throw new StoreError(
        'migration-failed',
        `migration ${row.migration_name} was begun and not finished; resolve it by hand first`,
      );
    }
    if (row.checksum !== migration.checksum) {
      throw new StoreError(
        'migration-changed',
        `migration ${row.migration_name} was changed after it was applied; add a new migration instead`,
      );
    }
    done.add(row.migration_name);
  }
  return migrations.filter((migration) => !done.has(migration.name));
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  try {
    await client.query('BEGIN');
    const id = randomUUID();
    await client.query(
      `INSERT INTO "_prisma_migrations" (id, checksum, migration_name, started_at, applied_steps_count)
       VALUES ($1, $2, $3, clock_timestamp(), 0)`,
      [id, migration.checksum, migration.name],
    );
    await client.query(migration.sql);
    await client.query(
      `UPDATE "_prisma_migrations" SET finished_at = clock_timestamp(), applied_steps_count = 1
        WHERE id = $1`,
      [id],
    );
    await client.query('COMMIT');
  } catch (cause) {
    await client.query('ROLLBACK');
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError('migration-failed', `migration ${migration.name}: ${reason}`, { cause });
  }
}

/** The table as the Prisma CLI makes it. */
const CREATE_RECORD = `CREATE TABLE IF NOT EXISTS "_prisma_migrations" (
  "id"                  VARCHAR(36) PRIMARY KEY NOT NULL,
  "checksum"            VARCHAR(64) NOT NULL,
  "finished_at"         TIMESTAMPTZ,
  "migration_name"      VARCHAR(255) NOT NULL,
  "logs"                TEXT,
  "rolled_back_at"      TIMESTAMPTZ,
  "started_at"          TIMESTAMPTZ NOT NULL DEFAULT now(),
  "applied_steps_count" INTEGER NOT NULL DEFAULT 0
)`;

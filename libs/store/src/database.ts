import { PrismaPg } from '@prisma/adapter-pg';
import { PrismaClient, type Prisma } from './generated/client.js';

export type Database = PrismaClient;

/** What queries run on: the database itself, or a transaction that the caller holds open. */
export type Queries = Prisma.TransactionClient;

/** Opens a pool of at most `connections` connections. `$disconnect()` closes it. */
export function openDatabase(options: { url: string; connections?: number }): Database {
  const adapter = new PrismaPg({
    connectionString: options.url,
    max: options.connections ?? 10,
    application_name: 'touchstone',
  });
  return new PrismaClient({ adapter, log: [] });
}

/** Runs `work` in one transaction: all of it is committed when this resolves, or none of it. */
export function transaction<T>(db: Database, work: (queries: Queries) => Promise<T>): Promise<T> {
  return db.$transaction(work, { maxWait: 10_000, timeout: 20_000 });
}

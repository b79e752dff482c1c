import pg from 'pg';
import { StoreError } from './errors.js';

/** A leaf of a log as its index knows it. */
export interface StoredLeaf {
  readonly index: number;
  /** RFC 6962 leaf hash. */
  readonly hash: Uint8Array;
  /** Seconds of the Unix epoch at which the leaf was first indexed. */
  readonly integratedAt: number;
}

interface LeafRow {
  readonly position: string;
  readonly hash: Buffer;
  readonly integrated_at: string;
}

const LEAF = 'position, hash, integrated_at';

/**
 * The derived index of one log in PostgreSQL. One process writes, the one that holds the log's
 * folder; `size` is advanced in the same transaction as the rows below it are written, and only
 * from where it stood, so rows and size cannot part, and a second writer is refused.
 */
export class StoredLogIndex {
  readonly #pool: pg.Pool;
  readonly #logId: number;

  private constructor(pool: pg.Pool, logId: number) {
    this.#pool = pool;
    this.#logId = logId;
  }

  /** The index of the log with this origin, begun when there is none. */
  static async open(options: { url: string; origin: string }): Promise<StoredLogIndex> {
    const pool = new pg.Pool({
      connectionString: options.url,
      max: 4,
      application_name: 'touchstone-log',
    });
    // A connection that breaks while idle is replaced at the next query, which tells of it.
    pool.on('error', () => undefined);
    try {
      await pool.query('INSERT INTO log_index (origin) VALUES ($1) ON CONFLICT DO NOTHING', [
        options.origin,
      ]);
      const { rows } = await pool.query<{ id: number }>(
        'SELECT id FROM log_index WHERE origin = $1',
        [options.origin],
      );
      return new StoredLogIndex(pool, (rows[0] as { id: number }).id);
    } catch (error) {
      await pool.end();
      throw error;
    }
  }

  /** Leaves indexed: those below this index, all of them. */
  async size(): Promise<number> {
    const { rows } = await this.#pool.query<{ size: string }>(
      'SELECT size FROM log_index WHERE id = $1',
      [this.#logId],
    );
    return Number((rows[0] as { size: string }).size);
  }

  /**
   * Indexes the leaves from `first` on, all in one transaction or none.
   *
   * @throws StoreError `log-index-conflict` when another writer was here
   */
  async add(
    first: number,
    leaves: readonly { hash: Uint8Array; keys: readonly string[] }[],
    integratedAt: number,
  ): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      const { rowCount } = await client.query(
        'UPDATE log_index SET size = $3 WHERE id = $1 AND size = $2',
        [this.#logId, first, first + leaves.length],
      );
      if (rowCount !== 1) {
        throw new StoreError('log-index-conflict', `the index does not end at leaf ${first}`);
      }
      await client.query(
        `INSERT INTO log_leaf (log_id, position, hash, integrated_at)
         SELECT $1, $2 + n - 1, hash, $4 FROM unnest($3::bytea[]) WITH ORDINALITY AS t (hash, n)`,
        [this.#logId, first, leaves.map(({ hash }) => Buffer.from(hash)), integratedAt],
      );
      const keys = leaves.flatMap((leaf, i) => leaf.keys.map((key) => ({ key, at: first + i })));
      await client.query(
        `INSERT INTO log_key (log_id, key, position)
         SELECT $1, key, at FROM unnest($2::text[], $3::bigint[]) AS t (key, at)
         ON CONFLICT DO NOTHING`,
        [this.#logId, keys.map(({ key }) => key), keys.map(({ at }) => at)],
      );
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      // The connection goes with its transaction, whatever state it is in.
      client.release(true);
      throw error;
    }
  }

  /** The first leaf with each of these hashes. */
  async find(hashes: readonly Uint8Array[]): Promise<(StoredLeaf | undefined)[]> {
    const { rows } = await this.#pool.query<LeafRow>(
      `SELECT DISTINCT ON (hash) ${LEAF} FROM log_leaf
        WHERE log_id = $1 AND hash = ANY($2::bytea[]) ORDER BY hash, position`,
      [this.#logId, hashes.map((hash) => Buffer.from(hash))],
    );
    const found = new Map(rows.map((row) => [row.hash.toString('hex'), leafOf(row)]));
    return hashes.map((hash) => found.get(Buffer.from(hash).toString('hex')));
  }

  async at(index: number): Promise<StoredLeaf | undefined> {
    const { rows } = await this.#pool.query<LeafRow>(
      `SELECT ${LEAF} FROM log_leaf WHERE log_id = $1 AND position = $2`,
      [this.#logId, index],
    );
    return rows[0] && leafOf(rows[0]);
  }

  /** Leaves under any of these keys, from `from` on, in the log's order. */
  async search(keys: readonly string[], from: number, limit: number): Promise<StoredLeaf[]> {
    const { rows } = await this.#pool.query<LeafRow>(
      `SELECT ${LEAF} FROM log_leaf WHERE log_id = $1 AND position IN (
         SELECT position FROM log_key WHERE log_id = $1 AND key = ANY($2::text[]) AND position >= $3
       ) ORDER BY position LIMIT $4`,
      [this.#logId, keys, from, limit],
    );
    return rows.map(leafOf);
  }

  /** Forgets everything; the log it was made of is another one now. */
  async clear(): Promise<void> {
    const client = await this.#pool.connect();
    try {
      await client.query('BEGIN');
      await client.query('DELETE FROM log_key WHERE log_id = $1', [this.#logId]);
      await client.query('DELETE FROM log_leaf WHERE log_id = $1', [this.#logId]);
      await client.query('UPDATE log_index SET size = 0 WHERE id = $1', [this.#logId]);
      await client.query('COMMIT');
      client.release();
    } catch (error) {
      client.release(true);
      throw error;
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

function leafOf({ position, hash, integrated_at: integratedAt }: LeafRow): StoredLeaf {
  return {
    index: Number(position),
    hash: new Uint8Array(hash),
    integratedAt: Number(integratedAt),
  };
}

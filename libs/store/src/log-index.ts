import pg from 'pg';
import { StoreError } from './errors.js';

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
        `INSERT INTO log_leaf (log_id, position, hash)
         SELECT $1, $2 + n - 1, hash FROM unnest($3::bytea[]) WITH ORDINALITY AS t (hash, n)`,
        [this.#logId, first, leaves.map(({ hash }) => Buffer.from(hash))],
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

  /** Index of the first leaf with each of these hashes. */
  async find(hashes: readonly Uint8Array[]): Promise<(number | undefined)[]> {
    const { rows } = await this.#pool.query<{ hash: Buffer; position: string }>(
      `SELECT hash, min(position) AS position FROM log_leaf
        WHERE log_id = $1 AND hash = ANY($2::bytea[]) GROUP BY hash`,
      [this.#logId, hashes.map((hash) => Buffer.from(hash))],
    );
    const found = new Map(rows.map((row) => [row.hash.toString('hex'), Number(row.position)]));
    return hashes.map((hash) => found.get(Buffer.from(hash).toString('hex')));
  }

  /** Hash of the last leaf indexed. */
  async last(): Promise<Uint8Array | undefined> {
    const { rows } = await this.#pool.query<{ hash: Buffer }>(
      `SELECT hash FROM log_leaf JOIN log_index ON id = log_id
        WHERE log_id = $1 AND position = size - 1`,
      [this.#logId],
    );
    return rows[0] && new Uint8Array(rows[0].hash);
  }

  /** Indices of leaves under any of these keys, from `from` on, ascending. */
  async search(keys: readonly string[], from: number, limit: number): Promise<number[]> {
    const { rows } = await this.#pool.query<{ position: string }>(
      `SELECT DISTINCT position FROM log_key
        WHERE log_id = $1 AND key = ANY($2::text[]) AND position >= $3
        ORDER BY position LIMIT $4`,
      [this.#logId, keys, from, limit],
    );
    return rows.map(({ position }) => Number(position));
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

import { spawn } from 'node:child_process';
import { chmod, mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { startEmbeddedPostgres } from './embedded.js';

let parent: string;

beforeAll(async () => {
  parent = await mkdtemp(join(tmpdir(), 'touchstone-embedded-'));
});

afterAll(async () => {
  await rm(parent, { recursive: true, force: true });
});

async function query(url: string, sql: string): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rows } = await client.query<Record<string, unknown>>(sql);
    return rows;
  } finally {
    await client.end();
  }
}

describe('startEmbeddedPostgres', { timeout: 120_000 }, () => {
  it('keeps its data and its password from one run to the next, in a closed folder too', async () => {
    await chmod(parent, 0o700);
    const dir = join(parent, 'kept');
    const first = await startEmbeddedPostgres({ dir });
    await query(first.url, 'CREATE TABLE kept AS SELECT 42 AS answer');
    expect((await stat(join(dir, 'password'))).mode & 0o777).toBe(0o600);
    await expect(startEmbeddedPostgres({ dir })).rejects.toMatchObject({ code: 'database-busy' });
    await first.stop();
    await first.stop();
    const second = await startEmbeddedPostgres({ dir });
    expect(await query(second.url, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
    await expect(query(second.url.replace(/:[^:@]+@/, ':wrong@'), 'SELECT 1')).rejects.toThrow();
    await second.stop();
  });

  it('is gone when the process that started it was killed', async () => {
    const dir = join(parent, 'killed');
    // Initialised here, so that the process below has little to do.
    await (await startEmbeddedPostgres({ dir })).stop();
    const script = `
      const { createServer } = await import('vite');
      const server = { middlewareMode: true, watch: null, hmr: false, ws: false };
      const vite = await createServer({ configFile: false, appType: 'custom', logLevel: 'silent', server });
      const module = await vite.ssrLoadModule(process.argv[1]);
      const { url } = await module.startEmbeddedPostgres({ dir: process.argv[2] });
      console.log(url);
      setInterval(() => undefined, 1000);`;
    const source = join(import.meta.dirname, 'embedded.ts');
    const child = spawn(process.execPath, ['--input-type=module', '--eval', script, source, dir], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const url = await new Promise<string>((resolve) => {
      child.stdout.setEncoding('utf8').once('data', (text: string) => resolve(text.trim()));
    });
    expect(await query(url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
    child.kill('SIGKILL');
    for (;;) {
      const alive = await query(url, 'SELECT 1').then(
        () => true,
        () => false,
      );
      if (!alive) break;
    }
    // And the folder is free again.
    await (await startAgain(dir)).stop();
  });
});

/** The port closes a moment before the lock file is removed. */
async function startAgain(dir: string) {
  for (;;) {
    try {
      return await startEmbeddedPostgres({ dir });
    } catch (error) {
      if ((error as { code?: string }).code !== 'database-busy') throw error;
    }
  }
}

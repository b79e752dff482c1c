import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { EnvironmentError, readEnvironment } from './environment.js';

const good = {
  DATABASE_URL: 'postgresql://localhost/touchstone',
  LOG_URL: 'http://127.0.0.1:7401',
  ADMIN_TOKEN: 'sixteen characters',
};

describe('readEnvironment', () => {
  it('fills in what is not given, and takes an empty variable for an absent one', () => {
    expect(readEnvironment({ ...good, REDIS_URL: '', PATH: '/bin' })).toEqual({
      ...good,
      HOST: '127.0.0.1',
      PORT: 7400,
      LEASE_SECONDS: 60,
      SWEEP_SECONDS: 5,
      RETRY_SECONDS: 1,
      RETRY_MAX_SECONDS: 600,
      POLICY_QUORUM: 2,
      POLICY_ACCEPT_EQUIVALENT: false,
      DATABASE_CONNECTIONS: 10,
      LOG_LEVEL: 'info',
    });
  });

  it.each([
    ['a missing variable', { ...good, LOG_URL: undefined }, /^LOG_URL must be set$/],
    ['all that is wrong', { PORT: 'x' }, /DATABASE_URL[^]*LOG_URL[^]*PORT[^]*ADMIN_TOKEN/],
    ['a short secret', { ...good, ADMIN_TOKEN: 'short' }, /^ADMIN_TOKEN: .*16/],
    ['a database of another kind', { ...good, DATABASE_URL: 'mysql://x' }, /^DATABASE_URL: /],
    ['a file that is not there', { ...good, SUBMIT_TOKEN_FILE: '/nowhere' }, /^SUBMIT_TOKEN_FILE/],
    ['a secret given twice', { ...good, ADMIN_TOKEN_FILE: '/nowhere' }, /both set/],
  ])('names %s, and no secret', (_, variables, message) => {
    expect(() => readEnvironment(variables)).toThrow(EnvironmentError);
    expect(() => readEnvironment(variables)).toThrow(message);
  });

  it('reads secrets from files', async () => {
    const dir = await mkdtemp(join(tmpdir(), 'touchstone-environment-'));
    const file = join(dir, 'token');
    await writeFile(file, 'a secret in a file\n');
    const { ADMIN_TOKEN: _, ...rest } = good;
    const environment = readEnvironment({ ...rest, ADMIN_TOKEN_FILE: file });
    await rm(dir, { recursive: true });
    expect(environment.ADMIN_TOKEN).toBe('a secret in a file');
  });
});

import { homedir } from 'node:os';
import { dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { readEnvironment } from './environment.js';

const variables = {
  COORDINATOR_URL: 'https://coordinator.example/',
  REBUILDER_ID: 'acme-1',
  REBUILDER_KEY_FILE: '/etc/touchstone/rebuilder.pem',
  CACHE_DIR: '/var/lib/touchstone/cache',
  WORK_DIR: '/var/lib/touchstone/work',
};

describe('readEnvironment', () => {
  it('fills in what is not given', () => {
    expect(readEnvironment(variables)).toEqual({
      coordinatorUrl: 'https://coordinator.example/',
      audience: 'https://coordinator.example',
      rebuilderId: 'acme-1',
      key: { file: '/etc/touchstone/rebuilder.pem' },
      ...{ vary: 'when-different', varySeconds: 900 },
      cacheDir: '/var/lib/touchstone/cache',
      workDir: '/var/lib/touchstone/work',
      sandbox: 'auto',
      buildSeconds: 1800,
      allowPrivateRegistries: false,
      logLevel: 'info',
    });
  });

  it('names all that is not set, the empty ones too', () => {
    expect(() => readEnvironment({ ...variables, CACHE_DIR: '', REBUILDER_ID: undefined })).toThrow(
      'REBUILDER_ID must be set\nCACHE_DIR must be set',
    );
  });

  it.each<[string, Record<string, string>, string]>([
    ['a coordinator that is no URL', { COORDINATOR_URL: 'coordinator' }, 'COORDINATOR_URL'],
    ['a file as coordinator', { COORDINATOR_URL: 'file:///etc/passwd' }, 'COORDINATOR_URL'],
    ['a sandbox that is none', { SANDBOX: 'chroot' }, 'SANDBOX'],
    ['no time to build', { BUILD_SECONDS: '0' }, 'BUILD_SECONDS'],
    ['a flag that is none', { ALLOW_PRIVATE_REGISTRIES: 'perhaps' }, 'ALLOW_PRIVATE_REGISTRIES'],
    ['two keys', { REBUILDER_KEY: 'pem' }, 'REBUILDER_KEY'],
    ['the root as work folder', { WORK_DIR: '/' }, 'WORK_DIR'],
    ['a work folder with the cache in it', { WORK_DIR: '/var/lib/touchstone' }, 'WORK_DIR'],
    ['the cache as work folder', { WORK_DIR: '/var/lib/touchstone/cache/' }, 'WORK_DIR'],
    ['a work folder with the key in it', { WORK_DIR: '/etc/touchstone' }, 'WORK_DIR'],
    ['the home as work folder', { WORK_DIR: homedir() }, 'WORK_DIR'],
    ['a work folder with the home in it', { WORK_DIR: dirname(homedir()) }, 'WORK_DIR'],
    ['this folder as work folder', { WORK_DIR: '.' }, 'WORK_DIR'],
  ])('refuses %s, naming the variable', (_, change, name) => {
    expect(() => readEnvironment({ ...variables, ...change })).toThrow(name);
  });

  it('refuses to go without a key, and says how to make one', () => {
    const { REBUILDER_KEY_FILE: _, ...rest } = variables;
    expect(() => readEnvironment(rest)).toThrow('touchstone keygen');
  });
});

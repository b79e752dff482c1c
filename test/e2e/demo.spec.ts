import { execFile } from 'node:child_process';
import { mkdtemp, rm, symlink, mkdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compile, ROOT } from '@touchstone/kit';
import { afterAll, beforeAll, expect, it } from 'vitest';

let dir: string;

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'demo-'));
  // Tarballs and toolchains by digest: what other tests fetched need not be fetched again.
  await mkdir(join(ROOT, '.touchstone/cache'), { recursive: true });
  await symlink(join(ROOT, '.touchstone/cache'), join(dir, 'cache'));
});

afterAll(() => rm(dir, { recursive: true, force: true }));

it('rebuilds, logs, decides, verifies offline, and refuses four forgeries', async () => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [join(ROOT, 'apps/cli/bin/touchstone.js'), 'demo', '--data', dir, '--json'],
    { cwd: ROOT, maxBuffer: 64 * 1024 * 1024 },
  );
  const result = JSON.parse(stdout) as Record<string, unknown>;
  expect(result).toMatchObject({
    ok: true,
    offlineProven: true,
    publications: [
      { name: 'keyframe-resample-0.1.0', verdict: 'reproduced' },
      {
        name: 'keyframe-resample-0.1.0-tampered',
        verdict: 'different',
        difference: {
          ...{ sections: ['code'], functions: [{ ranges: [{ length: 1 }] }] },
          // The worker built again when bytes differed, with the circumstances varied.
          deterministic: true,
        },
      },
      { name: 'siphash24-1.3.1', verdict: 'reproduced' },
      { name: 'blake2b-wasm-2.4.0', verdict: 'reproduced' },
      { name: 'hash-wasm-4.13.0', verdict: 'reproduced' },
    ],
    attacks: [
      { target: 'artifact', exitCode: 1, code: 'artifact-mismatch' },
      { target: 'statement', exitCode: 1, code: 'dsse-signature' },
      { target: 'proof', exitCode: 1, code: 'inclusion-proof' },
      { target: 'checkpoint', exitCode: 1, code: 'checkpoint-signature' },
    ],
  });
});

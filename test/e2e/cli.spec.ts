import { execFile, spawn } from 'node:child_process';
import { createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { compile, freePort, ROOT } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const GOLDEN = join(ROOT, 'libs/attest/src/testdata/golden');
const MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

interface Run {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function execute(file: string, args: readonly string[]): Promise<Run> {
  return new Promise((resolve) => {
    execFile(
      file,
      args,
      { cwd: ROOT, env: { ...process.env, NO_COLOR: '1' } },
      (error, out, err) => {
        resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err });
      },
    );
  });
}

function touchstone(...args: string[]): Promise<Run> {
  return execute(process.execPath, [join(ROOT, 'apps/cli/bin/touchstone.js'), ...args]);
}

let dir: string;

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'cli-'));
});

afterAll(() => rm(dir, { recursive: true }));

describe('help', () => {
  it('names every command, the exit codes and an example', async () => {
    const { code, out } = await touchstone('--help');
    expect(code).toBe(0);
    expect(out).toContain('Exit codes');
    for (const command of ['up', 'demo', 'keygen', 'submit', 'status', 'evidence', 'verify']) {
      expect(out).toContain(`  ${command} `);
    }
  });

  it.each([
    ...['up', 'demo', 'keygen', 'enrol', 'submit', 'status', 'evidence', 'verify', 'rebuild'],
    ...[
      'diff',
      'rebuilder list',
      'rebuilder rotate',
      'rebuilder withdraw',
      'rebuilder retry',
      'log checkpoint',
      'log proof',
      'log fsck',
      'search',
      'monitor',
    ],
  ])('of %s has an example and --json', async (command) => {
    const { code, out } = await touchstone(...command.split(' '), '--help');
    expect(code).toBe(0);
    expect(out).toContain('Example');
    expect(out).toContain('--json');
  });
});

describe('npm run demo', () => {
  it('puts nothing on standard output but what the command does', async () => {
    const { code, out } = await execute('npm', ['run', 'demo', '--', '--help']);
    expect(code).toBe(0);
    expect(out).toMatch(/^Usage: touchstone demo/);
  });
});

describe('usage', () => {
  it.each([
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['status', '--frobnicate']],
    ['a missing option', ['keygen']],
    ['a malformed id', ['evidence', 'xyz']],
    ['an index that is none', ['log', 'proof', 'first']],
  ])('%s exits with 2', async (_, args) => {
    const { code, out } = await touchstone(...args);
    expect(code).toBe(2);
    expect(out).toBe('');
  });

  it('what cannot be reached exits with 3 and says which URL', async () => {
    const { code, err } = await touchstone('status', '--coordinator', 'http://127.0.0.1:9');
    expect(code).toBe(3);
    expect(err).toContain('http://127.0.0.1:9/v1/artifacts');
  });

  it('reports an error as one JSON document with --json', async () => {
    const { code, out } = await touchstone('rebuild', join(dir, 'none.json'), '--json');
    expect(code).toBe(3);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'file-unreadable' } });
  });

  it('a recipe with an unknown field exits with 2 and names the field', async () => {
    const recipe = JSON.parse(
      await readFile(join(ROOT, 'apps/cli/recipes/siphash24-1.3.1.json'), 'utf8'),
    ) as Record<string, unknown>;
    const file = join(dir, 'unknown-field.json');
    await writeFile(file, JSON.stringify({ ...recipe, shell: 'rm -rf /' }));
    const { code, err } = await touchstone('rebuild', file);
    expect(code).toBe(2);
    expect(err).toContain('recipe-malformed');
    expect(err).toContain('shell');
  });
});

describe('up', () => {
  it('starts nothing where somebody listens already, and says what to do', async () => {
    const taken = createServer();
    await new Promise<void>((done) => taken.listen(0, '127.0.0.1', done));
    const { port } = taken.address() as { port: number };
    const data = join(dir, 'up');
    try {
      const names = ['--coordinator-port', '--log-port'];
      for (const [option, other] of [names, names.toReversed()] as [string, string][]) {
        const ports = [option, String(port), other, String(await freePort())];
        const { code, err } = await touchstone('up', '--data', data, ...ports);
        const told = expect.stringMatching(`port-in-use: .*:${port} .*${option}`) as unknown;
        expect([code, err]).toEqual([3, told]);
      }
    } finally {
      taken.close();
    }
    const both = ['--coordinator-port', String(port), '--log-port', String(port)];
    expect((await touchstone('up', '--data', data, ...both)).code).toBe(2);
    await expect(stat(data)).rejects.toThrow();
  });
});

describe('keygen', () => {
  it('writes a key that only its owner can read, and never over another', async () => {
    const file = join(dir, 'key.pem');
    const first = await touchstone('keygen', '--out', file, '--name', 'example.org/log', '--json');
    expect(first.code).toBe(0);
    const made = JSON.parse(first.out) as { keyId: string; verifierKey: string };
    expect(made.keyId).toMatch(/^[0-9a-f]{64}$/);
    expect(made.verifierKey).toMatch(/^example\.org\/log\+[0-9a-f]{8}\+/);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const before = await readFile(file, 'utf8');
    expect(first.out + first.err).not.toContain(before.split('\n')[1]);
    const second = await touchstone('keygen', '--out', file);
    expect(second.code).toBe(2);
    expect(await readFile(file, 'utf8')).toBe(before);
  });

  it('makes the folder, and writes the public half as PEM where it is told to', async () => {
    const [file, pub] = [join(dir, 'keys/new.pem'), join(dir, 'new.pub.pem')];
    const { code, out } = await touchstone('keygen', '--out', file, '--public-out', pub, '--json');
    expect(code).toBe(0);
    const { spki } = JSON.parse(out) as { spki: string };
    const written = createPublicKey(await readFile(pub)).export({ type: 'spki', format: 'der' });
    expect(written.toString('base64')).toBe(spki);
    expect((await stat(join(dir, 'keys'))).mode & 0o777).toBe(0o700);
  });
});

describe('verify', () => {
  it('accepts the golden evidence and lists the steps', async () => {
    const { code, out } = await touchstone(
      ...['verify', `${GOLDEN}.evidence.json`, '--trust-root', `${GOLDEN}.trust-root.json`],
      '--json',
    );
    expect(code).toBe(0);
    const result = JSON.parse(out) as { verdict: string; steps: { name: string }[] };
    expect(result.verdict).toBe('reproduced');
    // Nothing was presented, so nothing may be said to have been looked at.
    expect(result.steps.at(-1)?.name).toBe('verdict');
  });

  it('says what the verdict is about', async () => {
    const { out } = await touchstone(
      ...['verify', `${GOLDEN}.evidence.json`, '--trust-root', `${GOLDEN}.trust-root.json`],
    );
    expect(out).toContain('pkg:npm/%40scope/pebble@1.2.3  sha512:');
    expect(out).toContain('recipe sha256:4c3c9d83b1a8');
    expect(out).toContain(`  sha256:${'aa'.repeat(32)}, 8 bytes`);
  });

  it('refuses a trust root that two readers would read in two ways', async () => {
    const file = join(dir, 'twofold.json');
    const text = await readFile(`${GOLDEN}.trust-root.json`, 'utf8');
    await writeFile(file, text.replace('"policy":', '"policy": { "quorum": 3 },\n  "policy":'));
    const { code, out } = await touchstone(
      ...['verify', `${GOLDEN}.evidence.json`, '--trust-root', file, '--json'],
    );
    expect(code).toBe(2);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'file-malformed' } });
  });

  it('refuses an artifact that the evidence does not speak of', async () => {
    const file = join(dir, 'other.wasm');
    await writeFile(file, MODULE);
    const { code, out } = await touchstone(
      ...['verify', `${GOLDEN}.evidence.json`, '--trust-root', `${GOLDEN}.trust-root.json`],
      ...['--artifact', file, '--json'],
    );
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ error: { code: 'artifact-mismatch' } });
  });

  it('refuses a checkpoint without the witnesses that are asked for', async () => {
    const golden = [`${GOLDEN}.evidence.json`, '--trust-root', `${GOLDEN}.trust-root.json`];
    const file = join(dir, 'policy');
    const key = 'south.example+ce15922a+BBl/ayPhbIUyxqvIOPrNXqeJvgx2spIDNAOb+os9No1h';
    for (const [policy, code, exit] of [
      [`witness south ${key}\nquorum south\n`, /^checkpoint-unwitnessed$/, 1],
      ['quorum nobody\n', /^policy-malformed$/, 2],
      ['quorum none\n', undefined, 0],
    ] as const) {
      await writeFile(file, policy);
      const run = await touchstone('verify', ...golden, '--witness-policy', file, '--json');
      const { error } = JSON.parse(run.out) as { error?: { code: string } };
      if (code) expect(error?.code).toMatch(code);
      expect(run.code).toBe(exit);
    }
  });

  it('refuses evidence that is no JSON', async () => {
    const file = join(dir, 'garbage.json');
    await writeFile(file, '{');
    const { code, err } = await touchstone(
      ...['verify', file, '--trust-root', `${GOLDEN}.trust-root.json`],
    );
    expect(code).toBe(1);
    expect(err).toContain('evidence-malformed');
  });
});

describe('standard output', () => {
  const one = (): string => join(dir, 'one.wasm');
  const other = (): string => join(dir, 'other.wasm');
  const args = (): string[] => [join(ROOT, 'apps/cli/bin/touchstone.js'), 'diff', one(), other()];

  beforeAll(async () => {
    await writeFile(one(), MODULE);
    await writeFile(other(), Uint8Array.of(...MODULE, 0, 2, 1, 0x61));
  });

  it('may have no reader left: the exit code is what was found all the same', async () => {
    const child = spawn(process.execPath, args(), { stdio: ['ignore', 'pipe', 'pipe'] });
    child.stdout.destroy();
    child.stderr.destroy();
    expect(await once(child, 'exit')).toEqual([1, null]);
  });

  it('that cannot be written is told, and neither true nor false', async () => {
    const full = await open('/dev/full', 'w');
    const child = spawn(process.execPath, args(), { stdio: ['ignore', full.fd, 'pipe'] });
    let err = '';
    child.stderr?.on('data', (chunk: Buffer) => (err += chunk.toString()));
    const [code] = (await once(child, 'close')) as [number];
    await full.close();
    expect([code, err]).toEqual([3, expect.stringContaining('output-lost')]);
  });
});

describe('diff', () => {
  it('exits with 0 on equal modules and 1 on others, naming the section', async () => {
    const [a, b] = [join(dir, 'a.wasm'), join(dir, 'b.wasm')];
    await writeFile(a, MODULE);
    await writeFile(b, Uint8Array.of(...MODULE, 0, 2, 1, 0x6e));
    expect((await touchstone('diff', a, a)).code).toBe(0);
    const { code, out } = await touchstone('diff', a, b);
    expect(code).toBe(1);
    expect(out).toContain('custom');
  });
});

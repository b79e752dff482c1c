import { execFile } from 'node:child_process';
import { chmod, mkdtemp, mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { BlobStore } from '../source/blob-store.js';
import { NpmSource } from '../source/npm-source.js';
import { readRegistryConfig } from '../source/registry-config.js';
import type { SandboxResult } from './executor.js';
import { BubblewrapSandbox } from './bubblewrap.js';
import { BUILD_ENVIRONMENT, type SandboxLimits } from './sandbox-limits.js';
import { readToolchainLock } from '../toolchain/lock-folders.js';
import { assembleToolchain } from '../toolchain/toolchain.js';
import { removeTree } from '../toolchain/tree.js';
import { readOutput } from '../workspace.js';

// Kept between runs: the toolchain's Node is a large download.
const CACHE = fileURLToPath(new URL('../../../../.touchstone/cache', import.meta.url));
const MiB = 1024 * 1024;

let root = '';
let sandbox: BubblewrapSandbox;
let folder = '';
let workspace = '';
let canary = '';
let server: Server;
let port = 0;

beforeAll(async () => {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  const lock = await readToolchainLock({ name: 'wabt', version: '1.0.12' });
  ({ root } = await assembleToolchain(lock, source, CACHE));
  sandbox = await BubblewrapSandbox.open();
  server = createServer((socket) => socket.end('reached'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  canary = await mkdtemp(join(tmpdir(), 'canary-'));
  await writeFile(join(canary, 'wasm-opt'), '#!/bin/sh\n');
  await chmod(join(canary, 'wasm-opt'), 0o755);
}, 300_000);
afterAll(async () => {
  await new Promise((done) => server.close(done));
  await rm(canary, { recursive: true });
});

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sandbox-'));
  workspace = join(folder, 'work');
  await mkdir(join(workspace, 'package'), { recursive: true });
});
afterEach(async () => {
  await removeTree(folder);
});

function run(
  script: string,
  limits: Partial<SandboxLimits> = {},
  signal?: AbortSignal,
): Promise<SandboxResult> {
  return sandbox.run({
    root,
    workspace,
    directory: 'package',
    argv: ['/bin/node', '--input-type=module', '-e', script],
    environment: BUILD_ENVIRONMENT,
    limits: { wallMilliseconds: 60_000, ...limits },
    ...(signal === undefined ? {} : { signal }),
  });
}

async function print(expression: string): Promise<unknown> {
  const imports = `import fs from 'node:fs'; import os from 'node:os';`;
  const { stdout } = await run(`${imports} console.log(JSON.stringify(${expression}))`);
  return JSON.parse(stdout);
}

const attempt = (expression: string): string =>
  `(() => { try { return ${expression}; } catch (error) { return error.code; } })()`;

describe('BubblewrapSandbox: what a build sees', () => {
  it('has nothing of the environment but what is given', async () => {
    process.env['CANARY'] = 'seen';
    const seen = (await print('process.env')) as Record<string, string>;
    delete process.env['CANARY'];
    // bubblewrap itself sets PWD to where it starts.
    expect(seen).toEqual({ ...BUILD_ENVIRONMENT, PWD: '/work/package' });
  });

  it('has its own user, host name, time zone and processes', async () => {
    const seen = await print(
      `[process.getuid(), os.hostname(), Intl.DateTimeFormat().resolvedOptions().timeZone,
        fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
        process.cwd(), os.networkInterfaces()]`,
    );
    const [uid, host, zone, processes, cwd, interfaces] = seen as unknown[];
    expect([uid, host, zone, processes, cwd]).toEqual([
      1000,
      'touchstone',
      'UTC',
      2,
      '/work/package',
    ]);
    expect(Object.keys(interfaces as object).filter((name) => name !== 'lo')).toEqual([]);
  });

  it('sees the toolchain and no file of the host', async () => {
    const seen = await print(
      `[fs.readdirSync('/'), ${attempt(`fs.readdirSync(${JSON.stringify(homedir())})`)},
        ${attempt(`fs.readdirSync('/etc')`)}, ${attempt(`fs.readFileSync('/proc/1/environ')`)}]`,
    );
    const [top, home, etc, environ] = seen as [string[], string, string, unknown];
    expect(top.sort()).toEqual(['bin', 'dev', 'lib', 'lib64', 'proc', 'tmp', 'toolchain', 'work']);
    expect([home, etc]).toEqual(['ENOENT', 'ENOENT']);
    expect(JSON.stringify(environ)).not.toContain('CANARY');
  });

  it("does not find a wasm-opt that lies on the host's PATH", async () => {
    const before = process.env['PATH'];
    process.env['PATH'] = `${canary}:${before ?? ''}`;
    const { stdout: onHost } = await promisify(execFile)('wasm-opt');
    const result = await run(
      `import { spawnSync } from 'node:child_process';
       console.log(spawnSync('wasm-opt').error?.code, spawnSync('${canary}/wasm-opt').error?.code)`,
    );
    process.env['PATH'] = before;
    expect(onHost).toBe('');
    expect(result.stdout).toBe('ENOENT ENOENT\n');
  });

  it('is refused the network', async () => {
    const { stdout } = await run(
      `import { connect } from 'node:net'; import { lookup } from 'node:dns';
       connect(${port}, '127.0.0.1').on('error', (error) => console.log(error.code))
         .on('connect', () => console.log('reached'));
       connect(443, '1.1.1.1').on('error', (error) => console.log(error.code));
       lookup('registry.npmjs.org', (error) => console.log(error?.code));`,
    );
    const [...answers] = stdout.trim().split('\n').sort();
    expect(answers).toEqual(['EAI_AGAIN', 'ECONNREFUSED', 'ENETUNREACH']);
  });

  it.each([
    ['the root', '/x'],
    ['the toolchain', '/toolchain/drivers/run.mjs'],
    ['the interpreter', '/bin/node'],
    ['devices', '/dev/x'],
    ['kernel settings', '/proc/sys/kernel/hostname'],
  ])('cannot write to %s', async (_, path) => {
    const code = await print(
      attempt(`fs.writeFileSync(${JSON.stringify(path)}, 'x') ?? 'written'`),
    );
    expect(['EROFS', 'EACCES', 'EPERM']).toContain(code);
  });

  it('writes to its workspace and to /tmp, which is new each time', async () => {
    await run(
      `import fs from 'node:fs'; fs.writeFileSync('/tmp/x', ''); fs.writeFileSync('o', 'built')`,
    );
    expect(await print(`fs.readdirSync('/tmp')`)).toEqual([]);
    expect(Buffer.from(await readOutput(join(workspace, 'package'), 'o')).toString()).toBe('built');
  });

  it('inherits no open file but the three', async () => {
    const seen = await print(
      `fs.readdirSync('/proc/self/fd').map((fd) => ${attempt(`fs.readlinkSync('/proc/self/fd/' + fd)`)})`,
    );
    const names = seen as string[];
    // Node's own are anonymous, and the directory that is being read is open too.
    const files = names.filter((name) => name.startsWith('/') && name !== '/dev/null');
    expect(files.filter((name) => !/^\/proc\/\d+\/fd$/.test(name))).toEqual([]);
    expect(names.filter((name) => name.startsWith('socket:'))).toHaveLength(3);
  });

  it('gains no privileges and no namespaces', async () => {
    const status = (await print(`fs.readFileSync('/proc/self/status', 'utf8')`)) as string;
    expect(status).toMatch(/^CapEff:\s+0+$/m);
    expect(status).toMatch(/^CapBnd:\s+0+$/m);
    expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
  });
});

describe('BubblewrapSandbox: what a build may use', () => {
  const spin = 'for (;;);';
  it.each<[string, string, string, Partial<SandboxLimits>]>([
    ['fails', 'build-exit', `console.error('broken'); process.exit(3)`, {}],
    ['runs too long', 'build-timeout', spin, { wallMilliseconds: 400 }],
    ['computes too long', 'build-timeout', spin, { cpuSeconds: 1 }],
    [
      'ignores signals',
      'build-timeout',
      `for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => {}); setInterval(() => {}, 9)`,
      { wallMilliseconds: 400 },
    ],
    [
      'takes memory',
      'build-memory',
      `const all = []; for (;;) { all.push(Buffer.alloc(8 << 20, 1)); await new Promise((go) => setTimeout(go, 5)); }`,
      { memoryBytes: 256 * MiB },
    ],
    [
      'takes memory in many processes',
      'build-memory',
      `import { spawn } from 'node:child_process';
       for (let i = 0; i < 4; i++) spawn('/bin/node', ['-e', 'b = Buffer.alloc(90 << 20, 1); setInterval(() => b, 9)']);`,
      { memoryBytes: 256 * MiB },
    ],
    [
      'forks without end',
      'build-processes',
      `import { spawn } from 'node:child_process'; import fs from 'node:fs';
       fs.writeFileSync('fork.cjs', "const go = () => { try { require('child_process').spawn('/bin/node', ['/work/package/fork.cjs'], { detached: true }).on('error', () => {}) } catch {} }; go(); setInterval(go, 5)");
       spawn('/bin/node', ['fork.cjs'], { detached: true }).unref(); setInterval(() => {}, 9);`,
      { tasks: 60 },
    ],
    [
      'fills the disk with one file',
      'build-disk',
      `import fs from 'node:fs'; const f = fs.openSync('big', 'w'); for (;;) fs.writeSync(f, Buffer.alloc(1 << 20));`,
      { fileBytes: 8 * MiB },
    ],
    [
      'fills the disk with many files',
      'build-disk',
      `import fs from 'node:fs'; for (let i = 0; ; i++) fs.writeFileSync('f' + i, Buffer.alloc(1 << 20, 1));`,
      { workspaceBytes: 32 * MiB },
    ],
    [
      'makes too many files',
      'build-disk',
      `import fs from 'node:fs'; for (let i = 0; ; i++) fs.writeFileSync('f' + i, '');`,
      { workspaceEntries: 500 },
    ],
    [
      'nests folders past the longest path',
      'build-disk',
      `import fs from 'node:fs'; for (let i = 0; i < 600; i++) { fs.mkdirSync('directory'); process.chdir('directory'); }`,
      {},
    ],
    [
      'prints without end',
      'build-output-flood',
      `const line = 'x'.repeat(1 << 16); const go = () => process.stdout.write(line, go); go(); go();`,
      { outputBytes: 4 * MiB },
    ],
  ])(
    'ends a build that %s with %s',
    async (_, code, script, limits) => {
      await expect(run(script, limits)).rejects.toMatchObject({ code });
      expect(await processesOf(workspace)).toEqual([]);
    },
    90_000,
  );

  it('fills /tmp no further than its size', async () => {
    const { stdout } = await run(
      `import fs from 'node:fs'; const f = fs.openSync('/tmp/big', 'w');
       try { for (;;) fs.writeSync(f, Buffer.alloc(1 << 20)); } catch (error) { console.log(error.code); }`,
      { temporaryBytes: 4 * MiB },
    );
    expect(stdout).toBe('ENOSPC\n');
  });

  it('says how the command failed, with the end of what it printed', async () => {
    const broken = run(`console.error('line 7: broken'); process.exit(3)`);
    await expect(broken).rejects.toThrow(/exit code 3: line 7: broken/);
  });

  it('kills what a build leaves running', async () => {
    await run(
      `import { spawn } from 'node:child_process';
       spawn('/bin/node', ['-e', 'setInterval(() => {}, 9)'], { detached: true, stdio: 'ignore' }).unref();`,
    );
    expect(await processesOf(workspace)).toEqual([]);
  });

  it('stops when it is aborted', async () => {
    const abort = new AbortController();
    const running = run(spin, {}, abort.signal);
    await expect.poll(() => processesOf(workspace), { timeout: 20_000 }).not.toEqual([]);
    abort.abort();
    await expect(running).rejects.toMatchObject({ code: 'aborted' });
    expect(await processesOf(workspace)).toEqual([]);
  });
});

describe('readOutput', () => {
  it.each([
    ['missing', 'output-missing', ''],
    ['a link', 'output-not-regular', `fs.symlinkSync('/bin/node', 'out/o')`],
    ['a folder', 'output-not-regular', `fs.mkdirSync('out/o')`],
    ['behind a link', 'output-not-regular', `fs.rmdirSync('out'); fs.symlinkSync('/tmp', 'out')`],
    ['too large', 'output-too-large', `fs.writeFileSync('out/o', Buffer.alloc(2000))`],
  ])('refuses an output that is %s', async (_, code, script) => {
    await run(`import fs from 'node:fs'; fs.mkdirSync('out'); ${script}`);
    const reading = readOutput(join(workspace, 'package'), 'out/o', 1000);
    await expect(reading).rejects.toMatchObject({ code });
  });
});

/** Processes on this machine that have the workspace mounted. */
async function processesOf(path: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const found = await Promise.all(
    pids.map(async (pid) => {
      const mounts = await readFile(`/proc/${pid}/mountinfo`, 'utf8').catch(() => '');
      return mounts.includes(`${path} /work `) ? pid : undefined;
    }),
  );
  return found.filter((pid) => pid !== undefined);
}

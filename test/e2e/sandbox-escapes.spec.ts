import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { chmod, lstat, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { BUILD_ENVIRONMENT, type SandboxLimits } from '@touchstone/rebuild';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { SANDBOXES, SandboxStand } from './sandbox-stand.js';
import { i386Program, orphansProgram, systemCallProgram, zombiesProgram } from './system-call.js';

const MiB = 1024 * 1024;
const SECRET = `secret-${process.pid}-of-the-host`;

let canary = '';
let server: Server;
let abstract: Server;
let port = 0;
beforeAll(async () => {
  server = createServer((socket) => socket.end('reached'));
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  const address = server.address();
  port = typeof address === 'object' && address !== null ? address.port : 0;
  abstract = createServer((socket) => socket.end('reached'));
  await new Promise<void>((done) => abstract.listen(`\0${SECRET}`, done));
  canary = await mkdtemp(join(tmpdir(), 'canary-'));
  for (const [name, text] of [
    ['wasm-opt', '#!/bin/sh\n'],
    ['key.pem', SECRET],
  ] as const) {
    await writeFile(join(canary, name), text);
    await chmod(join(canary, name), 0o755);
  }
});
afterAll(async () => {
  await Promise.all([server, abstract].map((each) => new Promise((done) => each.close(done))));
  await rm(canary, { recursive: true });
});

describe.each(SANDBOXES)('$kind', ({ kind, reason }) => {
  describe.skipIf(reason)(`escapes${reason ? ` (skipped: ${reason})` : ''}`, () => {
    let stand: SandboxStand;
    beforeAll(async () => {
      stand = await SandboxStand.open(kind);
    }, 300_000);
    afterAll(() => stand.close());
    beforeEach(() => stand.makeWorkspace());
    afterEach(async () => {
      await stand.removeWorkspace();
      expect(await stand.remains()).toEqual([]);
    });

    escapes(() => stand);
  });
});

function escapes(stand: () => SandboxStand): void {
  describe('what a build sees', () => {
    it('has nothing of the environment but what is given', async () => {
      process.env['CANARY'] = SECRET;
      const seen = await stand().ask('process.env');
      delete process.env['CANARY'];
      expect(seen).toEqual({ ...BUILD_ENVIRONMENT, PWD: '/work/package' });
    });

    it('has its own user, group, umask, host name, time zone and processes', async () => {
      const seen = await stand().ask(
        `[process.getuid(), process.getgid(), process.getgroups().length < 2, process.umask(),
          os.hostname(), Intl.DateTimeFormat().resolvedOptions().timeZone, process.cwd(),
          fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length,
          Object.keys(os.networkInterfaces()).filter((name) => name !== 'lo')]`,
      );
      const expected = [1000, 1000, true, 0o022, 'touchstone', 'UTC', '/work/package', 2, []];
      expect(seen).toEqual(expected);
    });

    it('has the user, umask, host name, place, processor and files that the run names', async () => {
      const [file, folder] = [join(canary, 'added.txt'), join(canary, 'added')];
      await writeFile(file, 'file');
      await mkdir(folder, { recursive: true });
      await writeFile(join(folder, 'inner'), 'folder');
      const seen = await stand().ask(
        `[process.getuid(), process.umask(), os.hostname(), process.cwd(), os.availableParallelism(),
          fs.readFileSync('/elsewhere/added.txt', 'utf8'), fs.readFileSync('/added/inner', 'utf8'),
          attempt(() => fs.writeFileSync('/added/inner', '') ?? 'written'),
          fs.writeFileSync('here', ''), process.env.PWD]`,
        {
          ...{ uid: 1234, umask: 0o077, hostname: 'other', mountPoint: '/home/other', cpus: 1 },
          mounts: [
            { source: file, target: '/elsewhere/added.txt' },
            { source: folder, target: '/added' },
          ],
        },
      );
      const place = '/home/other/package';
      const expected = [1234, 0o077, 'other', place, 1, 'file', 'folder'];
      const [code] = (seen as unknown[]).splice(7, 1);
      expect(['EROFS', 'EACCES']).toContain(code);
      expect(seen).toEqual([...expected, null, place]);
      expect(await readdir(join(stand().workspace, 'package'))).toEqual(['here']);
    });

    it('finds no file of the host, whoever looks wherever', async () => {
      const { stdout } = await stand().run(`
        import fs from 'node:fs';
        const found = [];
        const visit = (folder, depth) => {
          let entries = [];
          try { entries = fs.readdirSync(folder, { withFileTypes: true }); } catch { return; }
          for (const entry of entries) {
            const path = (folder === '/' ? '' : folder) + '/' + entry.name;
            if (['/proc', '/sys', '/toolchain', '/lib', '/work'].includes(path)) continue;
            if (entry.isDirectory() && depth < 12) visit(path, depth + 1);
            if (/wasm-opt|docker.sock|containerd.sock/.test(entry.name)) found.push(path);
            const { size } = fs.statSync(path, { throwIfNoEntry: false }) ?? {};
            if (entry.isFile() && size > 0 && size < 1e6)
              try { if (fs.readFileSync(path, 'latin1').includes('${SECRET.slice(0, 7)}' + '${SECRET.slice(7)}')) found.push(path); } catch {}
          }
        };
        visit('/', 0);
        for (const path of ${JSON.stringify([canary, homedir(), process.cwd(), '/etc/shadow', '/etc/passwd', '/var/run/docker.sock', '/run'])})
          if (fs.existsSync(path)) found.push(path);
        for (const name of fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n)))
          try { if (fs.readFileSync('/proc/' + name + '/environ', 'latin1').includes('CANARY')) found.push(name); } catch {}
        const mounts = fs.readFileSync('/proc/self/mountinfo', 'utf8').split('\\n').map((line) => line.split(' ')[4]);
        console.log(JSON.stringify([found, mounts.filter((path) => path?.includes('sock'))]));`);
      expect(JSON.parse(stdout)).toEqual([[], []]);
    });

    it("does not find a wasm-opt that lies on the host's PATH", async () => {
      const before = process.env['PATH'];
      process.env['PATH'] = `${canary}:${before ?? ''}`;
      const { stdout: onHost } = await promisify(execFile)('wasm-opt');
      const seen = await stand().ask(
        `['wasm-opt', '${canary}/wasm-opt'].map((file) => spawnSync(file).error?.code)`,
      );
      process.env['PATH'] = before;
      expect([onHost, seen]).toEqual(['', ['ENOENT', 'ENOENT']]);
    });

    it('is refused the network: addresses, names, datagrams and sockets without a file', async () => {
      const { stdout } = await stand().run(
        `import { connect } from 'node:net'; import { lookup } from 'node:dns';
         import { createSocket } from 'node:dgram';
         const tell = (name) => (error) => console.log(name, error?.code ?? 'reached');
         for (const [name, where] of [['host', { port: ${port}, host: '127.0.0.1' }],
             ['out', { port: 443, host: '1.1.1.1' }], ['out6', { port: 443, host: '2606:4700:4700::1111' }],
             ['abstract', { path: '\\0${SECRET}' }]])
           connect(where).on('error', tell(name)).on('connect', tell(name));
         lookup('registry.npmjs.org', tell('name'));
         const socket = createSocket('udp4');
         socket.send('x', 53, '8.8.8.8', (error) => { tell('datagram')(error); socket.close(); });`,
      );
      expect(stdout.trim().split('\n').sort()).toEqual([
        'abstract ECONNREFUSED',
        'datagram ENETUNREACH',
        'host ECONNREFUSED',
        expect.stringMatching(/^name (EAI_AGAIN|ENOTFOUND)$/) as string,
        'out ENETUNREACH',
        expect.stringMatching(/^out6 (ENETUNREACH|EADDRNOTAVAIL)$/) as string,
      ]);
    });

    it('inherits no open file but the three', async () => {
      const seen = (await stand().ask(
        `fs.readdirSync('/proc/self/fd').map((fd) => attempt(() => fs.readlinkSync('/proc/self/fd/' + fd)))`,
      )) as string[];
      // Node's own are anonymous, and the directory that is being read is open too.
      const files = seen.filter((name) => name.startsWith('/') && name !== '/dev/null');
      expect(files.filter((name) => !/^\/proc\/\d+\/fd$/.test(name))).toEqual([]);
    });
  });

  describe('what a build may do', () => {
    it.each([
      ['the root', '/x'],
      ['the toolchain', '/toolchain/drivers/run.mjs'],
      ['the interpreter', '/bin/node'],
      ['devices', '/dev/x'],
      ['shared memory', '/dev/shm/x'],
      ['message queues', '/dev/mqueue/x'],
      ['the host name', '/proc/sys/kernel/hostname'],
      ['the handler of core dumps', '/proc/sys/kernel/core_pattern'],
      ['the magic key', '/proc/sysrq-trigger'],
      ['control groups', '/sys/fs/cgroup/cgroup.procs'],
      ['the memory of its first process', '/proc/1/mem'],
      ['devices of the kernel', '/sys/kernel/uevent_helper'],
    ])('cannot write to %s', async (_, path) => {
      const code = await stand().ask(
        `attempt(() => fs.writeFileSync(${JSON.stringify(path)}, 'x') ?? 'written')`,
      );
      expect(['EROFS', 'EACCES', 'EPERM', 'ENOENT', 'EMFILE', 'EIO']).toContain(code);
    });

    it('writes to its workspace and to /tmp, which is new each time', async () => {
      await stand().run(
        `import fs from 'node:fs'; fs.writeFileSync('/tmp/x', ''); fs.writeFileSync('o', 'built')`,
      );
      const seen = await stand().ask(`[fs.readdirSync('/tmp'), fs.readFileSync('o', 'utf8')]`);
      expect(seen).toEqual([[], 'built']);
    });

    it('gains no privileges, and cannot signal what is not its own', async () => {
      const status = (await stand().ask(`fs.readFileSync('/proc/self/status', 'utf8')`)) as string;
      expect(status).toMatch(/^CapEff:\s+0+$/m);
      expect(status).toMatch(/^CapBnd:\s+0+$/m);
      expect(status).toMatch(/^NoNewPrivs:\s+1$/m);
      expect(status).toMatch(/^Seccomp:\s+2$/m);
      const seen = await stand().ask(`attempt(() => process.kill(${process.pid}, 0))`);
      expect(seen).toBe('ESRCH');
    });

    // What is run here is machine code of x86-64; the filter of arm64 is simulated in libs/rebuild.
    it.skipIf(process.arch !== 'x64')(
      'is refused the system calls that no build needs',
      async () => {
        await stand().place('call', systemCallProgram());
        await stand().place('i386', i386Program());
        const calls: [name: string, number: number, ...args: (number | string)[]][] = [
          ['getpid', 39],
          ['unshare', 272, 0x10000000],
          ['setns', 308],
          ['clone into a new user namespace', 56, 0x10000011],
          ['clone3', 435],
          ['mount', 165, '/tmp', '/tmp', 0, 0x1000],
          ['open_tree', 428],
          ['ptrace', 101],
          ['process_vm_readv', 310, 1],
          ['keyctl', 250],
          ['add_key', 248],
          ['request_key', 249],
          ['bpf', 321],
          ['perf_event_open', 298],
          ['userfaultfd', 323, 1],
          ['io_uring_setup', 425, 1],
          ['memfd_create', 319, '/x'],
          ['shmget', 29, 0, 4096, 0o1600],
          ['mq_open', 240, '/x'],
          ['kexec_load', 246],
          ['personality', 135, 0x40000],
          ['socket AF_VSOCK', 41, 40, 1],
          ['socket AF_ALG', 41, 38, 5],
          ['socket AF_PACKET', 41, 17, 3],
          ['a device', 133, '/tmp/device', 0o60666, 0x801],
          ['TIOCSTI', 16, 0, 0x5412, '/x'],
          ['TIOCSTI with a bit more', 16, 0, 0x1_0000_5412, '/x'],
        ];
        const lines = calls.map(([, ...words]) =>
          Array.from({ length: 7 }, (_, index) => words[index] ?? 0).map((word) =>
            typeof word === 'string' ? word : word.toString(8),
          ),
        );
        const seen = (await stand().ask(
          `${JSON.stringify(lines)}.map((words) => spawnSync('./call', words)).map(({ status, signal }) => status ?? signal)`,
        )) as number[];
        const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97];
        expect(Object.fromEntries(calls.map(([name], index) => [name, seen[index]]))).toEqual({
          ...Object.fromEntries(calls.map(([name]) => [name, EPERM])),
          getpid: 0,
          ...{ clone3: ENOSYS, io_uring_setup: ENOSYS, memfd_create: ENOSYS, shmget: ENOSYS },
          mq_open: ENOSYS,
          ...{ 'socket AF_VSOCK': EAFNOSUPPORT, 'socket AF_ALG': EAFNOSUPPORT },
          'socket AF_PACKET': EAFNOSUPPORT,
        });
        expect(await stand().ask(`spawnSync('./i386').signal`)).toBe('SIGSYS');
      },
    );
  });

  it('sees nothing of a build that runs at the same time', async () => {
    // Each leaves a word wherever it may write, and looks for the other's wherever it may read.
    // The words come by standard input, for arguments can be read in /proc.
    const script = `
      import fs from 'node:fs';
      const [own, other] = JSON.parse(fs.readFileSync(0, 'utf8'));
      for (const path of ['/tmp/word', '/work/package/word', '/work/word', '/dev/shm/word', '/dev/word'])
        try { fs.writeFileSync(path, own); } catch {}
      process.title = own;
      const [from, found] = [Date.now(), new Set()];
      const look = (path) => {
        try { if (fs.readFileSync(path, 'latin1').includes(other)) found.add(path); } catch {}
      };
      while (Date.now() < from + 1500) {
        for (const folder of ['/tmp', '/work', '/work/package', '/dev/shm', '/dev/mqueue', '/run', '/'])
          try { for (const name of fs.readdirSync(folder)) if (fs.statSync(folder + '/' + name).isFile()) look(folder + '/' + name); } catch {}
        for (const name of fs.readdirSync('/proc').filter((n) => /^[0-9]+$/.test(n) && n !== String(process.pid)))
          for (const file of ['cmdline', 'environ', 'comm', 'mountinfo']) look('/proc/' + name + '/' + file);
        await new Promise((go) => setTimeout(go, 50));
      }
      console.log(JSON.stringify({ from, to: Date.now(), found: [...found], own: fs.readFileSync('/tmp/word', 'latin1') }));`;
    interface Seen {
      readonly from: number;
      readonly to: number;
      readonly found: string[];
      readonly own: string;
    }
    const elsewhere = join(stand().folder, 'other');
    await mkdir(join(elsewhere, 'package'), { recursive: true });
    const words = [randomUUID(), randomUUID()];
    const once = async (): Promise<Seen[]> => {
      const runs = await Promise.all([
        stand().run(script, { input: JSON.stringify(words) }),
        stand().run(script, { input: JSON.stringify(words.toReversed()), workspace: elsewhere }),
      ]);
      return runs.map(({ stdout }) => JSON.parse(stdout) as Seen);
    };
    // On a busy machine one may have ended before the other began; that shows nothing.
    let overlap = 0;
    for (let attempt = 0; attempt < 5 && overlap <= 500; attempt += 1) {
      const seen = await once();
      expect(seen.map(({ found, own }) => [found, own])).toEqual(words.map((own) => [[], own]));
      overlap = Math.min(...seen.map(({ to }) => to)) - Math.max(...seen.map(({ from }) => from));
    }
    expect(overlap).toBeGreaterThan(500);
  });

  describe('what a build may use', () => {
    const spin = 'for (;;);';
    const memory = { memoryBytes: 256 * MiB, workspaceBytes: 64 * MiB, temporaryBytes: 32 * MiB };
    it.each<[string, string, string, Partial<SandboxLimits>]>([
      ['fails', 'build-exit', `console.error('broken'); process.exit(3)`, {}],
      ['runs too long', 'build-timeout', spin, { wallMilliseconds: 600 }],
      ['computes too long', 'build-timeout', spin, { cpuSeconds: 1 }],
      [
        'ignores signals',
        'build-timeout',
        `for (const s of ['SIGTERM', 'SIGINT', 'SIGHUP']) process.on(s, () => {}); setInterval(() => {}, 9)`,
        { wallMilliseconds: 600 },
      ],
      [
        'takes memory',
        'build-memory',
        `const all = []; for (;;) { all.push(Buffer.alloc(8 << 20, 1)); await new Promise((go) => setTimeout(go, 5)); }`,
        memory,
      ],
      [
        'takes memory at once',
        'build-memory',
        `const all = []; for (;;) all.push(Buffer.alloc(64 << 20, 1));`,
        memory,
      ],
      [
        'takes memory in many processes',
        'build-memory',
        `import { spawn } from 'node:child_process';
         for (let i = 0; i < 4; i++) spawn('/bin/node', ['-e', 'b = Buffer.alloc(90 << 20, 1); setInterval(() => b, 9)']);
         setInterval(() => {}, 9);`,
        memory,
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
        'fills the disk under names that are no text',
        'build-disk',
        `import fs from 'node:fs'; fs.mkdirSync(Buffer.from([0x64, 0xff])); for (let i = 0; ; i++) fs.writeFileSync(Buffer.from([0x64, 0xff, 0x2f, ...Buffer.from('f' + i)]), Buffer.alloc(1 << 20, 1));`,
        { workspaceBytes: 32 * MiB },
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
      [
        'makes a file larger than any may be, without writing it',
        'build-exit',
        `import fs from 'node:fs'; fs.writeFileSync('o', ''); fs.truncateSync('o', 2 ** 40);`,
        {},
      ],
    ])(
      'ends a build that %s with %s',
      async (_, code, script, limits) => {
        await expect(stand().run(script, { limits })).rejects.toMatchObject({ code });
        expect(await stand().remains()).toEqual([]);
      },
      90_000,
    );

    // Machine code again, for both of these: no script leaves a child that nobody waits for.
    it.skipIf(process.arch !== 'x64')(
      'counts processes that have ended and that nobody waits for',
      async () => {
        await stand().place('zombies', zombiesProgram());
        const script = `import { spawnSync } from 'node:child_process'; spawnSync('./zombies');`;
        await expect(stand().run(script, { limits: { tasks: 60 } })).rejects.toMatchObject({
          code: 'build-processes',
        });
        expect(await stand().remains()).toEqual([]);
      },
      90_000,
    );

    it.skipIf(process.arch !== 'x64')('waits for those whose parent is gone', async () => {
      await stand().place('orphans', orphansProgram());
      const { stdout } = await stand().run(
        `import fs from 'node:fs'; import { spawnSync } from 'node:child_process';
         const others = () => fs.readdirSync('/proc').filter((name) => /^[0-9]+$/.test(name)).length - 2;
         for (let i = 0; i < 5; i++) if (spawnSync('./orphans').status !== 0) console.log('refused');
         for (const end = Date.now() + 5000; others() > 0 && Date.now() < end; ) await new Promise((go) => setTimeout(go, 10));
         console.log(others());`,
        { limits: { tasks: 100 } },
      );
      expect(stdout).toBe('0\n');
    });

    it('fills /tmp no further than its size', async () => {
      const { stdout } = await stand().run(
        `import fs from 'node:fs'; const f = fs.openSync('/tmp/big', 'w');
         try { for (;;) fs.writeSync(f, Buffer.alloc(1 << 20)); } catch (error) { console.log(error.code); }`,
        { limits: { temporaryBytes: 4 * MiB } },
      );
      expect(stdout).toBe('ENOSPC\n');
    });

    it('says how the command failed, with the end of what it printed', async () => {
      const broken = stand().run(`console.error('line 7: broken'); process.exit(3)`);
      await expect(broken).rejects.toThrow(/exit code 3: line 7: broken/);
    });

    it('feeds standard input, and keeps both outputs apart', async () => {
      const { stdout, stderr } = await stand().run(
        `let n = 0; for await (const chunk of process.stdin) n += chunk.length; console.log(n); console.error('e')`,
        { input: 'x'.repeat(300_000) },
      );
      expect([stdout, stderr]).toEqual(['300000\n', 'e\n']);
    });

    it('kills what a build leaves running, and what holds its output open', async () => {
      await stand().run(
        `import { spawn } from 'node:child_process';
         for (const stdio of ['ignore', 'inherit'])
           spawn('/bin/node', ['-e', 'setInterval(() => {}, 9)'], { detached: true, stdio }).unref();`,
      );
      expect(await stand().remains()).toEqual([]);
    });

    it('stops when it is aborted', async () => {
      const abort = new AbortController();
      const running = stand().run(spin, { signal: abort.signal });
      await expect.poll(() => stand().remains(), { timeout: 20_000 }).not.toEqual([]);
      abort.abort();
      await expect(running).rejects.toMatchObject({ code: 'aborted' });
      expect(await stand().remains()).toEqual([]);
    });
  });

  describe('what a build leaves', () => {
    it('are its own files: links stay links, no device, no privilege, no name that leads out', async () => {
      await stand().place('call', systemCallProgram());
      await stand().run(
        `import fs from 'node:fs'; import { spawnSync } from 'node:child_process';
         fs.symlinkSync('${canary}/key.pem', 'link'); fs.symlinkSync('/', 'root'); fs.mkdirSync('out');
         fs.writeFileSync('out/o', 'built'); fs.linkSync('out/o', 'hard'); fs.chmodSync('out/o', 0o4755);
         fs.writeFileSync('..\\\\up', ''); fs.writeFileSync('line\\nfeed', ''); fs.writeFileSync('n'.repeat(200), '');
         fs.writeFileSync(Buffer.from([0x6e, 0xff]), ''); fs.chmodSync('out', 0);
         spawnSync('./call', ['205', '/work/package/fifo', '10666', '0', '0', '0', '0']);`,
      );
      const folder = join(stand().workspace, 'package');
      const names = await readdir(folder);
      expect(names).toEqual(
        expect.arrayContaining(['..\\up', 'line\nfeed', 'n'.repeat(200), 'link', 'root', 'hard']),
      );
      expect((await lstat(join(folder, 'link'))).isSymbolicLink()).toBe(true);
      expect((await lstat(join(folder, 'fifo'))).isFile()).toBe(false);
      const built = await lstat(join(folder, 'hard'));
      expect([built.size, built.uid === 0 && (built.mode & 0o6000) !== 0]).toEqual([5, false]);
    });

    it('is found again by the next command, executable bits and times included', async () => {
      await stand().run(
        `import fs from 'node:fs'; fs.mkdirSync('a/b', { recursive: true });
         fs.writeFileSync('a/b/tool', 'x', { mode: 0o755 }); fs.symlinkSync('b/tool', 'a/link');
         fs.utimesSync('a/b/tool', 1e9, 1e9);`,
      );
      const seen = await stand().ask(
        `[fs.readFileSync('a/link', 'utf8'), fs.statSync('a/b/tool').mode & 0o777,
          fs.statSync('a/b/tool').mtimeMs, fs.writeFileSync('a/b/tool', 'y')]`,
      );
      expect(seen).toEqual(['x', 0o755, 1e12, null]);
    });
  });
}

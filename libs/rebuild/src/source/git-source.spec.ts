import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { objectId, readListing, treeId } from './git-objects.js';
import { GitSource, type GitSourceOptions } from './git-source.js';
import { gitTransport } from './git-transport.js';
import { linkTarget } from './names.js';
import type { SourceEntry } from './unpack.js';

let folder = '';
let server: Server;
let base = '';
let caches = 0;

function git(where: string, ...args: string[]): string {
  const env = {
    PATH: process.env['PATH'] ?? '',
    HOME: folder,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@b',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@b',
    GIT_AUTHOR_DATE: '1700000000 +0000',
    GIT_COMMITTER_DATE: '1700000001 +0100',
    GIT_ALLOW_PROTOCOL: 'file',
  };
  return execFileSync('git', args, { cwd: where, env, stdio: ['ignore', 'pipe', 'pipe'] })
    .toString()
    .trim();
}

/** A repository of these files; a value that begins with `->` is a link. */
function repository(name: string, files: Record<string, string>): { url: string; commit: string } {
  const where = join(folder, name);
  mkdirSync(where, { recursive: true });
  git(where, 'init', '-q', '-b', 'main');
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(where, path, '..'), { recursive: true });
    if (content.startsWith('->')) symlinkSync(content.slice(2), join(where, path));
    else writeFileSync(join(where, path), content);
  }
  git(where, 'add', '-A');
  git(where, 'commit', '-q', '-m', 'first');
  return { url: `file://${where}`, commit: git(where, 'rev-parse', 'HEAD') };
}

function source(options: GitSourceOptions = { allowFiles: true }): GitSource {
  return new GitSource(join(folder, `cache-${(caches += 1)}`), options);
}

function contents(entries: readonly SourceEntry[]): Record<string, string> {
  return Object.fromEntries(
    entries.map((entry) => [
      entry.path,
      entry.type === 'symlink'
        ? `->${entry.target}`
        : entry.type === 'directory'
          ? '/'
          : Buffer.from(entry.data).toString(),
    ]),
  );
}

async function codeOf(run: Promise<unknown>): Promise<string> {
  try {
    await run;
  } catch (error) {
    if (error instanceof RebuildError) return error.code;
    throw error;
  }
  return 'accepted';
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'git-source-'));
  // git's own server, so that what is spoken here is what a forge speaks.
  server = createServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://x');
    if (url.pathname.startsWith('/away/')) {
      response.writeHead(302, { location: `/${url.pathname.slice(6)}${url.search}` }).end();
      return;
    }
    const child = spawn('git', ['http-backend'], {
      env: {
        PATH: process.env['PATH'] ?? '',
        GIT_PROJECT_ROOT: folder,
        GIT_HTTP_EXPORT_ALL: '1',
        GIT_CONFIG_GLOBAL: '/dev/null',
        GIT_PROTOCOL: request.headers['git-protocol']?.toString() ?? '',
        PATH_INFO: url.pathname,
        QUERY_STRING: url.search.slice(1),
        REQUEST_METHOD: request.method ?? 'GET',
        CONTENT_TYPE: request.headers['content-type'] ?? '',
        HTTP_CONTENT_ENCODING: request.headers['content-encoding'] ?? '',
      },
    });
    request.pipe(child.stdin);
    const chunks: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('close', () => {
      const whole = Buffer.concat(chunks);
      const end = whole.indexOf('\r\n\r\n');
      const head = whole.toString('latin1', 0, end).split('\r\n');
      const status = /^Status: (\d+)/.exec(head.find((line) => line.startsWith('Status')) ?? '');
      for (const line of head) {
        const [name = '', value = ''] = line.split(': ');
        if (name !== 'Status' && name !== '') response.setHeader(name, value);
      }
      response.writeHead(Number(status?.[1] ?? 200)).end(whole.subarray(end + 4));
    });
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});
afterAll(async () => {
  server.closeAllConnections();
  await new Promise((done) => server.close(done));
  rmSync(folder, { recursive: true, force: true });
});

describe('GitSource', () => {
  it('reads a commit with modes and links, its time, and keeps it', async () => {
    const files = { 'a.txt': 'hello', 'b/c.txt': 'deep', 'b/l': '->../a.txt', 'z!': 'x', z: 'y' };
    const pin = repository('plain', files);
    const reader = source();
    const first = await reader.checkout(pin);
    expect(contents(first.entries)).toEqual(files);
    expect(first.committed).toBe(1_700_000_001);
    expect(first.dependencies).toEqual([
      {
        uri: `git+${pin.url}@${pin.commit}`,
        digest: {
          gitCommit: pin.commit,
          gitTree: git(join(folder, 'plain'), 'rev-parse', 'HEAD^{tree}'),
        },
        name: 'source',
      },
    ]);
    rmSync(join(folder, 'plain'), { recursive: true });
    expect(contents((await reader.checkout(pin)).entries)).toEqual(files);
  });

  it('fetches over http, an older commit too, and follows no redirect', async () => {
    const { commit } = repository('served', { a: '1' });
    const where = join(folder, 'served');
    writeFileSync(join(where, 'a'), '2');
    git(where, 'commit', '-q', '-a', '-m', 'second');
    const reader = source({ allowPrivate: true });
    expect(
      contents((await reader.checkout({ url: `${base}/served/.git`, commit })).entries),
    ).toEqual({
      a: '1',
    });
    const tip = git(where, 'rev-parse', 'HEAD');
    const away = source({ allowPrivate: true }).checkout({
      url: `${base}/away/served/.git`,
      commit: tip,
    });
    expect(await codeOf(away)).toBe('source-unreachable');
    const named = { url: `${base.replace('127.0.0.1', 'localhost')}/served/.git`, commit: tip };
    expect(contents((await source({ allowPrivate: true }).checkout(named)).entries)).toEqual({
      a: '2',
    });
  });

  it('reads a bundle in the place of the network', async () => {
    const { commit } = repository('bundled', { a: 'from a bundle' });
    const bundle = join(folder, 'x.bundle');
    git(join(folder, 'bundled'), 'bundle', 'create', '-q', bundle, 'main');
    const reader = source({ bundles: [bundle] });
    const pin = { url: 'https://nowhere.invalid/r', commit };
    expect(contents((await reader.checkout(pin)).entries)).toEqual({ a: 'from a bundle' });
    const other = source({ bundles: [bundle] }).checkout({ ...pin, commit: '0'.repeat(40) });
    expect(await codeOf(other)).toBe('source-unreachable');
  });

  it('reads submodules at the commits that the tree names, when asked to', async () => {
    const inner = repository('inner', { 'lib.c': 'int x;' });
    const where = join(folder, 'outer');
    repository('outer', { 'main.c': 'int main;' });
    git(
      where,
      '-c',
      'protocol.file.allow=always',
      'submodule',
      '--quiet',
      'add',
      '../inner',
      'dep',
    );
    git(where, 'commit', '-q', '-m', 'dep');
    const pin = { url: `file://${where}`, commit: git(where, 'rev-parse', 'HEAD') };
    const without = contents((await source().checkout(pin)).entries);
    expect(without).toMatchObject({ 'main.c': 'int main;', dep: '/' });
    const whole = await source().checkout({ ...pin, submodules: true });
    expect(contents(whole.entries)).toMatchObject({ 'dep/lib.c': 'int x;' });
    expect(whole.dependencies.map(({ uri }) => uri)).toEqual([
      `git+${pin.url}@${pin.commit}`,
      `git+${inner.url}@${inner.commit}`,
    ]);
  });

  it('runs nothing that a repository or a user configured', async () => {
    const marker = join(folder, 'ran');
    const pin = repository('hostile', {
      a: 'text\n',
      '.gitattributes': '* filter=x text eol=crlf\n',
    });
    const where = join(folder, 'hostile');
    writeFileSync(join(where, '.git/hooks/post-checkout'), `#!/bin/sh\ntouch ${marker}\n`, {
      mode: 0o755,
    });
    git(where, 'config', 'uploadpack.packObjectsHook', `touch ${marker};`);
    git(where, 'config', 'filter.x.smudge', `touch ${marker}`);
    writeFileSync(join(folder, '.gitconfig'), `[core]\n\tfsmonitor = touch ${marker}\n`);
    expect(contents((await source().checkout(pin)).entries)).toMatchObject({ a: 'text\n' });
    rmSync(join(folder, '.gitconfig'));
    expect(readdirSync(folder)).not.toContain('ran');
  });

  it.each<[string, string, Partial<GitSourceOptions>, string]>([
    ['a program as transport', 'ext::sh -c touch% /tmp/x', {}, 'git-url'],
    ['ssh', 'ssh://git@host/r', {}, 'git-url'],
    ['an option as URL', '--upload-pack=touch /tmp/x', {}, 'git-url'],
    ['a password', 'https://a:b@host.test/r', {}, 'git-url'],
    ['plain http, unasked', 'http://host.test/r', {}, 'git-url'],
    ['a folder, unasked', 'file:///etc', {}, 'git-url'],
    ['a folder of another host', 'file://host/etc', { allowFiles: true }, 'git-url'],
    ['its own address', 'https://127.0.0.1/r', {}, 'address-not-allowed'],
    ['a name of its own address', 'https://localhost/r', {}, 'address-not-allowed'],
    ['the address of a cloud', 'https://169.254.169.254/r', {}, 'address-not-allowed'],
    [
      'a local address behind a proxy',
      'https://10.0.0.1/r',
      { proxy: 'http://p' },
      'address-not-allowed',
    ],
  ])('refuses %s', async (_, url, options, code) => {
    const reader = source(options);
    expect(await codeOf(reader.checkout({ url, commit: '0'.repeat(40) }))).toBe(code);
    expect(readdirSync(folder)).not.toContain(`cache-${caches}`);
  });

  it('hands git the address that it judged', async () => {
    const { settings } = await gitTransport('https://localhost:8443/r', { allowPrivate: true });
    expect(settings.join()).toMatch(/http\.curloptResolve=localhost:8443:.*127\.0\.0\.1/);
  });

  it.each<[string, Record<string, string>, Partial<GitSourceOptions>, string]>([
    ['a link that leaves', { 'a/l': '->../../etc/passwd' }, {}, 'git-link'],
    ['an absolute link', { l: '->/etc/passwd' }, {}, 'git-link'],
    ['a link that climbs behind another', { l: '->d/../..', 'd/x': '' }, {}, 'git-link'],
    ['names in two cases', { a: '1', A: '2' }, {}, 'git-duplicate'],
    ['a backslash', { 'a\\b': '1' }, {}, 'git-path'],
    [
      'too many files',
      { a: '1', b: '2', c: '3' },
      { limits: { entries: 2, totalBytes: 99 } },
      'git-too-many',
    ],
    [
      'too many bytes',
      { a: 'x'.repeat(99) },
      { limits: { entries: 9, totalBytes: 50 } },
      'git-too-large',
    ],
  ])('refuses %s in a tree', async (name, files, options, code) => {
    const pin = repository(name.replaceAll(' ', '-'), files);
    expect(await codeOf(source({ allowFiles: true, ...options }).checkout(pin))).toBe(code);
  });

  it('says when there is no such commit, no repository, no time, or nobody to wait', async () => {
    const pin = repository('known', { a: '1' });
    const absent = { ...pin, commit: 'f'.repeat(40) };
    expect(await codeOf(source().checkout(absent))).toBe('source-not-found');
    expect(await codeOf(source().checkout({ ...pin, url: `${pin.url}-not` }))).toBe(
      'source-not-found',
    );
    const hurried = source({ allowFiles: true, milliseconds: 1 }).checkout(pin);
    expect(await codeOf(hurried)).toBe('source-unreachable');
    const abort = new AbortController();
    const given = source().checkout(pin, abort.signal);
    abort.abort();
    expect(await codeOf(given)).toBe('aborted');
  });

  it('does not take a tag, a tree or a blob for a commit', async () => {
    const pin = repository('tagged', { a: '1' });
    const where = join(folder, 'tagged');
    git(where, 'tag', '-a', 'v1', '-m', 'v1');
    for (const name of ['v1', 'HEAD^{tree}', 'HEAD:a']) {
      const commit = git(where, 'rev-parse', name);
      expect(await codeOf(source().checkout({ ...pin, commit }))).toMatch(
        /^(git-malformed|source-not-found|integrity-mismatch)$/,
      );
    }
  });
});

describe('git objects', () => {
  const LIMITS = { entries: 100, totalBytes: 1e6 };
  const id = objectId('blob', Buffer.from('x'));

  it.each([
    [`100644 blob ${id}       1\t../a\0`, 'git-path'],
    [`100644 blob ${id}       1\ta/.GIT/config\0`, 'git-path'],
    [`100644 blob ${id}       1\ta\nb\0`, 'git-path'],
    [`040000 tree ${id}       -\ta\0`, 'git-malformed'],
    [`100644 blob ${id}       1\ta`, 'git-malformed'],
    [`100644 blob ${id}       1\ta\x00100644 blob ${id}       1\ta\0`, 'git-duplicate'],
  ])('refuses the listing %j', async (listing, code) => {
    expect(await codeOf((async () => readListing(Buffer.from(listing), LIMITS))())).toBe(code);
  });

  it('answers any listing with items or a coded error', () => {
    const base64 = `100644 blob ${id}       1\ta/b\x00120000 blob ${id}       1\tl\0`;
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(base64.length - 1), fc.nat(255)), { maxLength: 4 }),
        (edits) => {
          const bytes = Buffer.from(base64);
          for (const [at, value] of edits) bytes[at] = value;
          try {
            treeId(readListing(bytes, LIMITS));
          } catch (error) {
            expect(error).toBeInstanceOf(RebuildError);
          }
        },
      ),
      { seed: 3, numRuns: 300 },
    );
  });

  it('lets no link out, however it is written', () => {
    const part = fc.constantFrom('..', '.', 'a', 'b', '', 'l');
    fc.assert(
      fc.property(fc.array(part, { maxLength: 6 }), fc.array(part, { maxLength: 5 }), (at, to) => {
        const path = [...at.map((name) => (/^\.*$/.test(name) ? 'd' : name)), 'l'].join('/');
        let target: string;
        try {
          target = linkTarget(path, to.join('/'), 'git');
        } catch {
          return;
        }
        let depth = path.split('/').length - 1;
        for (const name of target.split('/')) {
          depth += name === '..' ? -1 : name === '.' || name === '' ? 0 : 1;
          expect(depth).toBeGreaterThanOrEqual(0);
        }
        expect(target.startsWith('/')).toBe(false);
      }),
      { seed: 4, numRuns: 500 },
    );
  });
});

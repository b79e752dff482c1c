import {
  lstat,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  readlink,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { RebuildError } from '../../errors.js';
import { removeTree } from '../../toolchain/tree.js';
import { tarSize, tarStream, type TarItem } from './tar-stream.js';
import { unpackWorkspace, workspaceItems } from './workspace-archive.js';

const LIMITS = { bytes: 1 << 20, entries: 100, depth: 20 };
let folder = '';
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'archive-'));
});
afterEach(() => removeTree(folder));

const common = { mode: 0o755, owner: 1000, mtime: 1_000_000_000 };
const directory = (path: string): TarItem => ({ ...common, path, type: 'directory' });
const link = (path: string, target: string): TarItem => ({
  ...common,
  ...{ path, type: 'symlink', target },
});
const file = (path: string, text: string): TarItem => ({
  ...common,
  ...{ path, type: 'file', size: text.length, content: Buffer.from(text) },
});

function archiveOf(items: readonly TarItem[]): Promise<Buffer> {
  return buffer(Readable.from(tarStream(items)));
}

async function unpack(
  archive: Buffer,
  limits = LIMITS,
  chunk = 1000,
): ReturnType<typeof unpackWorkspace> {
  const chunks = Array.from({ length: Math.ceil(archive.length / chunk) }, (_, index) =>
    archive.subarray(index * chunk, (index + 1) * chunk),
  );
  return unpackWorkspace(Readable.from(chunks), join(folder, 'out'), limits);
}

describe('a workspace as an archive', () => {
  it('comes back as it was: names of any length, links, modes and times', async () => {
    const work = join(folder, 'work');
    const long = 'n'.repeat(150);
    await mkdir(join(work, 'a', long), { recursive: true });
    await writeFile(join(work, 'a', long, 'tool'), 'content', { mode: 0o755 });
    await writeFile(join(work, 'a', 'empty'), '');
    await symlink(`b/${long}`, join(work, 'link'));
    const items = await workspaceItems(work, 1000);
    const archive = await archiveOf(
      items.map((item) => ({ ...item, path: item.path === '.' ? 'work' : `work/${item.path}` })),
    );
    expect(archive.length).toBe(
      tarSize(items.map((item) => ({ ...item, path: `work/${item.path}` }))),
    );
    const usage = await unpack(archive);
    expect([usage.entries, usage.bytes, usage.depth]).toEqual([5, 4096, 3]);
    const out = join(folder, 'out');
    expect(await readFile(join(out, 'a', long, 'tool'), 'utf8')).toBe('content');
    expect((await lstat(join(out, 'a', long, 'tool'))).mode & 0o777).toBe(0o755);
    expect(await readlink(join(out, 'link'))).toBe(`b/${long}`);
  });

  it.each<[string, TarItem[]]>([
    ['through a link', [directory('w'), link('w/out', '/tmp'), file('w/out/x', 'x')]],
    ['below a file', [directory('w'), file('w/f', 'x'), file('w/f/x', 'x')]],
    ['before its folder', [directory('w'), file('w/f/x', 'x')]],
    ['twice', [directory('w'), file('w/f', 'x'), file('w/f', 'y')]],
    ['over a link', [directory('w'), link('w/f', '/tmp/x'), file('w/f', 'y')]],
    ['upwards', [directory('w'), file('w/../x', 'x')]],
    ['from the root', [directory('w'), file('/etc/x', 'x')]],
  ])('writes nothing %s', async (_, items) => {
    const broken = unpack(await archiveOf(items));
    await expect(broken).rejects.toMatchObject({ code: 'sandbox-unavailable' });
    expect(await readdir(folder)).toEqual(['out']);
  });

  it.each<[string, TarItem[]]>([
    ['bytes', [directory('w'), file('w/a', 'x'.repeat(9000))]],
    ['entries', [directory('w'), ...Array.from({ length: 12 }, (_, i) => directory(`w/${i}`))]],
    ['depth', ['w', 'w/1', 'w/1/2', 'w/1/2/3', 'w/1/2/3/4', 'w/1/2/3/4/5'].map(directory)],
  ])('stops when there are too many: %s', async (name, items) => {
    const limits = { bytes: 8192, entries: 10, depth: 4 };
    const usage = await unpack(await archiveOf(items), limits);
    const key = name as keyof typeof limits;
    expect(usage[key]).toBeGreaterThan(limits[key]);
  });

  it('refuses or reads whatever an engine sends, in bounded time', async () => {
    const good = await archiveOf([
      directory('w'),
      file('w/a', 'x'.repeat(700)),
      link('w/l', 'a'),
      file(`w/${'n'.repeat(120)}`, 'y'),
    ]);
    const edit = fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(edit, { maxLength: 6 }),
        fc.nat(good.length),
        fc.integer({ min: 1, max: 1500 }),
        async (edits, length, chunk) => {
          const bytes = Buffer.from(good.subarray(0, length));
          for (const [at, value] of edits) if (at < length) bytes[at] = value;
          try {
            await unpack(bytes, LIMITS, chunk);
          } catch (error) {
            expect(error).toBeInstanceOf(RebuildError);
          } finally {
            await removeTree(join(folder, 'out'));
          }
        },
      ),
      { seed: 7, numRuns: 150 },
    );
  });
});

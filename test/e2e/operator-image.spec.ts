import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, mkdtemp, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { compile, finish, ROOT } from '@touchstone/kit';
import { assembleToolchain, readToolchainLock, removeTree } from '@touchstone/rebuild';
import { describe, expect, it } from 'vitest';
import { CACHE, npmSource } from './sandbox-stand.js';

// The way of an image that an operator names, as TinyGo's would go it, with a compiler that can be
// had: a file system with AssemblyScript becomes an OCI archive, is locked by its digest, imported,
// and rebuilds a published package.
const LONG = process.env['TOUCHSTONE_LONG_TOOLCHAINS'] === '1';
const run = promisify(execFile);
const ARCHITECTURE = process.arch === 'arm64' ? 'arm64' : 'amd64';
const NAME = 'registry.example/tools/asc-image';
const COMMAND = `#!/bin/node
import('/toolchain/node_modules/assemblyscript/bin/asc.js');
`;

/** Writes `image.tar` of a file system, as `skopeo copy … oci-archive:` would; the manifest's digest. */
async function archiveOf(root: string, work: string): Promise<string> {
  const layout = join(work, 'layout');
  const blobs = join(layout, 'blobs/sha256');
  await mkdir(blobs, { recursive: true });
  const keep = async (file: string): Promise<{ digest: string; size: number }> => {
    const hash = createHash('sha256');
    for await (const chunk of createReadStream(file)) hash.update(chunk as Uint8Array);
    const hex = hash.digest('hex');
    const { size } = await stat(file);
    await rename(file, join(blobs, hex));
    return { digest: `sha256:${hex}`, size };
  };
  const document = async (value: object): Promise<{ digest: string; size: number }> => {
    await writeFile(join(work, 'document'), JSON.stringify(value));
    return keep(join(work, 'document'));
  };
  const added = join(work, 'added/opt/bin');
  await mkdir(added, { recursive: true });
  await writeFile(join(added, 'asc'), COMMAND, { mode: 0o755 });
  const fixed = ['--sort=name', '--owner=0', '--group=0', '--mtime=@0'];
  const layers = [];
  for (const folder of [root, join(work, 'added')]) {
    await run('tar', [...fixed, '-C', folder, '-cf', join(work, 'layer'), '.']);
    layers.push(await keep(join(work, 'layer')));
  }
  const type = 'application/vnd.oci.image';
  const config = await document({
    ...{ architecture: ARCHITECTURE, os: 'linux' },
    rootfs: { type: 'layers', diff_ids: layers.map((layer) => layer.digest) },
  });
  const manifest = await document({
    schemaVersion: 2,
    config: { mediaType: `${type}.config.v1+json`, ...config },
    layers: layers.map((layer) => ({ mediaType: `${type}.layer.v1.tar`, ...layer })),
  });
  const manifests = [{ mediaType: `${type}.manifest.v1+json`, ...manifest }];
  await writeFile(join(layout, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
  await writeFile(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  await mkdir(join(work, 'media'));
  await run('tar', ['-C', layout, '-cf', join(work, 'media/image.tar'), '.']);
  return manifest.digest;
}

describe.runIf(LONG)('an image that the operator names', () => {
  it('builds what a toolchain of packages builds, once it is locked and imported', async () => {
    await compile('apps/cli');
    const work = await mkdtemp(join(tmpdir(), 'operator-image-'));
    const lock = await readToolchainLock({ name: 'assemblyscript', version: '0.27.22' });
    const { root } = await assembleToolchain(lock, await npmSource(), CACHE);
    const digest = await archiveOf(root, work);
    const touchstone = (...args: string[]): ReturnType<typeof finish> =>
      finish(
        process.execPath,
        [join(ROOT, 'apps/cli/bin/touchstone.js'), ...args, '--cache', join(work, 'cache')],
        { TOOLCHAINS_DIR: join(work, 'locks') },
      );
    const locked = await touchstone(
      ...['toolchain', 'lock', 'image', `${NAME}@${digest}`, '--as', '0.27.22'],
      ...['--arch', process.arch, '--command', '/opt/bin/asc'],
    );
    expect([locked.code, locked.stderr]).toEqual([0, '']);
    const shipped = join(ROOT, 'apps/cli/recipes/keyframe-resample-0.1.0.json');
    const recipe = JSON.parse(await readFile(shipped, 'utf8')) as object;
    const file = join(work, 'recipe.json');
    const toolchainName = { name: 'asc-image', version: '0.27.22' };
    await writeFile(file, JSON.stringify({ ...recipe, toolchain: toolchainName }));
    const before = await touchstone('rebuild', file, '--json');
    expect(before.stdout + before.stderr).toContain('toolchain-image-unavailable');
    const imported = await touchstone('toolchain', 'import', join(work, 'media'));
    expect([imported.code, imported.stderr]).toEqual([0, '']);
    const after = await touchstone('rebuild', file, '--json');
    expect([after.code, (JSON.parse(after.stdout) as { outcome: string }).outcome]).toEqual([
      0,
      'reproduced',
    ]);
    await removeTree(work);
  }, 300_000);
});

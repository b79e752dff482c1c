import { mkdtemp, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Recipe, type RecipeStep } from '@touchstone/contract';
import {
  addToolchainLock,
  BlobStore,
  BubblewrapSandbox,
  lockNpm,
  NpmSource,
  readPackument,
  readRegistryConfig,
  rebuild,
  removeTree,
  type RebuildReport,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const CACHE = fileURLToPath(new URL('../../.touchstone/cache', import.meta.url));
const KEYFRAME = new URL('../../apps/cli/recipes/keyframe-resample-0.1.0.json', import.meta.url);

let work = '';
beforeAll(async () => {
  work = await mkdtemp(join(tmpdir(), 'npm-toolchains-'));
});
afterAll(() => removeTree(work));

/** Rebuilds keyframe-resample with a version of the compiler whose lock is made now. */
async function rebuildWith(version: string, steps?: RecipeStep[]): Promise<RebuildReport> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  const lock = await lockNpm(
    { name: 'assemblyscript', version },
    (name) => readPackument(config, name),
    source,
  );
  const toolchains = join(work, 'locks');
  await addToolchainLock(lock, toolchains);
  const recipe = JSON.parse(await readFile(KEYFRAME, 'utf8')) as Recipe;
  return rebuild(
    Recipe.parse({
      ...recipe,
      toolchain: { name: lock.name, version },
      steps: steps ?? recipe.steps,
    }),
    {
      ...{ cache: CACHE, work: join(work, 'builds'), source, toolchains },
      sandbox: await BubblewrapSandbox.open(),
    },
  );
}

describe('AssemblyScript in any version, locked from the registry', () => {
  it('0.27.24 gives the published bytes, as 0.27.22 does', async () => {
    const { predicate } = await rebuildWith('0.27.24');
    expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
  }, 120_000);

  it('0.28.9 gives other code', async () => {
    const { predicate } = await rebuildWith('0.28.9');
    expect(predicate.outcome).toBe('different');
    const sections = predicate.modules[0]?.difference?.sections.map(({ section }) => section);
    expect(sections).toEqual(['code']);
  }, 120_000);

  it('0.9.4, whose options and entry point are others, compiles', async () => {
    const run = ['asc', 'assembly/resample.ts', '--binaryFile', 'dist/release.wasm', '-O3'];
    const { predicate } = await rebuildWith('0.9.4', [{ run }]);
    expect([predicate.outcome, predicate.failure]).toEqual(['different', undefined]);
  }, 120_000);
});

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Recipe } from '@touchstone/contract';
import {
  assembleToolchain,
  BlobStore,
  BubblewrapSandbox,
  NpmSource,
  readRegistryConfig,
  readToolchainLock,
  rebuild as rebuildOnce,
  removeTree,
  unpackTarball,
  type RebuildOptions,
} from '@touchstone/rebuild';
import { percentile, printLine, round, type Bench } from './bench.js';

const RUNS = 9;
const LIMIT_MS = 300;
const RECIPE = new URL('../../../apps/cli/recipes/keyframe-resample-0.1.0.json', import.meta.url);
const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));

/** What a rebuild costs beyond the compiler: unpacking, sandbox, locating, comparing. */
export const rebuild: Bench = {
  name: 'rebuild',
  about: 'a rebuild of keyframe-resample over its bare compiler; everything fetched beforehand',
  async run() {
    const work = await mkdtemp(join(tmpdir(), 'bench-rebuild-'));
    try {
      printLine(await measure(work));
    } finally {
      await removeTree(work);
    }
  },
};

async function measure(work: string): Promise<object> {
  const recipe = Recipe.parse(JSON.parse(await readFile(RECIPE, 'utf8')));
  const options = await prepare(work);
  const bare = await bareCompiler(recipe, options);
  const samples = { bare: new Float64Array(RUNS), rebuild: new Float64Array(RUNS) };
  // In turns, so that both meet the same machine; one pair to warm the disk's cache.
  for (let i = -1; i < RUNS; i += 1) {
    const bareTime = await time(bare);
    const rebuildTime = await time(async () => {
      const { predicate } = await rebuildOnce(recipe, options);
      if (predicate.outcome !== 'reproduced') throw new Error(`outcome is ${predicate.outcome}`);
    });
    if (i < 0) continue;
    samples.bare[i] = bareTime;
    samples.rebuild[i] = rebuildTime;
  }
  const [bareMedian, rebuildMedian] = [
    percentile(samples.bare, 0.5),
    percentile(samples.rebuild, 0.5),
  ];
  const overhead = rebuildMedian - bareMedian;
  return {
    bench: 'rebuild',
    artifact: 'keyframe-resample@0.1.0',
    runs: RUNS,
    bareMs: round(bareMedian),
    rebuildMs: round(rebuildMedian),
    overheadMs: round(overhead),
    limitMs: LIMIT_MS,
    withinLimit: overhead <= LIMIT_MS,
  };
}

async function prepare(work: string): Promise<RebuildOptions> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  return { cache: CACHE, work, source, sandbox: await BubblewrapSandbox.open() };
}

/** The very same compiler, arguments and Node, run as a plain process. */
async function bareCompiler(
  recipe: Recipe,
  { source, cache, work }: RebuildOptions,
): Promise<() => Promise<unknown>> {
  const lock = await readToolchainLock(recipe.toolchain);
  const { root, commands } = await assembleToolchain(lock, source, cache);
  const target = join(work ?? cache, 'bare');
  await unpackTarball(await source.tarball(recipe.source), target);
  const [name = '', ...args] = recipe.steps[0]?.run ?? [];
  const command = commands[name];
  if (command === undefined || !('argv' in command)) throw new Error(`${name} is no plain command`);
  const [file = '', ...prefix] = command.argv.map((word) =>
    word.startsWith('/') ? join(root, word) : word,
  );
  return async () => {
    // A session of its own, as in the sandbox: schedulers share a busy machine out by session.
    const child = spawn(file, [...prefix, ...args], {
      cwd: join(target, recipe.workdir),
      detached: true,
      stdio: 'ignore',
    });
    const [code] = (await once(child, 'exit')) as [number | null];
    if (code !== 0) throw new Error(`the bare compiler ended with ${String(code)}`);
  };
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

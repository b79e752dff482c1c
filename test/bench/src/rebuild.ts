import { mkdtemp, readFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Recipe } from '@touchstone/contract';
import { PrivateDocker, whyNoDocker } from '@touchstone/kit';
import {
  assembleToolchain,
  BlobStore,
  NpmSource,
  openSandbox,
  readRegistryConfig,
  readToolchainLock,
  rebuild as rebuildOnce,
  removeTree,
  type RebuildOptions,
} from '@touchstone/rebuild';
import { bareCompiler } from './bare-compiler.js';
import { percentile, printLine, round, type Bench } from './bench.js';

const RUNS = 15;
const FEW_RUNS = 3;
const LIMIT_MS = { bubblewrap: 100, docker: 500 } as const;
const LIMIT_TOOLCHAIN_MS = 50;
const LIMIT_TIMES = 1.3;
const RECIPES = new URL('../../../apps/cli/recipes/', import.meta.url);
const CACHE = fileURLToPath(new URL('../../../.touchstone/cache', import.meta.url));

/** What a rebuild costs beyond the compiler: unpacking, sandbox, locating, comparing. */
export const rebuild: Bench = {
  name: 'rebuild',
  about: 'rebuilds in both sandboxes over the bare compiler; everything fetched beforehand',
  async run() {
    const work = await mkdtemp(join(tmpdir(), 'bench-rebuild-'));
    const reason = process.env['DOCKER_HOST'] === undefined ? whyNoDocker() : undefined;
    const engine =
      reason === undefined && process.env['DOCKER_HOST'] === undefined
        ? await PrivateDocker.start()
        : undefined;
    if (engine !== undefined) process.env['DOCKER_HOST'] = engine.env['DOCKER_HOST'];
    try {
      printLine(await toolchain());
      // What takes minutes comes last, so that a run that is cut short has told the rest.
      for (const measure of [overhead, ratio])
        for (const kind of ['bubblewrap', 'docker'] as const) {
          if (kind === 'docker' && reason !== undefined) {
            printLine({ bench: 'rebuild', sandbox: kind, skipped: reason });
            continue;
          }
          const options = { ...(await prepare(work)), sandbox: await openSandbox(kind) };
          printLine(await measure(kind, options));
        }
    } finally {
      await removeTree(work);
      await engine?.stop();
    }
  },
};

async function readRecipe(name: string): Promise<Recipe> {
  return Recipe.parse(JSON.parse(await readFile(new URL(`${name}.json`, RECIPES), 'utf8')));
}

/** Finding the root of a lock that was assembled before. */
async function toolchain(): Promise<object> {
  const { source } = await prepare(CACHE);
  const lock = await readToolchainLock((await readRecipe('hash-wasm-4.13.0')).toolchain);
  const samples = new Float64Array(RUNS);
  await assembleToolchain(lock, source, CACHE);
  for (let i = 0; i < RUNS; i += 1)
    samples[i] = await time(() => assembleToolchain(lock, source, CACHE));
  const median = percentile(samples, 0.5);
  return {
    ...{ bench: 'rebuild', case: 'cached toolchain', toolchain: lock.name, runs: RUNS },
    ...{ ms: round(median), limitMs: LIMIT_TOOLCHAIN_MS },
    withinLimit: median <= LIMIT_TOOLCHAIN_MS,
  };
}

async function overhead(kind: keyof typeof LIMIT_MS, options: RebuildOptions): Promise<object> {
  // A short compilation, whose own time varies by less than what is measured.
  const { bare, rebuilt, over } = await compare('siphash24-1.3.1', options, RUNS);
  return {
    ...{ bench: 'rebuild', case: 'overhead', sandbox: kind, artifact: 'siphash24@1.3.1' },
    ...{ runs: RUNS, bareMs: round(bare), rebuildMs: round(rebuilt), overheadMs: round(over) },
    ...{ limitMs: LIMIT_MS[kind], withinLimit: over <= LIMIT_MS[kind] },
  };
}

async function ratio(kind: keyof typeof LIMIT_MS, options: RebuildOptions): Promise<object> {
  const { bare, rebuilt } = await compare('hash-wasm-4.13.0', options, FEW_RUNS);
  const times = rebuilt / bare;
  return {
    ...{ bench: 'rebuild', case: '22 modules', sandbox: kind, artifact: 'hash-wasm@4.13.0' },
    ...{ runs: FEW_RUNS, bareMs: round(bare), rebuildMs: round(rebuilt), times: round(times) },
    ...{ limitTimes: LIMIT_TIMES, withinLimit: times <= LIMIT_TIMES },
  };
}

/** Medians, in milliseconds: of the bare compiler, of the whole rebuild, and of what it takes more. */
async function compare(
  name: string,
  options: RebuildOptions,
  runs: number,
): Promise<{ bare: number; rebuilt: number; over: number }> {
  const recipe = await readRecipe(name);
  const bare = await bareCompiler(recipe, options);
  const samples = { bare: [] as number[], rebuilt: [] as number[], over: [] as number[] };
  // In turns, so that both meet the same machine; one pair to warm the disk's cache.
  for (let i = -1; i < runs; i += 1) {
    const bareTime = await time(bare);
    const rebuiltTime = await time(async () => {
      const { predicate } = await rebuildOnce(recipe, options);
      if (predicate.outcome !== 'reproduced') throw new Error(`outcome is ${predicate.outcome}`);
    });
    if (i < 0) continue;
    samples.bare.push(bareTime);
    samples.rebuilt.push(rebuiltTime);
    samples.over.push(rebuiltTime - bareTime);
  }
  const median = (values: number[]): number => percentile(Float64Array.from(values), 0.5);
  const { bare: bares, rebuilt, over } = samples;
  return { bare: median(bares), rebuilt: median(rebuilt), over: median(over) };
}

async function prepare(work: string): Promise<Omit<RebuildOptions, 'sandbox'>> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  return { cache: CACHE, work, source };
}

async function time(run: () => Promise<unknown>): Promise<number> {
  const started = performance.now();
  await run();
  return performance.now() - started;
}

import { mkdtemp } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { PrivateDocker } from '@touchstone/kit';
import {
  operatorSources,
  readRegistryConfig,
  rebuild,
  removeTree,
  type Executor,
  type NpmSource,
  type Sources,
} from '@touchstone/rebuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  byAnotherCompiler,
  causesOf,
  DIFFERENT,
  outcomesOf,
  readRecipe,
  REPRODUCED,
  sectionsOf,
} from './real-artifacts.js';
import { CACHE, npmSource, SANDBOXES, sandboxOf } from './sandbox-stand.js';

// All of them in both sandboxes: `npm run real-artifacts`. That fetches some 250 MB of compilers, and
// two sources by their commit from GitHub, or from bundles that GIT_BUNDLES names.
const LONG = process.env['TOUCHSTONE_LONG_ARTIFACTS'] === '1';
const note = LONG ? '' : ' (one of two modules; all: npm run real-artifacts)';

describe.each(SANDBOXES)('published packages in $kind', ({ kind, reason }) => {
  // In Docker the quick one is rebuilt by sandbox-recipes.spec, which has the image.
  const skip = reason ?? (kind === 'docker' && !LONG ? 'the long run alone' : undefined);
  describe.skipIf(skip)(skip === undefined ? note : `skipped: ${skip}`, () => {
    let engine: PrivateDocker | undefined;
    let sandbox: Executor;
    let source: NpmSource;
    let sources: Sources;
    let work = '';
    beforeAll(async () => {
      engine = kind === 'docker' ? await PrivateDocker.start() : undefined;
      [sandbox, source] = await Promise.all([sandboxOf(engine), npmSource()]);
      const registries = await readRegistryConfig({
        environment: process.env,
        home: homedir(),
        folder: process.cwd(),
        execPath: process.execPath,
      });
      sources = await operatorSources(source, CACHE, {
        ...{ registries, environment: process.env, allowPrivate: false },
        home: homedir(),
      });
      work = await mkdtemp(join(tmpdir(), 'artifacts-'));
    }, 300_000);
    afterAll(async () => {
      await removeTree(work);
      await engine?.stop();
    });

    it('hash-wasm 4.12.0 by another compiler differs in code, and says so', async () => {
      const recipe = await byAnotherCompiler();
      const { predicate } = await rebuild(recipe, { cache: CACHE, work, source, sandbox });
      expect(outcomesOf(predicate.modules)).toEqual(Array<string>(2).fill('different'));
      for (const module of predicate.modules) {
        expect(sectionsOf(module)).toContain('code');
        expect(causesOf(module).length).toBeGreaterThan(0);
      }
    }, 300_000);

    it.skipIf(!LONG).each([...REPRODUCED, ...DIFFERENT])(
      '$recipe is $outcome',
      async (artifact) => {
        const recipe = await readRecipe(artifact.recipe);
        const options = { cache: CACHE, work, source, sources, sandbox };
        const { predicate } = await rebuild(recipe, options);
        expect([predicate.outcome, predicate.failure]).toEqual([artifact.outcome, undefined]);
        artifact.modules(predicate.modules);
      },
      1_800_000,
    );
  });
});

import { readFile } from 'node:fs/promises';
import type { RebuiltModule } from '@touchstone/attest';
import { Recipe } from '@touchstone/contract';
import { expect } from 'vitest';

const RECIPES = new URL('../../apps/cli/recipes/', import.meta.url);

export async function readRecipe(name: string): Promise<Recipe> {
  return Recipe.parse(JSON.parse(await readFile(new URL(`${name}.json`, RECIPES), 'utf8')));
}

/** A published package, and what its rebuild comes to. */
interface RealArtifact {
  readonly recipe: string;
  readonly outcome: 'reproduced' | 'different';
  readonly modules: (modules: readonly RebuiltModule[]) => void;
}

const reproduced = (recipe: string, count: number): RealArtifact => ({
  ...{ recipe, outcome: 'reproduced' },
  modules: (modules) => {
    expect(outcomesOf(modules)).toEqual(Array<string>(count).fill('reproduced'));
  },
});

/** All that were found reproducible, by every toolchain that was found to do it. */
export const REPRODUCED: readonly RealArtifact[] = [
  reproduced('siphash24-1.3.1', 1),
  reproduced('blake2b-wasm-2.4.0', 1),
  reproduced('xsalsa20-1.2.0', 1),
  reproduced('keyframe-resample-0.1.0', 1),
  reproduced('hash-wasm-4.13.0', 22),
  reproduced('hash-wasm-4.13.0-debian-clang-22', 22),
  reproduced('hash-wasm-4.12.0', 22),
];

/** Those that are not, each with the explanation that the bytes allow. */
export const DIFFERENT: readonly RealArtifact[] = [
  {
    recipe: 'hash-wasm-4.12.0-clang-16',
    outcome: 'different',
    modules: (modules) => {
      const others = modules.filter(({ outcome }) => outcome === 'different');
      expect([modules.length, others.length]).toEqual([22, 18]);
      for (const each of others) expect(sectionsOf(each)).toContain('code');
      for (const { causes = [] } of others) expect(causes.length).toBeGreaterThan(0);
    },
  },
  {
    // One package, two toolchains: Ubuntu's clang 16 made one module and its clang 18 the other.
    recipe: 'hysnappy-1.1.1',
    outcome: 'different',
    modules: ([uncompress, compress]) => {
      expect(uncompress).toMatchObject({ outcome: 'equivalent', tier: 'equivalent' });
      expect(uncompress?.normalisations.map(({ name }) => name)).toEqual(['strip-producers']);
      expect(sectionsOf(uncompress)).toEqual(['custom:producers']);
      expect(causesOf(uncompress)).toEqual(['toolchain-version certain']);
      expect(uncompress?.causes?.[0]?.summary).toMatch(/Ubuntu clang 16\.0\.6.*Debian clang 16/);
      expect(compress?.outcome).toBe('different');
      expect(sectionsOf(compress)).toEqual(['code', 'custom:name', 'custom:producers']);
      expect(causesOf(compress)).toEqual(['toolchain-version certain']);
      expect(compress?.causes?.[0]?.summary).toContain('Ubuntu clang 18.1.3');
    },
  },
  {
    // Compiled by wasi-sdk: the same compiler, another C library behind the program's own code.
    recipe: 'undici-5.29.0',
    outcome: 'different',
    modules: (modules) => {
      expect(modules.map(({ name }) => name)).toEqual(['llhttp', 'llhttp_simd']);
      for (const each of modules) {
        expect(each.outcome).toBe('different');
        expect(sectionsOf(each)).toEqual(['function', 'code']);
        // Of 69: 60 are the same, five but for what they call, four belong to the C library.
        expect(each.difference?.functionCount).toBe(9);
        expect(causesOf(each)).toEqual(['other-libc possible', 'toolchain-version possible']);
      }
    },
  },
];

/**
 * Two modules of hash-wasm 4.12.0, of clang 17, by the clang 22 that rebuilds 4.13.0: what does not
 * reproduce, of nothing but what the quick tests have at hand.
 */
export async function byAnotherCompiler(): Promise<Recipe> {
  const [old, recipe] = await Promise.all([
    readRecipe('hash-wasm-4.12.0'),
    readRecipe('hash-wasm-4.13.0'),
  ]);
  const names = ['crc32', 'md4'];
  const steps = recipe.steps.map((step) => ({
    ...step,
    each: (step.each ?? []).filter((name) => names.includes(name)),
  }));
  return {
    ...recipe,
    ...{ artifact: old.artifact, source: old.source },
    steps: steps.filter(({ each }) => each.length > 0),
    modules: old.modules.filter(({ name }) => names.includes(name)),
  };
}

export function outcomesOf(modules: readonly RebuiltModule[]): string[] {
  return modules.map(({ outcome }) => outcome);
}

export function sectionsOf(module: RebuiltModule | undefined): string[] {
  return module?.difference?.sections.map(({ section }) => section) ?? [];
}

export function causesOf(module: RebuiltModule | undefined): string[] {
  return module?.causes?.map(({ code, confidence }) => `${code} ${confidence}`) ?? [];
}

import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RebuiltModule } from '@touchstone/attest';
import { explainDifference, type Explanation } from '@touchstone/wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { removeTree } from '../toolchain/tree.js';
import { built, buildWithAssemblyScript, buildWithClang } from './causes.fixture.js';
import { judgeModules } from './judge.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'causes-'));
  await buildWithClang(folder);
  await buildWithAssemblyScript(folder);
}, 300_000);
afterAll(async () => {
  await removeTree(folder);
});

async function explained(claimed: string, observed: string): Promise<Explanation> {
  return explainDifference(await built(folder, claimed), await built(folder, observed));
}

describe('causes, each of two real builds', () => {
  it.each<[string, string, string, Explanation['tier'], string[]]>([
    ['a time', 'stamp1', 'stamp2', 'different', ['embedded-timestamp certain']],
    ['a path', 'path1', 'path2', 'different', ['embedded-path certain']],
    [
      'a path of AssemblyScript',
      'as1',
      'as-above',
      'different',
      ['debug-sections certain', 'embedded-path certain'],
    ],
    ['a user', 'user1', 'user2', 'different', ['embedded-environment possible']],
    ['a hash map', 'order1', 'order2', 'different', ['hash-map-ordering likely']],
    ['the order of objects', 'units123', 'units312', 'different', ['parallel-codegen likely']],
    ['a patch version', 'ident1', 'ident2', 'equivalent', ['toolchain-version certain']],
    ['other compilation', 'unitsfast', 'unitsslow', 'different', ['toolchain-version possible']],
    ['another dependency', 'as1', 'as2', 'different', ['unlocked-dependency likely']],
    ['debug sections', 'debug', 'app', 'equivalent', ['debug-sections certain']],
    ['names', 'app', 'stripped', 'equivalent', ['debug-sections certain']],
    ['build ids', 'id1', 'id2', 'equivalent', ['build-id certain']],
    ['one build id', 'app', 'id2', 'equivalent', ['build-id certain']],
    ['coverage', 'coverage', 'app', 'different', ['coverage-or-profiling certain']],
    ['another C library', 'app', 'libc', 'different', ['other-libc likely']],
    [
      'another C library, stripped',
      'stripped',
      'libc-stripped',
      'different',
      ['other-libc possible', 'toolchain-version possible'],
    ],
    ['wasm-opt', 'stripped', 'stripped-optimised', 'different', ['wasm-opt likely']],
    [
      'wasm-opt on the other side',
      'stripped-optimised',
      'stripped',
      'different',
      ['wasm-opt likely'],
    ],
    ['padding', 'stripped', 'compressed', 'different', ['relocation-padding certain']],
  ])('%s: %s and %s', async (_, claimed, observed, tier, causes) => {
    const explanation = await explained(claimed, observed);
    const told = explanation.causes.map(({ code, confidence }) => `${code} ${confidence}`);
    expect([explanation.tier, told]).toEqual([tier, causes]);
    for (const { evidence, remedy } of explanation.causes) {
      expect(evidence.length).toBeGreaterThan(0);
      expect(remedy.length).toBeGreaterThan(20);
    }
  });

  it('points at the text that differs', async () => {
    const [cause] = (await explained('path1', 'path2')).causes;
    expect(cause?.evidence.map(({ text }) => text)).toEqual(['one/app.c', 'two/deeper/app.c']);
    const file = await built(folder, 'path1');
    const { offset = 0, length = 0 } = cause?.evidence[0] ?? {};
    expect(Buffer.from(file.subarray(offset, offset + length)).toString()).toBe('one/app.c');
  });

  it('does not let one changed dependency make the functions around it differ', async () => {
    const { functions } = await explained('as1', 'as2');
    expect(functions).toMatchObject({ changed: 1, onlyClaimed: 0, onlyObserved: 2, moved: 0 });
    expect(functions.shifted).toBeGreaterThan(10);
  });

  it.each([
    ['a constant', 'i32.const 100', 'i32.const 101'],
    ['an instruction', 'i32.xor', 'i32.or'],
  ])(
    'says of %s that was changed after the build that nothing accounts for it',
    async (_, from, to) => {
      const honest = await built(folder, 'units123');
      const altered = new Uint8Array(honest);
      // In unit1_0: local.get 1, i32.const 100, i32.xor.
      const at = Buffer.from(honest).indexOf(Buffer.from([0x41, 0xe4, 0x00, 0x73]));
      expect(at).toBeGreaterThan(0);
      if (from === 'i32.xor') altered[at + 3] = 0x72;
      else altered[at + 1] = 0xe5;
      const { causes, functions } = explainDifference(altered, honest);
      expect(causes.map(({ code, confidence }) => `${code} ${confidence}`)).toEqual([
        'unexplained-code possible',
      ]);
      expect(functions).toMatchObject({ changed: 1, equal: 17, list: [{ name: 'unit1_0' }] });
      const [claimed, observed] = [functions.list[0]?.claimed, functions.list[0]?.observed];
      expect(claimed?.filter(({ changed }) => changed).map(({ text }) => text)).toEqual([to]);
      expect(observed?.filter(({ changed }) => changed).map(({ text }) => text)).toEqual([from]);
    },
  );

  it('is what a statement can hold', async () => {
    const [claimed, observed] = [await built(folder, 'stamp1'), await built(folder, 'stamp2')];
    const [module] = judgeModules([{ name: 'app', claimed, observed }]);
    expect(RebuiltModule.parse(module)).toEqual(module);
    expect(module).toMatchObject({ tier: 'different', causes: [{ code: 'embedded-timestamp' }] });
  });

  it('takes whatever a mutated module holds, in bounded time', async () => {
    const honest = await built(folder, 'app');
    const next = randomNumbers(20);
    // A soak is a command of its own: TOUCHSTONE_LONG_FUZZ=1
    const runs = process.env['TOUCHSTONE_LONG_FUZZ'] === undefined ? 40 : 20_000;
    for (let run = 0; run < runs; run += 1) {
      const mutant = mutate(honest, next);
      const started = performance.now();
      const modules = judgeModules([
        { name: 'a', claimed: honest, observed: mutant },
        { name: 'b', claimed: mutant, observed: mutate(mutant, next) },
      ]);
      for (const module of modules) expect(() => RebuiltModule.parse(module)).not.toThrow();
      expect(performance.now() - started).toBeLessThan(20_000);
    }
  }, 3_600_000);
});

/** Seeded, so that a failure can be seen again (xorshift32). */
function randomNumbers(seed: number): (limit: number) => number {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}

/** Bytes replaced, cut and repeated; values that mean something in the format more often. */
function mutate(bytes: Uint8Array, next: (limit: number) => number): Uint8Array {
  const telling = [0x00, 0x01, 0x0b, 0x7f, 0x80, 0xff, 0x10, 0xfc, 0xfd];
  const parts: Uint8Array[] = [new Uint8Array(bytes)];
  for (let edits = 1 + next(6); edits > 0; edits -= 1) {
    const whole = Buffer.concat(parts);
    const at = 8 + next(Math.max(1, whole.length - 8));
    const cut = next(3) === 0 ? next(16) : 1;
    const put = Uint8Array.from({ length: next(5) }, () => telling[next(telling.length)] ?? 0);
    const again = next(8) === 0 ? whole.subarray(at, at + next(512)) : new Uint8Array();
    parts.splice(0, parts.length, whole.subarray(0, at), put, again, whole.subarray(at + cut));
  }
  return Buffer.concat(parts);
}

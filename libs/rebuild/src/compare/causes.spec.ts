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
});

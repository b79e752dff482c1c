import { Recipe } from '@touchstone/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, type BuildRecord } from './build.js';
import { realToolchain } from './real-toolchain.fixture.js';
import type { RebuildOptions } from './rebuild-options.js';
import type { Toolchain } from './toolchain/toolchain.js';
import { removeTree } from './toolchain/tree.js';

const INTEGRITY = `sha512-${'A'.repeat(86)}==`;
const EMPTY_MODULE = Uint8Array.of(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0);

let toolchain: Toolchain;
let options: RebuildOptions;
let work = '';

beforeAll(async () => {
  ({ toolchain, options, work } = await realToolchain('wabt', '1.0.12'));
}, 120_000);

afterAll(async () => {
  await removeTree(work);
});

async function compile(wat: string): Promise<Uint8Array> {
  const npm = { kind: 'npm', name: 'small', version: '1.0.0', integrity: INTEGRITY };
  const recipe = Recipe.parse({
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: npm,
    source: npm,
    toolchain: { name: 'wabt', version: '1.0.12' },
    steps: [{ run: ['wat2wasm', 'small.wat', '-o', 'small.wasm'] }],
    modules: [
      { name: 'small', output: 'small.wasm', published: { kind: 'file', path: 'package/s.wasm' } },
    ],
  });
  const file = { path: 'package/small.wat', type: 'file' as const, executable: false };
  const source = { entries: [{ ...file, data: Buffer.from(wat) }], dependencies: [] };
  const record: BuildRecord = { variables: {}, dependencies: [], built: new Map() };
  await build({ recipe, source, toolchain }, options, record);
  return new Uint8Array(record.built.get('small') ?? []);
}

describe('a build of wat', () => {
  it.each([
    ['of eight bytes', '(module)'],
    ['with a line end', '(module)\n'],
    ['of some kilobytes', `(module)${' '.repeat(9000)}`],
  ])('takes a source %s', async (_, wat) => {
    expect(await compile(wat)).toEqual(EMPTY_MODULE);
  });

  it('tells where a source is wrong', async () => {
    await expect(compile('(module')).rejects.toMatchObject({ code: 'build-exit' });
  });
});

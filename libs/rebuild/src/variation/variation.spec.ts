import type { Variation } from '@touchstone/attest';
import { Recipe } from '@touchstone/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { build, type BuildRecord } from '../build.js';
import { realToolchain } from '../real-toolchain.fixture.js';
import type { RebuildOptions } from '../rebuild-options.js';
import type { Toolchain } from '../toolchain/toolchain.js';
import { removeTree } from '../toolchain/tree.js';
import { together } from './circumstances.js';
import { variationDimensions } from './dimensions.js';
import { fakeTime } from './fake-time.js';
import { varyBuild } from './vary.js';

const INTEGRITY = `sha512-${'A'.repeat(86)}==`;

/** A compiler plug-in of the source's own, as publishers have them: it writes what it sees. */
const transform = (sees: string): string => `
import { availableParallelism, homedir, hostname } from 'node:os';
import { Transform } from '/toolchain/node_modules/assemblyscript/dist/transform.js';
export default class extends Transform {
  afterCompile(module) {
    module.addCustomSection('seen', new TextEncoder().encode(String(${sees})));
  }
}`;

const SOURCE = 'export function half(value: i32): i32 { assert(value > 0); return value >> 1; }\n';

let toolchain: Toolchain;
let options: RebuildOptions;
let work = '';
beforeAll(async () => {
  ({ toolchain, options, work } = await realToolchain('assemblyscript', '0.27.22'));
}, 120_000);
afterAll(async () => {
  await removeTree(work);
});

/** The build of a source whose transform writes what it sees. */
function prepare(
  sees: string,
): (circumstances: object) => Promise<ReadonlyMap<string, Uint8Array>> {
  const npm = { kind: 'npm', name: 'half', version: '1.0.0', integrity: INTEGRITY };
  const args = ['assembly/half.ts', '--transform', './see.mjs', '-o', 'half.wasm'];
  const recipe = Recipe.parse({
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: npm,
    source: npm,
    toolchain: { name: 'assemblyscript', version: '0.27.22' },
    steps: [{ run: ['asc', ...args] }],
    modules: [
      { name: 'half', output: 'half.wasm', published: { kind: 'file', path: 'package/half.wasm' } },
    ],
  });
  const file = (path: string, text: string) => ({
    ...{ path: `package/${path}`, type: 'file' as const, executable: false },
    data: Buffer.from(text),
  });
  const entries = [
    file('see.mjs', transform(sees)),
    file('assembly/half.ts', SOURCE),
    ...['a', 'b', 'c', 'd'].map((name) => file(`data/${name}`, name)),
  ];
  return async (circumstances) => {
    const record: BuildRecord = { variables: {}, dependencies: [], built: new Map() };
    const source = { entries, dependencies: [] };
    await build({ recipe, source, toolchain }, options, record, circumstances);
    return record.built;
  };
}

async function vary(sees: string, only: readonly string[]): Promise<Variation> {
  const once = prepare(sees);
  const all = await variationDimensions({ root: toolchain.root, programs: ['/bin/node'] });
  const chosen = only.length === 0 ? all : all.filter(({ name }) => only.includes(name));
  const bounds = { milliseconds: 600_000, now: () => performance.now() };
  return varyBuild(await once({}), chosen, once, bounds);
}

const changing = ({ varied }: Variation): string[] =>
  varied.filter(({ changes }) => changes).map(({ name }) => name);

describe('variation of a real build', () => {
  it('calls one deterministic that only compiles, and says what was varied', async () => {
    const variation = await vary("'nothing'", []);
    expect(variation).toMatchObject({ builds: 3, deterministic: true, unstable: false });
    const applied = variation.varied.filter((each) => each.applied).map(({ name }) => name);
    const always = 'path working-directory host-name user umask locale time-zone file-order home';
    expect(applied).toEqual(expect.arrayContaining([...always.split(' '), 'environment']));
    for (const { applied: was, detail } of variation.varied)
      if (!was) expect(detail).toMatch(/^not applied: /);
  }, 120_000);

  it('finds the one of all circumstances that changes the bytes', async () => {
    const variation = await vary('hostname()', ['path', 'host-name', 'home']);
    expect(changing(variation)).toEqual(['host-name']);
    expect(variation).toMatchObject({ deterministic: false, unstable: false, modules: ['half'] });
  }, 120_000);

  it('changes every circumstance that a build can see', async () => {
    const see = `JSON.stringify({
      host: hostname(), folder: process.cwd(), user: process.getuid(), umask: process.umask(),
      locale: process.env.LANG, zone: new Date(0).getTimezoneOffset(), home: homedir(),
      environment: process.env.USER ?? 'nobody', year: new Date().getFullYear(),
      processors: availableParallelism() })`;
    const dimensions = await variationDimensions({ root: toolchain.root, programs: ['/bin/node'] });
    const seen = async (circumstances: object): Promise<Record<string, unknown>> => {
      const [bytes] = (await prepare(see)(circumstances)).values();
      const text = Buffer.from(bytes ?? []).toString('latin1');
      return JSON.parse(/\{"host".*?\}/.exec(text)?.[0] ?? '{}') as Record<string, unknown>;
    };
    const [before, after] = [await seen({}), await seen(together(dimensions))];
    const inside = '/srv-variation/builds/nested/deeper/package';
    expect(after).toMatchObject({
      ...{ host: 'variation.example', folder: inside, user: 2345, umask: 0o002 },
      ...{ locale: 'tr_TR.UTF-8', zone: -825, home: '/tmp/home-of-variation' },
      environment: 'variation',
    });
    for (const [name, value] of Object.entries(before))
      if (name !== 'year' && name !== 'processors') expect(after[name]).not.toEqual(value);
    const applied = (name: string): boolean =>
      dimensions.some((each) => each.name === name && each.circumstances !== undefined);
    expect(after['year'] !== before['year']).toBe(applied('time'));
    expect(after['processors'] !== before['processors']).toBe(applied('cpu-count'));
  }, 120_000);

  it('tells a build apart that gives other bytes of itself', async () => {
    const variation = await vary('Math.random()', []);
    expect(variation).toMatchObject({ builds: 2, unstable: true, deterministic: false });
    expect(changing(variation)).toEqual([]);
  }, 120_000);

  it('does not pretend to move the clock of a program without a loader', async () => {
    const inputs = { root: '/', programs: ['/etc/passwd'], library: '/any.so' };
    expect(await fakeTime(inputs)).toEqual({
      name: 'time',
      detail: 'not applied: /etc/passwd is not dynamically linked',
    });
  });
});

import { createHash } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { compose, parsePlan, PLAN_SCHEMA } from '@touchstone/compose';
import { Recipe, RECIPE_SCHEMA } from '@touchstone/contract';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { realToolchain } from './real-toolchain.fixture.js';
import { rebuild, type RebuildReport } from './rebuild.js';
import type { RebuildOptions } from './rebuild-options.js';
import { Sources } from './source/sources.js';
import { removeTree } from './toolchain/tree.js';

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
const section = (id: number, ...body: number[]): number[] => [id, body.length, ...body];
const text = (value: string): number[] => [value.length, ...Buffer.from(value)];
const PREAMBLE = [0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0];
const RUN_TYPE = [0x42, 2, 1, 0x40, 0, 1, 0, 4, 0, ...text('run'), 1, 0];

/** Imports the interface and exports it again, as that of another name. */
const passing = Uint8Array.from([
  ...PREAMBLE,
  ...section(7, 1, ...RUN_TYPE),
  ...section(10, 1, 0, ...text('demo:pkg/api@1.0.0'), 5, 0),
  ...section(11, 1, 0, ...text('demo:pkg/front@1.0.0'), 5, 0, 0),
]);
/** As above, the other way round. */
const giving = Uint8Array.from([
  ...PREAMBLE,
  ...section(7, 1, ...RUN_TYPE),
  ...section(10, 1, 0, ...text('demo:pkg/base@1.0.0'), 5, 0),
  ...section(11, 1, 0, ...text('demo:pkg/api@1.0.0'), 5, 0, 0),
]);

const plan = {
  schema: PLAN_SCHEMA,
  plug: { socket: 'front', plugs: ['giving'] },
  // Not in the order of canonical JSON, which the rebuild composes from.
  components: { giving: { sha256: hex(giving) }, front: { sha256: hex(passing) } },
  manifest: { composition: { tool: 'touchstone', composedBy: 'Integrator' } },
};
const files = new Map([passing, giving].map((bytes) => [hex(bytes), bytes]));
const published = compose(parsePlan(plan), files).bytes;

let server: Server;
let options: RebuildOptions;
let work = '';

beforeAll(async () => {
  server = createServer(({ url = '' }, response) => {
    const found = url === '/swapped' ? passing : files.get(url.slice(1));
    response.writeHead(found === undefined ? 404 : 200).end(found);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const real = await realToolchain('touchstone-compose', '0.1.0');
  ({ work } = real);
  const { source, cache } = real.options;
  const sources = await Sources.open(source, cache, { allowPrivate: true });
  options = { ...real.options, sources };
}, 120_000);

afterAll(async () => {
  server.close();
  await removeTree(work);
});

function recipeFor(artifact: Uint8Array, place: (sha256: string) => string): object {
  const { port } = server.address() as AddressInfo;
  return {
    schema: RECIPE_SCHEMA,
    artifact: { kind: 'upload', name: 'app.wasm', sha256: hex(artifact) },
    source: {
      kind: 'composition',
      plan,
      components: [...files.keys()].map((sha256) => ({
        sha256,
        from: { kind: 'url', url: `http://127.0.0.1:${port}/${place(sha256)}` },
      })),
    },
    toolchain: { name: 'touchstone-compose', version: '0.1.0' },
    workdir: 'source',
    steps: [{ run: ['compose', 'plan.json', '-o', 'app.wasm'] }],
    modules: [{ name: 'app', output: 'app.wasm', published: { kind: 'file', path: 'app.wasm' } }],
  };
}

function rebuilt(
  artifact: Uint8Array,
  place = (sha256: string) => sha256,
  changes: Partial<RebuildOptions> = {},
): Promise<RebuildReport> {
  const recipe = Recipe.parse(recipeFor(artifact, place));
  const readUpload = (): Promise<Uint8Array> => Promise.resolve(artifact);
  return rebuild(recipe, { ...options, ...changes, readUpload });
}

describe('a composition', () => {
  it('is rebuilt from its plan and the digests of its components', async () => {
    const { predicate, resolvedDependencies } = await rebuilt(published);
    expect([predicate.outcome, predicate.failure]).toEqual(['reproduced', undefined]);
    expect(predicate.toolchain).toMatchObject({ name: 'touchstone-compose', version: '0.1.0' });
    const named = (name: string): unknown[] =>
      resolvedDependencies.filter((one) => one.name === name).map(({ digest }) => digest);
    expect(named('component')).toEqual([...files.keys()].map((sha256) => ({ sha256 })));
    expect(named('source')).toHaveLength(1);
    const [composer, ...others] = named('composer');
    expect(others).toEqual([]);
    expect((composer as { sha256: string }).sha256).toMatch(/^[0-9a-f]{64}$/u);
  }, 120_000);

  it('that holds another component is different', async () => {
    const at = Buffer.from(published).indexOf(Buffer.from(giving));
    const substituted = published.with(at + giving.length - 8, 0x62);
    const { predicate } = await rebuilt(substituted);
    expect(predicate.outcome).toBe('different');
  }, 120_000);

  it.each([
    ['integrity-mismatch', () => 'swapped'],
    ['source-not-found', () => 'nowhere'],
  ])('whose components cannot be had is unavailable: %s', async (code, place) => {
    // With nothing cached: what was fetched once by its digest needs no place any more.
    const sources = await Sources.open(options.source, join(work, code), {
      ...{ allowPrivate: true, download: { attempts: 1 } },
    });
    const { predicate } = await rebuilt(published, place, { sources });
    expect([predicate.outcome, predicate.failure?.code]).toEqual(['unavailable', code]);
  });

  it('has a place for every component of its plan, once', () => {
    const recipe = recipeFor(published, (sha256) => sha256) as {
      source: { components: unknown[] };
    };
    const [first] = recipe.source.components;
    for (const components of [[first], [first, first]]) {
      const source = { ...recipe.source, components };
      expect(Recipe.safeParse({ ...recipe, source }).success).toBe(false);
    }
  });
});

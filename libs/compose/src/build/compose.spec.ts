import { createHash } from 'node:crypto';
import { buyer, till } from '@touchstone/kit';
import { describe, expect, it } from 'vitest';
import {
  API,
  COMPONENT,
  consumer,
  externName,
  join,
  provider,
  runModule,
  vector,
} from '../assemble.fixture.js';
import { ComposeError } from '../errors.js';
import { deriveGraph } from '../graph.js';
import { bindings } from '../real.fixture.js';
import { verifyComposition } from '../verify.js';
import { compose, type Composition } from './compose.js';
import { parsePlan, PLAN_SCHEMA } from './plan.js';
import { app, auditedApp, logger, store } from './shop.fixture.js';

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

type Parts = Readonly<Record<string, Uint8Array>>;

/** A plan over these components, and its composition. */
function composed(parts: Parts, rest: object): Composition {
  const digests = Object.entries(parts).map(([name, bytes]) => [name, { sha256: hex(bytes) }]);
  const plan = { schema: PLAN_SCHEMA, components: Object.fromEntries(digests) as object, ...rest };
  const files = new Map(Object.values(parts).map((bytes) => [hex(bytes), bytes]));
  return compose(parsePlan(plan), files);
}

const shop = { logger, store, app };
const wired = {
  instances: [
    { name: 'app', with: ['store', 'logger'] },
    { name: 'store', arguments: { 'demo:shop/sink@1.2.0': { instance: 'logger' } } },
    { name: 'logger' },
  ],
  exports: [{ instance: 'app' }],
};

const importsOf = (bytes: Uint8Array): string[] =>
  deriveGraph(bytes).imports.map(({ name }) => name);

describe('compose', () => {
  it('keeps every component byte for byte, and the derived graph is the plan', () => {
    const { bytes, imports, exports, instances } = composed(shop, wired);
    const graph = deriveGraph(bytes);
    const top = graph.nodes.filter(({ path }) => /^\/component\[\d\]$/u.test(path));
    expect(instances.map(({ name }) => name)).toEqual(['logger', 'store', 'app']);
    expect(top.map(({ digest }) => digest.sha256)).toEqual([hex(logger), hex(store), hex(app)]);
    const pathOf = new Map(instances.map(({ name }, at) => [name, `/component[${at}]`]));
    const planned = instances.flatMap(({ name, connections }) =>
      connections.map(({ import: label, from }) => ({
        ...{ from: pathOf.get(name), kind: 'import', interface: label },
        to: 'instance' in from ? pathOf.get(from.instance) : '/',
      })),
    );
    const between = graph.edges.filter(
      ({ from, kind }) => kind === 'import' && [...pathOf.values()].includes(from),
    );
    expect(between).toHaveLength(4);
    expect(new Set(between)).toEqual(new Set(planned));
    expect([imports, graph.imports]).toEqual([[], []]);
    expect(exports).toEqual(['demo:shop/front@1.1.0']);
    expect(graph.exports).toEqual([{ kind: 'instance', name: 'demo:shop/front@1.1.0' }]);
  });

  // The bytes are what rebuilds of compositions are compared with: they must not move.
  it.each([
    ['wired', shop, wired, '60eb39d0134f8eab0e2082e3186815e6a73aecb059cf999999f3d2c32de05f87'],
    [
      'plugged',
      { store, app: auditedApp },
      { plug: { socket: 'app', plugs: ['store'] } },
      'e09e956109d86e25bffb7e3c2aa04ffa5dd85ad21cfd28207172430e3915c213',
    ],
    [
      'left to the host',
      { bindings },
      { instances: [{ name: 'bindings' }], exports: [{ instance: 'bindings' }] },
      '204d5af6a2b49ce04d8c54dc92d77be27ff8574c511613cf9d7b459970d2b03c',
    ],
  ])('writes the same bytes for the same plan everywhere: %s', (_, parts, rest, digest) => {
    const { bytes } = composed(parts, rest);
    expect(composed(parts, rest).bytes).toEqual(bytes);
    expect(hex(bytes)).toBe(digest);
  });

  it('asks the host once for what several instances lack, by the newest version', () => {
    const { bytes, imports, instances } = composed(
      { store, app },
      {
        instances: [{ name: 'store' }, { name: 'app', with: ['store'] }],
        exports: [{ instance: 'app' }],
      },
    );
    // The store wants sink@1.2.0 with write alone, the app sink@1.1.0 with sum alone.
    expect(imports).toEqual(['demo:shop/sink@1.2.0']);
    expect(importsOf(bytes)).toEqual(imports);
    expect(instances[1]?.connections.at(-1)).toEqual({
      ...{ import: 'demo:shop/sink@1.1.0', from: { host: 'demo:shop/sink@1.2.0' } },
    });
    const text = Buffer.from(bytes.subarray(0, 120)).toString('latin1');
    expect(text).toContain('write');
    expect(text).toContain('sum');
  });

  it('imports the shape of types that a wired interface and the host have in common', () => {
    const { bytes, imports } = composed(
      { logger, store, app: auditedApp },
      {
        ...wired,
        imports: ['demo:shop/audit@*'],
      },
    );
    expect(imports).toEqual(['demo:shop/types@1.1.0', 'demo:shop/audit@1.1.0']);
    expect(importsOf(bytes)).toEqual(imports);
  });

  it('makes two instances of one component, which stands in the file once', () => {
    const { bytes } = composed(
      { first: logger, again: logger, store },
      {
        instances: [{ name: 'first' }, { name: 'again' }, { name: 'store', with: ['first'] }],
        exports: [
          { instance: 'store' },
          { instance: 'again', export: 'demo:shop/sink@1.2.0', as: 'demo:shop/other@1.0.0' },
        ],
      },
    );
    const { nodes } = deriveGraph(bytes);
    const found = nodes.filter(({ digest }) => digest.sha256 === hex(logger));
    expect(found.map(({ instances }) => instances)).toEqual([2]);
  });

  it('embeds the manifest that the plan asks for, and it holds', async () => {
    const claims = { composition: { tool: 'touchstone', composedBy: 'Integrator' } };
    const { bytes } = composed(shop, { ...wired, manifest: claims });
    const report = await verifyComposition(bytes);
    expect(report.findings).toEqual([]);
    const bare = composed(shop, wired).bytes;
    expect(bytes.subarray(0, bare.length)).toEqual(bare);
  });
});

/** Exports API as a function of the name, which its consumer wants as an instance. */
const otherSort = join(
  COMPONENT,
  vector(7, [0x40, 0x00, 0x01, 0x00]),
  vector(10, join(externName('run'), [0x01, 0x00])),
  vector(11, join(externName(API), [0x01, 0x00, 0x00])),
);

const circle = {
  instances: [
    { name: 'one', component: 'consumer', arguments: give('two') },
    { name: 'two', component: 'consumer', arguments: give('one') },
  ],
  exports: [{ instance: 'one' }],
};

function give(instance: string): object {
  return { [API]: { instance, export: 'demo:pkg/front@1.0.0' } };
}

const lift = (...instances: object[]): object => ({
  instances,
  exports: [{ instance: 'consumer' }],
});

describe('a plan that cannot be carried out', () => {
  const two = { one: provider(0), two: provider(1), consumer: consumer() };
  it.each<[string, Parts, object, string]>([
    ['component-unknown', two, lift({ name: 'consumer', component: 'nobody' }), 'consumer'],
    ['instance-unknown', two, lift({ name: 'consumer', arguments: give('ghost') }), 'consumer'],
    ['instance-unknown', two, lift({ name: 'consumer', with: ['ghost'] }), 'consumer'],
    ['instance-duplicate', two, lift({ name: 'consumer' }, { name: 'consumer' }), 'consumer'],
    [
      'import-unknown',
      two,
      lift({ name: 'one' }, { name: 'consumer', arguments: { other: { instance: 'one' } } }),
      'consumer',
    ],
    [
      'export-unknown',
      two,
      lift({ name: 'one' }, { name: 'consumer', arguments: give('one') }),
      'one',
    ],
    [
      'wiring-ambiguous',
      two,
      lift({ name: 'one' }, { name: 'two' }, { name: 'consumer', with: ['one', 'two'] }),
      'consumer',
    ],
    ['wiring-cycle', two, circle, 'one'],
    [
      'plug-unused',
      { ...two, bindings },
      { plug: { socket: 'consumer', plugs: ['one', 'bindings'] } },
      'bindings',
    ],
    ['import-unsatisfied', two, { ...lift({ name: 'consumer' }), imports: ['wasi:*'] }, 'consumer'],
    [
      'export-duplicate',
      two,
      {
        instances: [{ name: 'one' }, { name: 'two' }],
        exports: [{ instance: 'one' }, { instance: 'two' }],
      },
      'two',
    ],
    [
      'type-mismatch',
      { otherSort, consumer: consumer() },
      lift(
        { name: 'otherSort' },
        { name: 'consumer', arguments: { [API]: { instance: 'otherSort' } } },
      ),
      'consumer',
    ],
    ['component-expected', { consumer: runModule() }, lift({ name: 'consumer' }), 'consumer'],
  ])('%s', (code, parts, rest, node) => {
    expect(refusal(() => composed(parts, rest))).toMatchObject({ code, node });
  });

  it('names the path to the type that does not fit', () => {
    // The same length and names, but the price has a sign, wherever the store speaks of it.
    const price = Buffer.from('price').toString('latin1');
    const text = Buffer.from(store).toString('latin1').replaceAll(`${price}y`, `${price}z`);
    const signed = Uint8Array.from(Buffer.from(text, 'latin1'));
    const { message } = refusal(() => composed({ ...shop, store: signed }, wired));
    expect(message).toBe(
      'app, given by store by demo:shop/types@1.2.0: import demo:shop/types@1.1.0 › type item › field price › s32 vs u32',
    );
  });

  const wiredTill = (checkout: string): object => ({
    instances: [
      { name: 'left', component: 'till' },
      { name: 'right', component: 'till' },
      {
        name: 'buyer',
        arguments: {
          'demo:till/types@1.0.0': { instance: 'left' },
          'demo:till/checkout@1.0.0': { instance: checkout },
        },
      },
    ],
    exports: [{ instance: 'buyer' }],
  });

  it("does not take one instance's resource for that of another", () => {
    expect(composed({ till, buyer }, wiredTill('left')).exports).toEqual(['demo:till/front@1.0.0']);
    const { code, message } = refusal(() => composed({ till, buyer }, wiredTill('right')));
    expect(code).toBe('type-mismatch');
    expect(message).toContain('basket');
  });

  it('leaves no interface to the host that uses a resource from within', () => {
    const half = {
      instances: [
        { name: 'till' },
        { name: 'buyer', arguments: { 'demo:till/types@1.0.0': { instance: 'till' } } },
      ],
      exports: [{ instance: 'buyer' }],
    };
    const { code, node } = refusal(() => composed({ till, buyer }, half));
    expect([code, node]).toEqual(['import-entangled', 'buyer']);
  });

  it('refuses components that are not the ones of the plan', () => {
    const sha256 = hex(logger);
    const plan = parsePlan({
      ...{ schema: PLAN_SCHEMA, components: { logger: { sha256 } } },
      ...{ instances: [{ name: 'logger' }], exports: [{ instance: 'logger' }] },
    });
    expect(refusal(() => compose(plan, new Map()))).toMatchObject({ code: 'component-unknown' });
    const other = new Map([[sha256, store]]);
    expect(refusal(() => compose(plan, other))).toMatchObject({
      code: 'component-digest-mismatch',
    });
  });

  it.each([
    [{ schema: 'https://example.com' }, 'schema'],
    [{ schema: PLAN_SCHEMA, components: {} }, 'instances'],
    [{ schema: PLAN_SCHEMA, components: { a: { sha256: 'AB' } } }, 'components.a.sha256'],
    [{ schema: PLAN_SCHEMA, components: {}, instances: [{ name: 'a' }] }, 'exports'],
  ])('is malformed: %j', (value, field) => {
    const { code, message } = refusal(() => parsePlan(value));
    expect([code, message.split(': ')[1]]).toEqual(['plan-malformed', field]);
  });
});

function refusal(run: () => unknown): ComposeError {
  try {
    run();
  } catch (error) {
    if (error instanceof ComposeError) return error;
    throw error;
  }
  throw new Error('nothing thrown');
}

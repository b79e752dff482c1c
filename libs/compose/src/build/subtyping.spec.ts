import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { join, MODULE, runModule, section, text, vector, type Bytes } from '../assemble.fixture.js';
import { ComposeError } from '../errors.js';
import { deriveGraph } from '../graph.js';
import { compose, type Composition } from './compose.js';
import {
  component,
  types,
  importAs,
  exportAs,
  aliasOf,
  instanceType,
  componentType,
  typeDecl,
  exportDecl,
  importDecl,
  giving,
  wanting,
  making,
  usingTypes,
  naming,
  chained,
  MODULE_SORT,
  FUNC,
  COMPONENT_SORT,
  INSTANCE,
  KINDS,
  RESOURCE,
  equals,
  FUNC_TYPE,
} from './kinds.fixture.js';
import { parsePlan, PLAN_SCHEMA } from './plan.js';

const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function composed(parts: Readonly<Record<string, Uint8Array>>, rest: object): Composition {
  const digests = Object.entries(parts).map(([name, bytes]) => [name, { sha256: hex(bytes) }]);
  const plan = { schema: PLAN_SCHEMA, components: Object.fromEntries(digests) as object, ...rest };
  const files = new Map(Object.values(parts).map((bytes) => [hex(bytes), bytes]));
  return compose(parsePlan(plan), files);
}

const plugged = { plug: { socket: 'socket', plugs: ['plug'] } };
/** Each is left to the host with all that it asks for; the last one's exports are lifted. */
const beside = (...names: string[]): object => ({
  instances: names.map((name) => ({ name })),
  exports: [{ instance: names.at(-1) }],
});

/** `taken`, or the code of the refusal and what the message ends with. */
function outcome(parts: Readonly<Record<string, Uint8Array>>, rest: object): readonly string[] {
  try {
    composed(parts, rest);
    return ['taken'];
  } catch (error) {
    if (!(error instanceof ComposeError)) throw error;
    return [error.code, error.message];
  }
}

/** An interface and the functions in it. */
type Offer = readonly [name: string, ...funcs: string[]];

describe('what is given for an import', () => {
  it.each<[string, Offer, Offer, string, string?]>([
    ['more than is asked for', ['a:b/c', 'f', 'g'], ['a:b/c', 'f'], 'taken'],
    [
      'less',
      ['a:b/c', 'f'],
      ['a:b/c', 'f', 'g'],
      'type-mismatch',
      'a:b/c › func g › nothing vs func()',
    ],
    ['a later version', ['a:b/c@1.2.0', 'f'], ['a:b/c@1.0.0', 'f'], 'taken'],
    ['an earlier version that has all', ['a:b/c@1.0.0', 'f'], ['a:b/c@1.2.0', 'f'], 'taken'],
    [
      'an earlier version that lacks something',
      ['a:b/c@1.0.0', 'f'],
      ['a:b/c@1.2.0', 'f', 'g'],
      'type-mismatch',
      'a:b/c@1.2.0 › func g › nothing vs func()',
    ],
    ['another track', ['a:b/c@1.0.0', 'f'], ['a:b/c@2.0.0', 'f'], 'plug-unused', 'imports'],
  ])('%s', (_, given, wanted, code, end = '') => {
    const parts = { plug: giving(...given), socket: wanting(...wanted) };
    const [is, message = ''] = outcome(parts, plugged);
    expect(is).toBe(code);
    expect(message.endsWith(end)).toBe(true);
  });

  it('is of the version that must fit, where another one might', () => {
    const parts = {
      older: giving('a:b/c@1.0.0', 'f'),
      newer: giving('a:b/c@1.3.0', 'f'),
      socket: wanting('a:b/c@1.2.0', 'f'),
    };
    const { instances } = composed(parts, {
      instances: [
        { name: 'older' },
        { name: 'newer' },
        { name: 'socket', with: ['older', 'newer'] },
      ],
      exports: [{ instance: 'socket' }],
    });
    expect(instances.at(-1)?.connections).toEqual([
      { import: 'a:b/c@1.2.0', from: { instance: 'newer', export: 'a:b/c@1.3.0' } },
    ]);
  });

  const x = [typeDecl(FUNC_TYPE), importDecl('x', ...FUNC, 0)];
  const nesting = (...inner: Bytes[]): Uint8Array =>
    component(section(4, component(...inner)), exportAs('c', COMPONENT_SORT, 0));
  const wantingComponent = (...declarations: Bytes[]): Uint8Array =>
    component(types(componentType(...declarations)), importAs('c', ...COMPONENT_SORT, 0));
  it('may be a component that imports less, and not one that imports more', () => {
    const importing = nesting(types(FUNC_TYPE), importAs('x', ...FUNC, 0));
    expect(outcome({ plug: nesting(), socket: wantingComponent(...x) }, plugged)).toEqual([
      'taken',
    ]);
    expect(outcome({ plug: importing, socket: wantingComponent(...x) }, plugged)).toEqual([
      'taken',
    ]);
    expect(outcome({ plug: importing, socket: wantingComponent() }, plugged)).toEqual([
      'type-mismatch',
      'socket, given by plug by c: import c › import x › nothing vs func()',
    ]);
  });

  it('may be a core module', () => {
    const plug = component(section(1, runModule()), exportAs('m', MODULE_SORT, 0));
    const type = [0x50, 0x02, 0x01, 0x60, 0x00, 0x00, 0x03, ...text('run'), 0x00, 0x00];
    const socket = component(
      vector(3, type),
      importAs('m', ...MODULE_SORT, 0),
      vector(2, [0x00, 0x00, 0x00]),
    );
    const { bytes } = composed({ plug, socket }, plugged);
    expect(deriveGraph(bytes).edges).toContainEqual({
      ...{ from: '/component[1]', to: '/component[0]', kind: 'import', interface: 'm' },
    });
    const [code, message] = outcome({ plug: emptyModule(), socket }, plugged);
    expect([code, message?.endsWith('export run › nothing vs func () -> ()')]).toEqual([
      'type-mismatch',
      true,
    ]);
  });
});

function emptyModule(): Uint8Array {
  return component(section(1, MODULE), exportAs('m', MODULE_SORT, 0));
}

describe('a type that is another name of one that is given', () => {
  it('is given with it', () => {
    const socket = component(usingTypes, importAs('mine', ...equals(1)));
    const { imports, instances } = composed({ plug: making, socket }, plugged);
    expect(imports).toEqual([]);
    const from = { instance: 'plug', export: 'a:b/types' };
    expect(instances.at(-1)?.connections).toEqual([
      { import: 'a:b/types', from },
      { import: 'mine', from },
    ]);
  });

  it('is not known to the host', () => {
    const taking = join([0x40, 0x01], text('x'), [0x03, 0x01, 0x00]);
    const socket = component(
      usingTypes,
      importAs('mine', ...equals(1)),
      types([0x69, 0x02], taking),
      importAs('f', ...FUNC, 4),
    );
    expect(outcome({ plug: making, socket }, plugged)[0]).toBe('import-entangled');
  });
});

describe('what is left to the host', () => {
  const U8 = [0x70, 0x7d];
  const TEXT = [0x73];
  it.each<[string, Uint8Array, Uint8Array, string, string[]]>([
    ['alike by two', naming('a:b/c', U8), naming('a:b/c', U8), 'taken', ['a:b/c']],
    [
      'by its newest version',
      naming('a:b/c@1.0.0', U8),
      naming('a:b/c@1.1.0', U8),
      'taken',
      ['a:b/c@1.1.0'],
    ],
    ['otherwise by one', naming('a:b/c', U8), naming('a:b/c', TEXT), 'type-mismatch', []],
    [
      'by one that knows less of it',
      component(
        types(instanceType(exportDecl('r', ...RESOURCE))),
        importAs('a:b/d', ...INSTANCE, 0),
      ),
      chained('a:b/c', 'a:b/d'),
      'taken',
      ['a:b/c', 'a:b/d'],
    ],
    ['in a circle', chained('a:b/c', 'a:b/d'), chained('a:b/d', 'a:b/c'), 'import-entangled', []],
    [
      'by what is a function to one',
      wanting('f', 'g'),
      component(types(FUNC_TYPE), importAs('f', ...FUNC, 0)),
      'type-mismatch',
      [],
    ],
  ])('is asked for %s', (_, first, second, code, imports) => {
    const rest = beside('first', 'second');
    expect(outcome({ first, second }, rest)[0]).toBe(code);
    if (code === 'taken') expect(composed({ first, second }, rest).imports).toEqual(imports);
  });

  const nestedType = instanceType(
    typeDecl(instanceType(exportDecl('r', ...RESOURCE))),
    exportDecl('inner', ...INSTANCE, 0),
  );
  const anyCore = (type: Bytes): Uint8Array =>
    component(vector(3, type), importAs('m', ...MODULE_SORT, 0));
  it.each<[string, Uint8Array, string]>([
    [
      'an instance in an instance, and a function of its resource',
      component(
        types(nestedType),
        importAs('a:b/c', ...INSTANCE, 0),
        vector(6, join(INSTANCE, [0x00, 0x00], text('inner'))),
        aliasOf(1, 'r'),
        types([0x69, 0x01], join([0x40, 0x01], text('x'), [0x02, 0x01, 0x00])),
        importAs('f', ...FUNC, 3),
      ),
      'taken',
    ],
    [
      'a component with resources of its own',
      component(
        types(
          componentType(
            importDecl('r', ...RESOURCE),
            exportDecl('s', ...RESOURCE),
            typeDecl([0x69, 0x00]),
            typeDecl(join([0x40, 0x01], text('x'), [0x02, 0x01, 0x00])),
            exportDecl('f', ...FUNC, 3),
          ),
        ),
        importAs('c', ...COMPONENT_SORT, 0),
      ),
      'taken',
    ],
    [
      'a core module with memory, table and global',
      anyCore(
        join(
          [0x50, 0x03],
          join([0x00], text('e'), text('m'), [0x02, 0x05, 0x01, 0x80, 0x02]),
          join([0x03], text('t'), [0x01, 0x70, 0x00, 0x02]),
          join([0x03], text('g'), [0x03, 0x7e, 0x01]),
        ),
      ),
      'taken',
    ],
    [
      'a core module of types that only it defines',
      anyCore(
        join(
          [0x50, 0x02, 0x01, 0x60, 0x01, 0x64, 0x00, 0x00],
          join([0x03], text('f'), [0x00, 0x00]),
        ),
      ),
      'item-unsupported',
    ],
    ['a value', component(importAs('v', 0x02, 0x01, 0x7d)), 'item-unsupported'],
  ])('%s', (_, asking, code) => {
    expect(outcome({ asking }, beside('asking'))[0]).toBe(code);
  });
});

// As for other compositions: what rebuilds are compared with must not move.
describe('bytes', () => {
  it('are the same for imports of all sorts', () => {
    const parts = Object.fromEntries(KINDS.map((bytes, at) => [`k${at}`, bytes]));
    const { bytes, imports } = composed(parts, {
      ...{ instances: Object.keys(parts).map((name) => ({ name })) },
      exports: [{ instance: 'k0' }, { instance: 'k2' }, { instance: 'k4' }],
    });
    expect(imports).toEqual([
      ...['m', 'c', 'a:b/c', 'a:b/d', 'a:b/types', 'mine', 'given', 'a:b/e@1.2.0'],
    ]);
    expect(hex(bytes)).toBe('76cd1ffb18d1c9724e1a5db3a32dc977cb7e2224ba05a776094e490d73b32720');
  });
});

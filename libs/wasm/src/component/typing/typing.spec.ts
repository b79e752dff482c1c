import { describe, expect, it } from 'vitest';

import { join, leb, text, vector, type Bytes } from '../../assemble.fixture.js';
import {
  aliases,
  canons,
  component,
  coreTypes,
  exports,
  externName,
  funcType,
  imports,
  instances,
  nested,
  start,
  types,
} from '../assemble.fixture.js';
import { readComponent } from '../component.js';
import { adder, asynchronous, bindings, declarations, nesting } from '../real.fixture.js';
import { typeComponent, type WiringMismatch } from './resolve-component.js';
import { unnamed } from './shapes.js';
import {
  borrow,
  exportDecl,
  FUNC,
  func,
  instanceType,
  listOf,
  codeOf,
  own,
  record,
  RESOURCE,
  typeDecl,
  typed,
  U32,
  U8,
} from './types.fixture.js';

const named = (name: string, ...type: number[]): Uint8Array => join(externName(name), type);
const RESOURCE_TYPE = [0x3f, 0x7f, 0x00];

describe('components that wasm-tools wrote', () => {
  it.each(Object.entries({ adder, bindings, declarations, nesting }))('types %s', (_, bytes) => {
    expect(typed(bytes)).toMatchObject({ kind: 'component' });
  });

  it('follows indices, names and resources', () => {
    const { imports: imported, exports: exported } = typed(bindings);
    expect([...imported.keys()]).toEqual(['demo:pkg/shapes@0.1.0']);
    expect([...exported.keys()]).toEqual(['run', 'other']);
    const shapes = imported.get('demo:pkg/shapes@0.1.0');
    if (shapes?.sort !== 'instance') throw new Error('no instance');
    const area = shapes.type.exports.get('[method]shape.area');
    const shape = shapes.type.exports.get('shape');
    if (area?.sort !== 'func' || shape?.sort !== 'type') throw new Error('no method');
    expect(area.type.params).toMatchObject([{ name: 'self', type: { kind: 'borrow' } }]);
    const [self] = area.type.params;
    expect((self?.type as { resource: unknown }).resource).toBe(unnamed(shape.type));
  });
});

/** A component that imports an instance `i` with `f`, whose only parameter is of a type. */
const consumer = (type: Bytes): Uint8Array =>
  component(
    types(instanceType(typeDecl(type), typeDecl(func([['x', 0]])), exportDecl('f', FUNC, 1))),
    imports(named('i', 0x05, 0x00)),
  );
/** Gives the consumer an instance that it imports itself. */
const wired = (wanted: Bytes, given: Bytes): Uint8Array =>
  component(
    nested(consumer(wanted)),
    types(instanceType(typeDecl(given), typeDecl(func([['x', 0]])), exportDecl('f', FUNC, 1))),
    imports(named('i', 0x05, 0x00)),
    instances(join([0x00, 0x00], leb(1), [0x01, 0x69, 0x05, 0x00])),
  );

describe('instantiation', () => {
  it('takes arguments of a fitting type', () => {
    expect(codeOf(wired(listOf(U8), listOf(U8)))).toBe('taken');
  });

  it('refuses arguments of another type, with the path', () => {
    const bytes = wired(listOf(U8), listOf(U32));
    expect(() => typed(bytes)).toThrow(
      expect.objectContaining({
        code: 'type-mismatch',
        reason: 'import i › func f › param x › element › u32 vs u8',
      }),
    );
    const found: WiringMismatch[] = [];
    typeComponent(bytes, readComponent(bytes), { onMismatch: (each) => found.push(each) });
    expect(found).toMatchObject([{ node: '/', mismatch: { code: 'type-different' } }]);
    expect([...bytes.subarray((found[0]?.offset ?? 0) - 3)].slice(0, 3)).toEqual([5, 8, 1]);
  });

  it('refuses an argument that is left out', () => {
    const bytes = component(nested(consumer(listOf(U8))), instances([0x00, 0x00, 0x00]));
    expect(codeOf(bytes)).toBe('argument-missing');
  });

  /** Exports a resource `r` of its own, and a function `take` that takes one. */
  const maker = component(types(RESOURCE_TYPE), exports(named('r', 0x03, 0x00, 0x00)));
  /** Imports a resource and something of another that must be the same. */
  const taker = component(imports(named('r', ...RESOURCE), named('s', 0x03, 0x00, 0x00)));
  const sharing = (second: number): Uint8Array =>
    component(
      nested(maker),
      nested(taker),
      instances([0x00, 0x00, 0x00], [0x00, 0x00, 0x00]),
      aliases([0x03, 0x00, 0x00, 0x01, 0x72], [0x03, 0x00, 0x01, 0x01, 0x72]),
      instances(
        join([0x00, 0x01], leb(2), [0x01, 0x72, 0x03, 0x00], [0x01, 0x73, 0x03], leb(second)),
      ),
    );

  it('makes resources anew with every instance', () => {
    expect(codeOf(sharing(0))).toBe('taken');
    expect(codeOf(sharing(1))).toBe('type-mismatch');
  });
});

describe('what is refused', () => {
  const method = func([['self', 1]]);
  const withMethod = (name: string, type: Bytes): Uint8Array =>
    component(
      types(
        instanceType(
          exportDecl('r', ...RESOURCE),
          typeDecl(borrow(0)),
          typeDecl(type),
          exportDecl(name, FUNC, 2),
        ),
      ),
    );
  it('takes a method of its resource', () => {
    expect(codeOf(withMethod('[method]r.get', method))).toBe('taken');
  });

  /** An instance of a resource and a function that is named after it. */
  const bag = component(
    imports(named('r', ...RESOURCE)),
    types(own(0), func([], 1)),
    imports(named('f', FUNC, 2)),
    instances(join([0x01], vector([named('r', 0x03, 0x00), named('[constructor]r', FUNC, 0x00)]))),
  );
  /** `resource.rep` of a resource that a component inside defines. */
  const represented = component(
    nested(component(types(RESOURCE_TYPE), exports(named('r', 0x03, 0x00, 0x00)))),
    instances([0x00, 0x00, 0x00]),
    aliases([0x03, 0x00, 0x00, 0x01, 0x72]),
    canons([0x04, 0x00]),
  );
  const twice = [start([0x00, 0x00, 0x00]), start([0x00, 0x00, 0x00])];
  const suffixed = (sort: number): Uint8Array =>
    component(
      types(sort === FUNC ? funcType : instanceType()),
      imports(join([0x02], text('a:b/c@1'), [0x01, 0x01], text('.2.3'), [sort, 0x00])),
    );
  const memoryOf = (...limits: number[]): Uint8Array =>
    component(coreTypes(join([0x50], vector([join([0x00], text(''), text(''), [0x02], limits)]))));
  /** An index where a type may stand as well: signed, of one or two bytes. */
  const index = (at: number): number[] => (at < 64 ? [at] : [(at & 0x7f) | 0x80, at >> 7]);
  const deep = (levels: number): Uint8Array =>
    component(
      types(
        ...Array.from({ length: levels }, (_, at) => [0x70, ...(at === 0 ? [U8] : index(at - 1))]),
      ),
    );
  const wide = (levels: number): Uint8Array =>
    component(
      types(
        ...Array.from({ length: levels }, (_, at) =>
          at === 0 ? [0x6f, 0x02, U8, U8] : [0x6f, 0x02, at - 1, at - 1],
        ),
      ),
    );

  it.each<[string, Uint8Array, string]>([
    ['a value of a function type', component(types(funcType, [0x70, 0x00])), 'type-mismatch'],
    ['a handle of no resource', component(types([0x70, U8], own(0))), 'type-mismatch'],
    [
      'an instance of a function type',
      component(types(funcType), imports(named('a', 0x05, 0))),
      'type-mismatch',
    ],
    ['a borrowed result', component(types(RESOURCE_TYPE, borrow(0), func([], 1))), 'type-mismatch'],
    ['a field that is no label', component(types(record(['Aa', U8]))), 'name-invalid'],
    [
      'a field twice but for case',
      component(types(record(['a', U8], ['A', U8]))),
      'name-duplicate',
    ],
    [
      'a name that is none',
      component(types(funcType), imports(named('a_b', 0x01, 0))),
      'name-invalid',
    ],
    [
      'an interface of no version',
      component(types(funcType), imports(named('a:b/c@1.x', 0x01, 0))),
      'name-invalid',
    ],
    [
      'an import twice but for case',
      component(types(funcType), imports(named('a', 1, 0), named('A', 1, 0))),
      'name-duplicate',
    ],
    [
      'a method of nothing',
      component(types(funcType), imports(named('[method]a.b', 0x01, 0))),
      'name-invalid',
    ],
    ['a method without self', withMethod('[method]r.get', func([])), 'name-invalid'],
    ['a constructor of something else', withMethod('[constructor]r', func([])), 'name-invalid'],
    [
      'an alias of nothing',
      component(
        types(instanceType()),
        imports(named('i', 0x05, 0)),
        aliases([0x01, 0x00, 0x00, 0x01, 0x61]),
      ),
      'export-unknown',
    ],
    [
      'an alias of another sort',
      component(
        types(instanceType(exportDecl('r', ...RESOURCE))),
        imports(named('i', 0x05, 0)),
        aliases([0x01, 0x00, 0x00, 0x01, 0x72]),
      ),
      'type-mismatch',
    ],
    [
      'a resource in another component',
      component(types(RESOURCE_TYPE), nested(component(aliases([0x03, 0x02, 0x01, 0x00])))),
      'type-mismatch',
    ],
    [
      'a representation that is not its own',
      component(imports(named('r', ...RESOURCE)), canons([0x04, 0x00])),
      'type-mismatch',
    ],
    [
      'lowering without a memory',
      component(
        types(func([['x', 0x73]])),
        imports(named('f', 0x01, 0)),
        canons([0x01, 0x00, 0x00, 0x00]),
      ),
      'type-mismatch',
    ],
    ['a constructor in an instance that only collects', bag, 'name-invalid'],
    ['a representation that an instance hides', represented, 'type-mismatch'],
    ['a suffix of a version on a function', suffixed(FUNC), 'name-invalid'],
    ['a suffix of a version on an instance', suffixed(0x05), 'taken'],
    [
      'a second start',
      component(types(funcType), imports(named('f', FUNC, 0)), ...twice),
      'type-mismatch',
    ],
    [
      'a supertype that is final',
      component(coreTypes([0x5f, 0x00], [0x00, 0x50, 0x01, 0x00, 0x5f, 0x00])),
      'type-mismatch',
    ],
    [
      'a supertype that is open',
      component(coreTypes([0x00, 0x50, 0x00, 0x5f, 0x00], [0x00, 0x50, 0x01, 0x00, 0x5f, 0x00])),
      'taken',
    ],
    [
      'an open type in a module type',
      component(coreTypes([0x50, 0x01, 0x01, 0x50, 0x00, 0x5f, 0x00])),
      'taken',
    ],
    ['a memory of all addresses', memoryOf(0x00, ...leb(65_536)), 'taken'],
    ['a memory of more', memoryOf(0x00, ...leb(65_537)), 'type-malformed'],
    ['a memory of more, of 64 bits', memoryOf(0x04, ...leb(65_537)), 'taken'],
    ['a memory of less than it has', memoryOf(0x01, 0x02, 0x01), 'type-malformed'],
    ['a shared memory without an end', memoryOf(0x02, 0x01), 'type-malformed'],
    ['options that a built-in cannot have', asynchronous, 'type-mismatch'],
    ['types nested too deep', deep(300), 'depth-exceeded'],
    ['types that double at every level', wide(40), 'type-too-large'],
  ])('%s', (_, bytes, code) => {
    expect(codeOf(bytes)).toBe(code);
  });
});

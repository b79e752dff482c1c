import { describe, expect, it } from 'vitest';

import {
  custom,
  join,
  leb,
  module,
  section,
  text,
  vector,
  type Bytes,
} from '../assemble.fixture.js';
import { WasmError } from '../errors.js';
import {
  aliases,
  canons,
  component,
  componentPreamble,
  coreInstances,
  coreModule,
  coreTypes,
  exports,
  externName,
  funcType,
  imports,
  instances,
  labelled,
  nested,
  nestedLevels,
  start,
  types,
  values,
} from './assemble.fixture.js';
import { readBinary, readComponent, walkNodes } from './component.js';
import { validateStructure } from './validate.js';

const refusalOf = (action: () => unknown): unknown => {
  try {
    action();
  } catch (error) {
    if (error instanceof WasmError) return { code: error.code, offset: error.offset };
    throw error;
  }
  return undefined;
};

const importOf = (name: string, ...type: number[]): Uint8Array => join(externName(name), type);

describe('readComponent', () => {
  it('reads an empty one', () => {
    const node = readComponent(component());
    expect(node).toMatchObject({ kind: 'component', path: '/', offset: 0, size: 8, sections: [] });
    expect(node.spaces.type).toEqual([]);
  });

  it('places every section of every level in the file', () => {
    const inner = component(custom('deep'), coreModule(module(custom('core'))));
    const bytes = component(custom('a'), coreModule(module()), nested(inner), custom('z'));
    const root = readComponent(bytes);
    const found = [...walkNodes(root)].map(({ path, offset, sections }) => ({
      path,
      offset,
      sections: sections.map((each) => [each.name, each.customName, each.offset]),
    }));
    expect(found).toEqual([
      {
        path: '/',
        offset: 0,
        sections: [
          ['custom', 'a', 8],
          ['core module', undefined, 12],
          ['component', undefined, 22],
          ['custom', 'z', 56],
        ],
      },
      { path: '/module[0]', offset: 14, sections: [] },
      {
        path: '/component[0]',
        offset: 24,
        sections: [
          ['custom', 'deep', 32],
          ['core module', undefined, 39],
        ],
      },
      { path: '/component[0]/module[0]', offset: 41, sections: [['custom', 'core', 49]] },
    ]);
  });

  it('says which definition each index means', () => {
    const root = readComponent(
      component(
        types(funcType, [0x70, 0x7d]),
        imports(importOf('f', 0x01, 0x00), importOf('t', 0x03, 0x01)),
        exports(join(externName('g'), [0x01, 0x00, 0x00])),
        canons([0x01, 0x00, 0x01, 0x00]),
      ),
    );
    expect(root.definitions.map(({ kind, offset, size }) => [kind, offset, size])).toEqual([
      ['type', 11, 4],
      ['type', 15, 2],
      ['import', 20, 5],
      ['import', 25, 5],
      ['export', 33, 6],
      ['canon', 42, 4],
    ]);
    expect(root.spaces).toMatchObject({ type: [0, 1, 3], func: [2, 4], 'core func': [5] });
  });

  it('reads the definitions of tools to come: values, start, attributes', () => {
    const root = readComponent(
      component(
        values([0x7d, 0x01, 0x2a]),
        types(funcType),
        imports(join([0x02], text('a'), [0x01, 0x00], text('b:c/d'), [0x01, 0x00])),
        start([0x00, 0x01, 0x00, 0x02]),
      ),
    );
    expect(root.definitions.slice(2)).toMatchObject([
      { kind: 'import', name: { name: 'a', implements: 'b:c/d' } },
      { kind: 'start', func: 0, args: [0], results: 2 },
    ]);
    expect(root.spaces.value).toEqual([0, 3, 3]);
  });

  it('reads padded integers in core modules, and in components where it is told to', () => {
    const padded = module([0x01, 0x81, 0x80, 0x00, 0x00]);
    const bytes = component(coreModule(padded));
    expect(readComponent(bytes).children).toHaveLength(1);
    expect(refusalOf(() => readComponent(bytes, { canonicalModules: true }))).toEqual({
      code: 'leb-overlong',
      offset: 19,
    });
    const paddedHeader = component([0x07, 0x81, 0x00, 0x00]);
    expect(refusalOf(() => readComponent(paddedHeader))).toEqual({
      code: 'leb-overlong',
      offset: 9,
    });
    expect(readComponent(paddedHeader, { canonical: false }).sections).toHaveLength(1);
  });
});

const body = (...bytes: Bytes[]): Uint8Array => component(...bytes);
const type = (...bytes: number[]): Uint8Array => body(types(bytes));

describe('what is refused', () => {
  it.each<[string, Uint8Array, string, number]>([
    ['a module', module(), 'component-expected', 6],
    ['a component of another version', component().with(4, 0x0e), 'version-unsupported', 4],
    ['a module with a component version', module().with(4, 0x0d), 'version-unsupported', 4],
    ['a cut preamble', component().subarray(0, 7), 'truncated', 7],
    ['an unknown section', body(section(13)), 'section-unknown', 8],
    ['a section longer than the file', body([7, 5, 0, 0]), 'section-overrun', 8],
    ['a section longer than what it holds', body(section(7, [0, 0])), 'section-trailing-bytes', 11],
    ['a count beyond its section', body(section(7, [9, 0x7f])), 'count-too-large', 10],
    [
      'a nested component over its section',
      body(nested([...componentPreamble, 7, 1])),
      'section-overrun',
      18,
    ],
    [
      'a component dressed as core module',
      body(coreModule(component())),
      'component-unsupported',
      16,
    ],
    ['a module dressed as component', body(nested(module())), 'component-expected', 16],
    ['anything else as core module', body(coreModule([1, 2])), 'not-wasm', 10],
    ['an unknown type', type(0x3e), 'type-malformed', 11],
    ['an unknown primitive', type(0x70, 0x60), 'type-malformed', 12],
    ['a type by an index to come', type(0x70, 0x00), 'index-out-of-range', 12],
    ['an empty record', type(0x72, 0x00), 'type-malformed', 11],
    ['an empty variant', type(0x71, 0x00), 'type-malformed', 11],
    ['an empty tuple', type(0x6f, 0x00), 'type-malformed', 11],
    ['empty flags', type(0x6e, 0x00), 'type-malformed', 11],
    ['a list of length 0', type(0x67, 0x7d, 0x00), 'type-malformed', 11],
    ['a case without its end', type(0x71, 0x01, 0x01, 0x61, 0x00, 0x01), 'type-malformed', 16],
    ['a label twice', type(0x6d, 0x02, 0x01, 0x61, 0x01, 0x61), 'name-duplicate', 15],
    ['named results', type(0x40, 0x00, 0x01, 0x01), 'type-malformed', 13],
    ['a resource in a type', type(0x42, 0x01, 0x01, 0x3f, 0x7f, 0x00), 'type-malformed', 14],
    ['an import in an instance type', type(0x42, 0x01, 0x03, 0x00), 'type-malformed', 13],
    [
      'a second import',
      body(types(funcType), imports(importOf('a', 1, 0), importOf('a', 1, 0))),
      'name-duplicate',
      23,
    ],
    ['an instance of no component', body(instances([0x00, 0x00, 0x00])), 'index-out-of-range', 12],
    ['an instance of no form', body(instances([0x02, 0x00])), 'definition-malformed', 11],
    [
      'a core instance of no module',
      body(coreInstances([0x00, 0x00, 0x00])),
      'index-out-of-range',
      12,
    ],
    ['an alias of no instance', body(aliases([0x01, 0x00, 0x00, 0x00])), 'index-out-of-range', 13],
    ['an alias beyond the file', body(aliases([0x03, 0x02, 0x01, 0x00])), 'index-out-of-range', 13],
    [
      'an outer alias of a func',
      body(types(funcType), imports(importOf('a', 1, 0)), aliases([0x01, 0x02, 0x00, 0x00])),
      'definition-malformed',
      26,
    ],
    ['an unknown sort', body(aliases([0x06, 0x00, 0x00, 0x00])), 'definition-malformed', 11],
    ['an unknown canonical function', body(canons([0x7f])), 'definition-malformed', 11],
    ['an unknown canonical option', body(canons([0x1c, 0x01, 0x09])), 'definition-malformed', 13],
    ['two string encodings', body(canons([0x1c, 0x02, 0x00, 0x01])), 'definition-malformed', 14],
    [
      'a canonical function of no func',
      body(canons([0x01, 0x00, 0x00, 0x00])),
      'index-out-of-range',
      13,
    ],
    [
      'a prefixed subtype where no module type can be',
      body(coreTypes([0x50, 0x01, 0x01, 0x00, 0x50, 0x00, 0x5f, 0x00])),
      'type-malformed',
      14,
    ],
    ['a value longer than its section', body(values([0x7d, 0x05, 0x00])), 'truncated', 13],
    [
      'an export of another sort than its type',
      body(types(funcType), exports(join(externName('a'), [0x03, 0x00, 0x01, 0x01, 0x00]))),
      'definition-malformed',
      23,
    ],
  ])('%s', (_, bytes, code, offset) => {
    expect(refusalOf(() => readComponent(bytes))).toEqual({ code, offset });
  });

  it('a start with results by the billion', () => {
    const bytes = body(
      types(funcType),
      imports(importOf('a', 1, 0)),
      start([0, 0, 0xff, 0xff, 0xff, 0xff, 0x0f]),
    );
    expect(refusalOf(() => readComponent(bytes))).toMatchObject({ code: 'count-too-large' });
  });

  it('more bytes than it was told to take', () => {
    const refusal = refusalOf(() => readComponent(component(), { maxFileSize: 7 }));
    expect(refusal).toEqual({ code: 'file-too-large', offset: 0 });
  });

  it('10,000 levels of components, and of types, at once', () => {
    const started = performance.now();
    expect(readComponent(nestedLevels(64)).children).toHaveLength(1);
    expect(refusalOf(() => readComponent(nestedLevels(65)))).toMatchObject({
      code: 'depth-exceeded',
    });
    expect(refusalOf(() => readComponent(nestedLevels(10_000)))).toMatchObject({
      code: 'depth-exceeded',
    });
    const levels = Array.from({ length: 10_000 }, () => [0x42, 0x01, 0x01]).flat();
    expect(refusalOf(() => readComponent(type(...levels, 0x7d)))).toMatchObject({
      code: 'depth-exceeded',
    });
    expect(performance.now() - started).toBeLessThan(5_000);
  });

  it('more parts than the budget of a file, however they are spread', () => {
    const full = section(7, leb(400_000), new Uint8Array(400_000).fill(0x7d));
    const bytes = component(nested(component(full)), nested(component(full)), full);
    expect(refusalOf(() => readComponent(bytes))).toMatchObject({ code: 'count-too-large' });
  });
});

describe('validateStructure', () => {
  it('looks into core modules, where a component in disguise does not pass', () => {
    const disguised = component(types([0x72, ...labelled(['a', 0x7d])]))
      .with(4, 1)
      .with(6, 0);
    expect(readBinary(disguised).kind).toBe('module');
    expect(refusalOf(() => validateStructure(disguised))).toMatchObject({ code: 'truncated' });
    const bytes = component(coreModule(module(section(3, [1, 0]))));
    expect(refusalOf(() => validateStructure(bytes))).toMatchObject({ code: 'count-mismatch' });
    expect(refusalOf(() => validateStructure(component(coreModule(module()))))).toBeUndefined();
  });

  it.each([
    ['an unknown kind', [0x01, 0x61, 0x07, 0x00], 'export-malformed', 13],
    ['an unfinished index', [0x01, 0x61, 0x00, 0x80], 'truncated', 15],
  ])('refuses an export of %s', (_, entry, code, offset) => {
    const bytes = module(section(7, vector([entry])));
    expect(refusalOf(() => validateStructure(bytes))).toEqual({ code, offset });
  });
});

import { describe, expect, it } from 'vitest';

import { readComponent, walkNodes } from './component.js';
import { customSections, readOwnName, readProducers } from './custom.js';
import { adder, asynchronous, bindings, declarations, nesting } from './real.fixture.js';
import { validateStructure } from './validate.js';

/** What `wasm-tools print` shows of the same files. */
describe('components that wasm-tools wrote', () => {
  it.each([
    ['adder', adder, 2],
    ['bindings', bindings, 5],
    ['nesting', nesting, 4],
    ['asynchronous', asynchronous, 2],
    ['declarations', declarations, 2],
  ])('%s is sound', (_, bytes, nodes) => {
    expect([...walkNodes(validateStructure(bytes))]).toHaveLength(nodes);
  });

  it('a lifted function', () => {
    const root = readComponent(adder);
    expect(root.definitions).toMatchObject([
      { kind: 'core module', child: 0, offset: 10, size: 104 },
      { kind: 'core instance', module: 0, args: [] },
      { kind: 'alias', sort: 'core memory', of: 'core export', instance: 0, name: 'memory' },
      {
        kind: 'type',
        type: {
          kind: 'func',
          async: false,
          params: [
            { name: 'a', type: 'u32' },
            { name: 'b', type: 'u32' },
          ],
          result: 'u32',
        },
      },
      { kind: 'alias', sort: 'core func', of: 'core export', instance: 0, name: 'add' },
      { kind: 'canon', operation: 'lift', coreFunc: 0, options: [], type: 0 },
      { kind: 'export', name: { name: 'add' }, of: { sort: 'func', index: 0 } },
    ]);
    expect(root.spaces).toMatchObject({ func: [5, 6], 'core func': [4], 'core module': [0] });
    expect(readOwnName(adder, root)).toBeUndefined();
    const producers = customSections(adder, root).find(({ name }) => name === 'producers');
    expect(producers && readProducers(adder, producers.content)).toEqual([
      { field: 'processed-by', values: [{ name: 'wit-component', version: '0.259.0' }] },
    ]);
  });

  it('an interface of resources, variants, flags, lists and results', () => {
    const [interfaceType] = readComponent(bindings).definitions;
    expect(interfaceType).toMatchObject({
      kind: 'type',
      type: {
        kind: 'instance',
        declarations: [
          { kind: 'export', name: { name: 'shape' }, type: { sort: 'type', resource: true } },
          { type: { kind: 'variant', cases: [{ name: 'a' }, { name: 'b', type: 'u32' }] } },
          { kind: 'export', name: { name: 'v' }, type: { sort: 'type', equals: 1 } },
          { type: { kind: 'flags', names: ['r', 'w'] } },
          { kind: 'export', name: { name: 'f' }, type: { sort: 'type', equals: 3 } },
          { type: { kind: 'own', resource: 0 } },
          { type: { kind: 'func', params: [{ name: 'n', type: 'string' }], result: 5 } },
          { kind: 'export', name: { name: '[constructor]shape' }, type: { sort: 'func', type: 6 } },
          { type: { kind: 'borrow', resource: 0 } },
          { type: { kind: 'func', params: [{ name: 'self', type: 7 }], result: 'f64' } },
          { kind: 'export', name: { name: '[method]shape.area' } },
          { type: { kind: 'tuple', types: ['u8', 'char'] } },
          { type: { kind: 'list', element: 9 } },
          { type: { kind: 'option', type: 2 } },
          { type: { kind: 'result', ok: 4, error: 'string' } },
          { type: { kind: 'func' } },
          { kind: 'export', name: { name: 'calc' } },
        ],
      },
    });
  });

  it('instances within instances, and a module type', () => {
    const root = readComponent(nesting);
    expect(root.children.map(({ path }) => path)).toEqual(['/module[0]', '/component[0]']);
    expect(root.definitions.find(({ kind }) => kind === 'instance')).toMatchObject({
      component: 0,
      args: [{ name: 'a', sort: 'func', index: 0 }],
    });
    expect(root.definitions.find(({ kind }) => kind === 'core type')).toMatchObject({
      type: {
        kind: 'module',
        declarations: [
          { kind: 'type' },
          { kind: 'import', module: 'x', name: 'y', type: { kind: 'func', type: 0 } },
          { kind: 'export', name: 'z', type: { kind: 'memory', limits: { minimum: '1' } } },
        ],
      },
    });
  });

  it('the asynchronous forms', () => {
    const { definitions } = readComponent(asynchronous);
    const types = definitions.flatMap((each) => (each.kind === 'type' ? [each.type] : []));
    expect(types).toEqual([
      { kind: 'stream', element: 'u8' },
      { kind: 'future', element: 'string' },
      { kind: 'future' },
      { kind: 'list', element: 'u8', length: 4 },
      { kind: 'func', async: true, params: [{ name: 'a', type: 'error-context' }] },
    ]);
    const canons = definitions.flatMap((each) => (each.kind === 'canon' ? [each] : []));
    expect(canons).toHaveLength(39);
    expect(canons[2]).toMatchObject({
      operation: 'task.return',
      result: 'u32',
      options: [
        { kind: 'memory', index: 0 },
        { kind: 'realloc', index: 0 },
      ],
    });
    expect(canons.at(-1)).toMatchObject({ operation: 'thread.yield-then-promote' });
  });

  it('core types, outer aliases, modules and components as imports', () => {
    const root = readComponent(declarations);
    const moduleType = root.definitions[2];
    expect(moduleType).toMatchObject({
      type: {
        declarations: [
          { type: { kind: 'global', type: 'i64', mutable: true } },
          { type: { kind: 'table', element: 'externref', limits: { maximum: '2' } } },
          { type: { kind: 'memory', limits: { index: 'i64', maximum: '4' } } },
          { type: { kind: 'memory', limits: { shared: true } } },
          { kind: 'alias', outer: 1, index: 0 },
        ],
      },
    });
    const [inner] = root.children;
    expect(inner).toMatchObject({
      definitions: [{ kind: 'alias', sort: 'type', of: 'outer', count: 1, index: 1 }, {}],
    });
  });
});

import {
  COMPONENT,
  externName,
  join,
  leb,
  runModule,
  section,
  text,
  vector,
  type Bytes,
} from '../assemble.fixture.js';

/** Hand assembly of components of all sorts of imports and exports. */

// Sorts of imports and exports, and their definitions.
export const MODULE_SORT = [0x00, 0x11];
export const FUNC = [0x01];
const TYPE = [0x03];
export const COMPONENT_SORT = [0x04];
export const INSTANCE = [0x05];
export const RESOURCE = [0x03, 0x01];
export const equals = (type: number): number[] => [0x03, 0x00, type];
export const FUNC_TYPE = [0x40, 0x00, 0x01, 0x00];

export const component = (...sections: Bytes[]): Uint8Array => join(COMPONENT, ...sections);
export const types = (...all: Bytes[]): Uint8Array => vector(7, ...all);
export const importAs = (name: string, ...type: number[]): Uint8Array =>
  vector(10, join(externName(name), type));
export const exportAs = (name: string, sort: number[], index: number): Uint8Array =>
  vector(11, join(externName(name), sort, leb(index), [0x00]));
/** An instance that collects: names, each with sort and index. */
const collected = (...items: [string, ...number[]][]): Uint8Array =>
  vector(
    5,
    join([0x01], leb(items.length), ...items.map(([name, ...of]) => join(externName(name), of))),
  );
export const aliasOf = (instance: number, name: string): Uint8Array =>
  vector(6, join(TYPE, [0x00], leb(instance), text(name)));

const decls = (opcode: number, ...all: Bytes[]): Uint8Array =>
  join([opcode], leb(all.length), ...all);
export const instanceType = (...all: Bytes[]): Uint8Array => decls(0x42, ...all);
export const componentType = (...all: Bytes[]): Uint8Array => decls(0x41, ...all);
export const typeDecl = (type: Bytes): Uint8Array => join([0x01], type);
export const exportDecl = (name: string, ...type: number[]): Uint8Array =>
  join([0x04], externName(name), type);
export const importDecl = (name: string, ...type: number[]): Uint8Array =>
  join([0x03], externName(name), type);

/** Imports a function and gives it by these names, as an instance. */
export const giving = (name: string, ...funcs: string[]): Uint8Array =>
  component(
    types(FUNC_TYPE),
    importAs('given', ...FUNC, 0),
    collected(...funcs.map((each): [string, ...number[]] => [each, ...FUNC, 0])),
    exportAs(name, INSTANCE, 0),
  );
/** Imports an instance with these functions, and exports it as `out`. */
export const wanting = (name: string, ...funcs: string[]): Uint8Array =>
  component(
    types(instanceType(typeDecl(FUNC_TYPE), ...funcs.map((each) => exportDecl(each, ...FUNC, 0)))),
    importAs(name, ...INSTANCE, 0),
    exportAs('out', INSTANCE, 0),
  );

/** A resource `r` of its own in an interface. */
export const making = component(
  types([0x3f, 0x7f, 0x00]),
  collected(['r', ...TYPE, 0]),
  exportAs('a:b/types', INSTANCE, 0),
);
/** The interface `a:b/types` with a resource, which is the first type after it. */
export const usingTypes = join(
  types(instanceType(exportDecl('r', ...RESOURCE))),
  importAs('a:b/types', ...INSTANCE, 0),
  aliasOf(0, 'r'),
);

/** Imports an interface with a type of values, another in each. */
export const naming = (name: string, type: Bytes): Uint8Array =>
  component(
    types(instanceType(typeDecl(type), exportDecl('t', ...equals(0)))),
    importAs(name, ...INSTANCE, 0),
    exportAs('out', INSTANCE, 0),
  );
/** Imports one interface with a resource, and another that has it under a name of its own. */
export const chained = (first: string, second: string): Uint8Array =>
  component(
    types(instanceType(exportDecl('r', ...RESOURCE))),
    importAs(first, ...INSTANCE, 0),
    aliasOf(0, 'r'),
    types(instanceType([0x02, 0x03, 0x02, 0x01, 0x01], exportDecl('r', ...equals(0)))),
    importAs(second, ...INSTANCE, 2),
    exportAs('out', INSTANCE, 1),
  );

const wantedModule = [0x50, 0x02, 0x01, 0x60, 0x00, 0x00, 0x03, ...text('run'), 0x00, 0x00];

/** Components that give each other modules, components, instances in instances, resources and versions. */
export const KINDS: readonly Uint8Array[] = [
  component(section(1, runModule()), exportAs('m', MODULE_SORT, 0)),
  component(
    vector(3, wantedModule),
    importAs('m', ...MODULE_SORT, 0),
    vector(2, [0x00, 0x00, 0x00]),
  ),
  component(
    section(4, component(types(FUNC_TYPE), importAs('x', ...FUNC, 0))),
    exportAs('c', COMPONENT_SORT, 0),
  ),
  component(
    types(
      componentType(typeDecl(FUNC_TYPE), importDecl('x', ...FUNC, 0), importDecl('y', ...FUNC, 0)),
    ),
    importAs('c', ...COMPONENT_SORT, 0),
  ),
  component(
    types(
      instanceType(
        typeDecl(instanceType(exportDecl('r', ...RESOURCE))),
        exportDecl('inner', ...INSTANCE, 0),
      ),
    ),
    importAs('a:b/c', ...INSTANCE, 0),
    exportAs('a:b/e@1.1.0', INSTANCE, 0),
  ),
  making,
  component(usingTypes, importAs('mine', ...equals(1))),
  chained('a:b/c', 'a:b/d'),
  chained('a:b/d', 'a:b/types'),
  giving('a:b/d', 'f', 'g'),
  wanting('a:b/e@1.2.0', 'f'),
  naming('a:b/c', [0x70, 0x7d]),
];

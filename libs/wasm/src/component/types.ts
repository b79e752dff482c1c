import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { readAlias, type Alias } from './alias.js';
import {
  readCoreExternType,
  readCoreValueType,
  readFlag,
  readSubType,
  type CoreExternType,
  type CoreSubType,
  type CoreValueType,
} from './core-types.js';
import { readExternName, readExternType, type ExternName, type ExternType } from './extern.js';
import type { Scope } from './scope.js';
import {
  readDefinedValueType,
  readLabelledTypes,
  readList,
  readValueType,
  type DefinedValueType,
  type LabelledType,
  type ValueType,
} from './value-types.js';

export interface FuncType {
  kind: 'func';
  async: boolean;
  params: LabelledType[];
  result?: ValueType;
}

/**
 * What stands in the body of a component or instance type, in order: indices inside a body count
 * the declarations of that body alone, and reach further out through outer aliases only.
 */
export type Declaration =
  | { kind: 'core type'; type: CoreType }
  | { kind: 'type'; type: DefinedType }
  | Alias
  | { kind: 'import' | 'export'; name: ExternName; type: ExternType };

export type DefinedType =
  | DefinedValueType
  | FuncType
  | { kind: 'component' | 'instance'; declarations: Declaration[] }
  | { kind: 'resource'; representation: CoreValueType; destructor?: number };

export type ModuleDeclaration =
  | { kind: 'import'; module: string; name: string; type: CoreExternType }
  | { kind: 'export'; name: string; type: CoreExternType }
  | { kind: 'type'; type: RecursionGroup }
  | { kind: 'alias'; outer: number; index: number };

/** Takes as many places in the index space as it has types. */
interface RecursionGroup {
  kind: 'recursion group';
  types: CoreSubType[];
}

export type CoreType = RecursionGroup | { kind: 'module'; declarations: ModuleDeclaration[] };

/** `deftype`, defined in the scope by the caller once it has been read whole. */
export function readDefinedType(cursor: Cursor, scope: Scope): DefinedType {
  const start = cursor.offset;
  const opcode = cursor.u8('a type');
  const value = readDefinedValueType(cursor, scope, opcode, start);
  if (value !== undefined) return value;
  switch (opcode) {
    case 0x40:
    case 0x43:
      return readFuncType(cursor, scope, opcode === 0x43);
    case 0x41:
    case 0x42:
      return readBody(cursor, scope, opcode === 0x41 ? 'component' : 'instance', start);
    case 0x3f:
      return readResourceType(cursor, scope, start);
    default:
      return refuse(start, `0x${opcode.toString(16)} opens no type`);
  }
}

/** `resultlist`: one type or none. */
export function readResult(cursor: Cursor, scope: Scope): ValueType | undefined {
  const start = cursor.offset;
  if (!readFlag(cursor, 'the mark of a result')) return readValueType(cursor, scope);
  if (cursor.u8('the number of results') !== 0) refuse(start, 'a function has named results');
  return undefined;
}

function readFuncType(cursor: Cursor, scope: Scope, async: boolean): FuncType {
  const params = readLabelledTypes(cursor, scope, 'parameter');
  const result = readResult(cursor, scope);
  return { kind: 'func', async, params, ...(result === undefined ? {} : { result }) };
}

function readResourceType(cursor: Cursor, scope: Scope, start: number): DefinedType {
  if (scope.kind !== 'component') refuse(start, `a resource is defined inside a ${scope.kind}`);
  const representation = readCoreValueType(cursor);
  if (!readFlag(cursor, 'the mark of a destructor')) return { kind: 'resource', representation };
  return { kind: 'resource', representation, destructor: scope.index(cursor, 'core func') };
}

function readBody(
  cursor: Cursor,
  outer: Scope,
  kind: 'component' | 'instance',
  start: number,
): DefinedType {
  const scope = outer.enter(`${kind} type`, start);
  const read = (): Declaration => readDeclaration(cursor, scope);
  return { kind, declarations: readList(cursor, scope, 'the number of declarations', 2, read) };
}

function readDeclaration(cursor: Cursor, scope: Scope): Declaration {
  const start = cursor.offset;
  const opcode = cursor.u8('a declaration');
  switch (opcode) {
    case 0x00: {
      const type = readCoreType(cursor, scope);
      defineCoreType(scope, type);
      return { kind: 'core type', type };
    }
    case 0x01: {
      const type = readDefinedType(cursor, scope);
      scope.define('type');
      return { kind: 'type', type };
    }
    case 0x02:
      return readAlias(cursor, scope);
    case 0x03:
      if (scope.kind !== 'component type') refuse(start, `an import inside an ${scope.kind}`);
      return readExtern(cursor, scope, 'import');
    case 0x04:
      return readExtern(cursor, scope, 'export');
    default:
      return refuse(start, `0x${opcode.toString(16)} opens no declaration`);
  }
}

function readExtern(cursor: Cursor, scope: Scope, kind: 'import' | 'export'): Declaration {
  const name = readExternName(cursor, scope, kind);
  const type = readExternType(cursor, scope);
  scope.define(type.sort);
  return { kind, name, type };
}

/** `core:type`, defined in the scope by `defineCoreType` once it has been read whole. */
export function readCoreType(cursor: Cursor, scope: Scope): CoreType {
  const start = cursor.offset;
  const opcode = cursor.u8('a core type');
  if (opcode === 0x50) return readModuleType(cursor, scope, start);
  if (opcode !== 0x00) return readRecursionGroup(cursor, scope, opcode, start);
  // A non-final subtype is prefixed, since its own opcode is that of a module type here.
  const prefixed = cursor.u8('a core subtype');
  if (prefixed !== 0x50) refuse(start, '0x00 comes before a core type that is no open subtype');
  return readRecursionGroup(cursor, scope, prefixed, start);
}

/** Core specification 5.3.13; the byte that opens it has been read. */
function readRecursionGroup(
  cursor: Cursor,
  scope: Scope,
  opcode: number,
  start: number,
): RecursionGroup {
  if (opcode !== 0x4e) {
    return { kind: 'recursion group', types: [readSubType(cursor, scope, opcode, start)] };
  }
  const types = readList(cursor, scope, 'the number of types in a recursion group', 2, () => {
    const inner = cursor.offset;
    return readSubType(cursor, scope, cursor.u8('a core type'), inner);
  });
  return { kind: 'recursion group', types };
}

/** Defines as many types as there are in the group. */
export function defineCoreType(scope: Scope, type: CoreType): void {
  const places = type.kind === 'module' ? 1 : type.types.length;
  for (let place = 0; place < places; place += 1) scope.define('core type');
}

function readModuleType(cursor: Cursor, outer: Scope, start: number): CoreType {
  const scope = outer.enter('module type', start);
  const read = (): ModuleDeclaration => readModuleDeclaration(cursor, scope);
  const field = 'the number of declarations of a module type';
  return { kind: 'module', declarations: readList(cursor, scope, field, 2, read) };
}

function readModuleDeclaration(cursor: Cursor, scope: Scope): ModuleDeclaration {
  const start = cursor.offset;
  const opcode = cursor.u8('a declaration of a module type');
  switch (opcode) {
    case 0x00: {
      const module = cursor.text('the module name of a core import');
      const name = cursor.text('the name of a core import');
      return { kind: 'import', module, name, type: readCoreExternType(cursor, scope) };
    }
    case 0x01: {
      // There is no module type in a module type, so a subtype needs no prefix here.
      const inner = cursor.offset;
      const type = readRecursionGroup(cursor, scope, cursor.u8('a core type'), inner);
      defineCoreType(scope, type);
      return { kind: 'type', type };
    }
    case 0x02: {
      const form = [cursor.u8('a core alias'), cursor.u8('a core alias')];
      if (form[0] !== 0x10 || form[1] !== 0x01) refuse(start, 'a core alias is not to a type');
      const outer = cursor.u32('the levels of an outer alias');
      const index = scope.outer(outer, start).index(cursor, 'core type');
      scope.define('core type');
      return { kind: 'alias', outer, index };
    }
    case 0x03: {
      const name = cursor.text('the name of a core export');
      scope.claim('export', name, start);
      return { kind: 'export', name, type: readCoreExternType(cursor, scope) };
    }
    default:
      return refuse(start, `0x${opcode.toString(16)} opens no declaration of a module type`);
  }
}

function refuse(offset: number, message: string): never {
  throw new WasmError('type-malformed', offset, message);
}

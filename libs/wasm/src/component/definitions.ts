import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { MAX_FILE_SIZE, MAX_START_RESULTS } from '../limits.js';
import type { Span } from '../module.js';
import { readAlias, type Alias } from './alias.js';
import { readCanon, type Canon } from './canon.js';
import { readFlag } from './core-types.js';
import {
  readExternName,
  readExternType,
  readInlineName,
  type ExternName,
  type ExternType,
} from './extern.js';
import { UniqueNames, type Scope } from './scope.js';
import { readCoreSort, readSort, type SortIndex } from './sorts.js';
import {
  defineCoreType,
  readCoreType,
  readDefinedType,
  type CoreType,
  type DefinedType,
} from './types.js';
import { readList, readValueType, type ValueType } from './value-types.js';

export interface NamedReference extends SortIndex {
  name: string;
}

export interface InlineExport extends SortIndex {
  name: ExternName;
}

/** Made by instantiating a module or component, or by putting existing definitions together. */
export type Instance =
  | { kind: 'core instance'; module: number; args: NamedReference[] }
  | { kind: 'core instance'; exports: NamedReference[] }
  | { kind: 'instance'; component: number; args: NamedReference[] }
  | { kind: 'instance'; exports: InlineExport[] };

/** One entry of a component's sections. Indices are into the component's index spaces. */
export type Definition =
  /** `child` is a position in the node's `children`. */
  | { kind: 'core module' | 'component'; child: number }
  | { kind: 'core type'; type: CoreType }
  | { kind: 'type'; type: DefinedType }
  | Instance
  | Alias
  | Canon
  | { kind: 'start'; func: number; args: number[]; results: number }
  | { kind: 'import'; name: ExternName; type: ExternType }
  | { kind: 'export'; name: ExternName; of: SortIndex; type?: ExternType }
  /** The encoded value is left as it is. */
  | { kind: 'value'; type: ValueType; value: Span };

/** Each reads one entry and defines it in the scope. */
export const readEntry: Readonly<Record<number, (cursor: Cursor, scope: Scope) => Definition>> = {
  2: readCoreInstance,
  3: (cursor, scope) => {
    const type = readCoreType(cursor, scope);
    defineCoreType(scope, type);
    return { kind: 'core type', type };
  },
  5: readInstance,
  6: readAlias,
  7: (cursor, scope) => {
    const type = readDefinedType(cursor, scope);
    scope.define('type');
    return { kind: 'type', type };
  },
  8: readCanon,
  10: (cursor, scope) => {
    const name = readExternName(cursor, scope, 'import');
    const type = readExternType(cursor, scope);
    scope.define(type.sort);
    return { kind: 'import', name, type };
  },
  11: readExport,
  12: readValue,
};

/** A start section holds one, without a count. */
export function readStart(cursor: Cursor, scope: Scope): Definition {
  const func = scope.index(cursor, 'func');
  const args = readList(cursor, scope, 'the number of arguments', 1, () =>
    scope.index(cursor, 'value'),
  );
  const at = cursor.offset;
  const results = cursor.u32('the number of results');
  if (results > MAX_START_RESULTS) {
    const message = `a start definition has ${results} results, the limit is ${MAX_START_RESULTS}`;
    throw new WasmError('count-too-large', at, message);
  }
  for (let result = 0; result < results; result += 1) scope.define('value');
  return { kind: 'start', func, args, results };
}

function readCoreInstance(cursor: Cursor, scope: Scope): Definition {
  const instance = readForm(cursor)
    ? { exports: readCoreExports(cursor, scope) }
    : { module: scope.index(cursor, 'core module'), args: readCoreArguments(cursor, scope) };
  scope.define('core instance');
  return { kind: 'core instance', ...instance };
}

function readInstance(cursor: Cursor, scope: Scope): Definition {
  const instance = readForm(cursor)
    ? { exports: readInlineExports(cursor, scope) }
    : { component: scope.index(cursor, 'component'), args: readArguments(cursor, scope) };
  scope.define('instance');
  return { kind: 'instance', ...instance };
}

/** False for an instantiation, true for inline exports. */
function readForm(cursor: Cursor): boolean {
  const start = cursor.offset;
  const form = cursor.u8('an instance');
  if (form > 1) refuse(start, `0x${form.toString(16)} opens no instance`);
  return form === 1;
}

function readCoreArguments(cursor: Cursor, scope: Scope): NamedReference[] {
  return readNamed(cursor, scope, 'argument', () => {
    const start = cursor.offset;
    const sort = readCoreSort(cursor);
    if (sort !== 'core instance') refuse(start, `a core module is given a ${sort} as argument`);
    return { sort, index: scope.index(cursor, sort) };
  });
}

function readCoreExports(cursor: Cursor, scope: Scope): NamedReference[] {
  return readNamed(cursor, scope, 'export', () => {
    const sort = readCoreSort(cursor);
    return { sort, index: scope.index(cursor, sort) };
  });
}

function readArguments(cursor: Cursor, scope: Scope): NamedReference[] {
  return readNamed(cursor, scope, 'argument', () => readReference(cursor, scope));
}

function readInlineExports(cursor: Cursor, scope: Scope): InlineExport[] {
  const names = new UniqueNames('export');
  return readList(cursor, scope, 'the number of exports', 4, () => ({
    name: readInlineName(cursor, scope, names),
    ...readReference(cursor, scope),
  }));
}

/** `sortidx`, of what may pass between components: of the core sorts, modules alone. */
function readReference(cursor: Cursor, scope: Scope): SortIndex {
  const start = cursor.offset;
  const sort = readSort(cursor);
  if (sort.startsWith('core ') && sort !== 'core module') {
    refuse(start, `a ${sort} cannot be passed between components`);
  }
  return { sort, index: scope.index(cursor, sort) };
}

function readNamed(
  cursor: Cursor,
  scope: Scope,
  field: string,
  read: () => SortIndex,
): NamedReference[] {
  const names = new UniqueNames(field);
  return readList(cursor, scope, `the number of ${field}s`, 3, () => {
    const start = cursor.offset;
    const name = cursor.text(`the name of an ${field}`);
    names.add(name, start);
    return { name, ...read() };
  });
}

function readExport(cursor: Cursor, scope: Scope): Definition {
  const name = readExternName(cursor, scope, 'export');
  const of = readReference(cursor, scope);
  const at = cursor.offset;
  const type = readFlag(cursor, 'the mark of an ascribed type')
    ? readExternType(cursor, scope)
    : undefined;
  if (type !== undefined && type.sort !== of.sort) {
    refuse(at, `an export of ${of.sort} is given a type of ${type.sort}`);
  }
  scope.define(of.sort);
  return { kind: 'export', name, of, ...(type === undefined ? {} : { type }) };
}

function readValue(cursor: Cursor, scope: Scope): Definition {
  const type = readValueType(cursor, scope);
  const value = cursor.skipVector('a value', MAX_FILE_SIZE);
  scope.define('value');
  return { kind: 'value', type, value };
}

function refuse(offset: number, message: string): never {
  throw new WasmError('definition-malformed', offset, message);
}

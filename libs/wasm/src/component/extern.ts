import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import type { UniqueNames } from './scope.js';
import { type Scope } from './scope.js';
import { readList, readValueType, type ValueType } from './value-types.js';

/** The name of an import or export, as written: `run`, `wasi:io/streams@0.2.3`, `[method]a.b`. */
export interface ExternName {
  name: string;
  /** The interface that an instance of another name implements. */
  implements?: string;
  versionSuffix?: string;
  externalId?: string;
}

/** The type of an import or export; `sort` is the index space that it adds to. */
export type ExternType =
  | { sort: 'core module' | 'func' | 'component' | 'instance'; type: number }
  | { sort: 'value'; equals: number }
  | { sort: 'value'; type: ValueType }
  | { sort: 'type'; equals: number }
  /** A resource, told apart from every other. */
  | { sort: 'type'; resource: true };

const attributeKinds = ['implements', 'versionSuffix', 'externalId'] as const;

/** `nameattributes`; the name is taken in the scope. */
export function readExternName(
  cursor: Cursor,
  scope: Scope,
  direction: 'import' | 'export',
): ExternName {
  const { start, name } = readNameAttributes(cursor, scope, direction);
  scope.claim(direction, name.name, start);
  return name;
}

/** `nameattributes` of an inline export, unique within its list. */
export function readInlineName(cursor: Cursor, scope: Scope, names: UniqueNames): ExternName {
  const { start, name } = readNameAttributes(cursor, scope, 'inline export');
  names.add(name.name, start);
  return name;
}

export function readExternType(cursor: Cursor, scope: Scope): ExternType {
  const start = cursor.offset;
  const sort = cursor.u8('the sort of an import or export');
  switch (sort) {
    case 0x00:
      if (cursor.u8('a core sort') !== 0x11) refuse(start, 'a core sort other than module');
      return { sort: 'core module', type: scope.index(cursor, 'core type') };
    case 0x01:
      return { sort: 'func', type: scope.index(cursor, 'type') };
    case 0x02:
      return readValueBound(cursor, scope, start);
    case 0x03:
      return readTypeBound(cursor, scope, start);
    case 0x04:
      return { sort: 'component', type: scope.index(cursor, 'type') };
    case 0x05:
      return { sort: 'instance', type: scope.index(cursor, 'type') };
    default:
      return refuse(start, `0x${sort.toString(16)} is no sort of import or export`);
  }
}

function readValueBound(cursor: Cursor, scope: Scope, start: number): ExternType {
  const bound = cursor.u8('the bound of a value');
  if (bound === 0x00) return { sort: 'value', equals: scope.index(cursor, 'value') };
  if (bound === 0x01) return { sort: 'value', type: readValueType(cursor, scope) };
  return refuse(start, `0x${bound.toString(16)} is no bound of a value`);
}

function readTypeBound(cursor: Cursor, scope: Scope, start: number): ExternType {
  const bound = cursor.u8('the bound of a type');
  if (bound === 0x00) return { sort: 'type', equals: scope.index(cursor, 'type') };
  if (bound === 0x01) return { sort: 'type', resource: true };
  return refuse(start, `0x${bound.toString(16)} is no bound of a type`);
}

function readNameAttributes(
  cursor: Cursor,
  scope: Scope,
  field: string,
): { start: number; name: ExternName } {
  const start = cursor.offset;
  const form = cursor.u8(`the name of an ${field}`);
  if (form > 2) refuse(start, `0x${form.toString(16)} opens no name of an ${field}`);
  const name: ExternName = { name: cursor.text(`the name of an ${field}`) };
  if (form !== 2) return { start, name };
  readList(cursor, scope, 'the number of attributes', 2, () => {
    const at = cursor.offset;
    const kind = attributeKinds[cursor.u8('an attribute')];
    if (kind === undefined || name[kind] !== undefined)
      refuse(at, 'an unknown or second attribute');
    name[kind] = cursor.text('an attribute');
  });
  return { start, name };
}

function refuse(offset: number, message: string): never {
  throw new WasmError('definition-malformed', offset, message);
}

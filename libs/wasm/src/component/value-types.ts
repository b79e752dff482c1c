import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { readFlag } from './core-types.js';
import { UniqueNames, type Scope } from './scope.js';

const primitives = {
  0x7f: 'bool',
  0x7e: 's8',
  0x7d: 'u8',
  0x7c: 's16',
  0x7b: 'u16',
  0x7a: 's32',
  0x79: 'u32',
  0x78: 's64',
  0x77: 'u64',
  0x76: 'f32',
  0x75: 'f64',
  0x74: 'char',
  0x73: 'string',
  0x64: 'error-context',
} as const;

export type PrimitiveType = (typeof primitives)[keyof typeof primitives];
const primitiveOf = new Map<number, PrimitiveType>(
  Object.entries(primitives).map(([code, name]) => [Number(code), name]),
);

/** A primitive by its name, or the index of a type. */
export type ValueType = PrimitiveType | number;

export interface LabelledType {
  name: string;
  type: ValueType;
}

/** `defvaltype`: the types that values have. */
export type DefinedValueType =
  | { kind: 'primitive'; type: PrimitiveType }
  | { kind: 'record'; fields: LabelledType[] }
  | { kind: 'variant'; cases: { name: string; type?: ValueType }[] }
  | { kind: 'list'; element: ValueType; length?: number }
  | { kind: 'tuple'; types: ValueType[] }
  | { kind: 'flags' | 'enum'; names: string[] }
  | { kind: 'option'; type: ValueType }
  | { kind: 'result'; ok?: ValueType; error?: ValueType }
  | { kind: 'own' | 'borrow'; resource: number }
  | { kind: 'stream' | 'future'; element?: ValueType }
  | { kind: 'map'; key: ValueType; value: ValueType };

/** As wasm-tools bounds it. */
const MAX_LIST_LENGTH = 1 << 30;
const MAX_FLAGS = 32;
/** Fields, cases, labels, types of a tuple; and parameters. As many as wasm-tools takes. */
const MAX_PARTS = 10_000;
const MAX_PARAMETERS = 1_000;

export function readValueType(cursor: Cursor, scope: Scope): ValueType {
  const start = cursor.offset;
  const code = cursor.s33('a value type');
  if (code >= 0) return scope.check('type', code, start);
  const primitive = code >= -64 ? primitiveOf.get(code & 0x7f) : undefined;
  return primitive ?? refuse(start, `${code} is no value type`);
}

export function readOptionalValueType(cursor: Cursor, scope: Scope): ValueType | undefined {
  return readFlag(cursor, 'the mark of an optional type')
    ? readValueType(cursor, scope)
    : undefined;
}

/** `vec(labelvaltype)`: parameters and fields. */
export function readLabelledTypes(
  cursor: Cursor,
  scope: Scope,
  field: 'field' | 'parameter',
): LabelledType[] {
  const start = cursor.offset;
  const names = new UniqueNames(field);
  const types = readList(cursor, scope, `the number of ${field}s`, 3, () => ({
    name: readLabel(cursor, names),
    type: readValueType(cursor, scope),
  }));
  return upTo(field === 'field' ? MAX_PARTS : MAX_PARAMETERS, types, start);
}

/** A type of values, its opening byte read; undefined when the byte opens another kind of type. */
export function readDefinedValueType(
  cursor: Cursor,
  scope: Scope,
  opcode: number,
  start: number,
): DefinedValueType | undefined {
  const primitive = primitiveOf.get(opcode);
  if (primitive !== undefined) return { kind: 'primitive', type: primitive };
  switch (opcode) {
    case 0x72:
      return { kind: 'record', fields: some(readLabelledTypes(cursor, scope, 'field'), start) };
    case 0x71:
      return {
        kind: 'variant',
        cases: some(upTo(MAX_PARTS, readCases(cursor, scope), start), start),
      };
    case 0x70:
      return { kind: 'list', element: readValueType(cursor, scope) };
    case 0x67:
      return readFixedList(cursor, scope, start);
    case 0x6f: {
      const read = (): ValueType => readValueType(cursor, scope);
      const types = readList(cursor, scope, 'the number of types in a tuple', 1, read);
      return { kind: 'tuple', types: some(upTo(MAX_PARTS, types, start), start) };
    }
    case 0x6e:
    case 0x6d:
      return readNames(cursor, scope, opcode === 0x6e ? 'flags' : 'enum', start);
    case 0x6b:
      return { kind: 'option', type: readValueType(cursor, scope) };
    case 0x63:
      return {
        kind: 'map',
        key: readValueType(cursor, scope),
        value: readValueType(cursor, scope),
      };
    default:
      return readHandleOrResult(cursor, scope, opcode);
  }
}

function readHandleOrResult(
  cursor: Cursor,
  scope: Scope,
  opcode: number,
): DefinedValueType | undefined {
  switch (opcode) {
    case 0x6a: {
      const ok = readOptionalValueType(cursor, scope);
      const error = readOptionalValueType(cursor, scope);
      return {
        kind: 'result',
        ...(ok === undefined ? {} : { ok }),
        ...(error === undefined ? {} : { error }),
      };
    }
    case 0x69:
    case 0x68: {
      const resource = scope.index(cursor, 'type');
      return { kind: opcode === 0x69 ? 'own' : 'borrow', resource };
    }
    case 0x66:
    case 0x65: {
      const element = readOptionalValueType(cursor, scope);
      const kind = opcode === 0x66 ? 'stream' : 'future';
      return element === undefined ? { kind } : { kind, element };
    }
    default:
      return undefined;
  }
}

function readCases(cursor: Cursor, scope: Scope): { name: string; type?: ValueType }[] {
  const names = new UniqueNames('case');
  return readList(cursor, scope, 'the number of cases', 4, () => {
    const name = readLabel(cursor, names);
    const type = readOptionalValueType(cursor, scope);
    const end = cursor.offset;
    if (cursor.u8('the end of a case') !== 0) refuse(end, 'a case does not end in 0');
    return type === undefined ? { name } : { name, type };
  });
}

function readFixedList(cursor: Cursor, scope: Scope, start: number): DefinedValueType {
  const element = readValueType(cursor, scope);
  const length = cursor.u32('the length of a list');
  if (length === 0) refuse(start, 'a list of the fixed length 0');
  if (length > MAX_LIST_LENGTH) {
    refuse(start, `a list of the fixed length ${length}, the limit is ${MAX_LIST_LENGTH}`);
  }
  return { kind: 'list', element, length };
}

function readNames(
  cursor: Cursor,
  scope: Scope,
  kind: 'flags' | 'enum',
  start: number,
): DefinedValueType {
  const unique = new UniqueNames('label');
  const read = (): string => readLabel(cursor, unique);
  const names = some(readList(cursor, scope, `the number of labels of ${kind}`, 2, read), start);
  if (kind === 'flags' && names.length > MAX_FLAGS) {
    refuse(start, `flags have ${names.length} labels, the limit is ${MAX_FLAGS}`);
  }
  return { kind, names: upTo(MAX_PARTS, names, start) };
}

function readLabel(cursor: Cursor, names: UniqueNames): string {
  const start = cursor.offset;
  const name = cursor.text('a label');
  names.add(name, start);
  return name;
}

/** `vec(T)`, its items counted against the budget. */
export function readList<T>(
  cursor: Cursor,
  scope: Scope,
  field: string,
  minSize: number,
  read: () => T,
): T[] {
  const count = scope.count(cursor, field, minSize);
  const items: T[] = [];
  for (let position = 0; position < count; position += 1) items.push(read());
  return items;
}

function upTo<T>(most: number, items: T[], start: number): T[] {
  if (items.length > most) refuse(start, `a type of ${items.length} parts, the limit is ${most}`);
  return items;
}

function some<T>(items: T[], start: number): T[] {
  if (items.length === 0) refuse(start, 'a type without parts, where at least one is needed');
  return items;
}

function refuse(offset: number, message: string): never {
  throw new WasmError('type-malformed', offset, message);
}

import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import type { Scope } from './scope.js';

/** A core value type in the text format's words: `i32`, `funcref`, `(ref null 3)`. */
export type CoreValueType = string;

export interface CoreFuncType {
  kind: 'func';
  params: CoreValueType[];
  results: CoreValueType[];
}

export interface CoreField {
  type: CoreValueType;
  mutable: boolean;
}

export type CoreCompositeType =
  CoreFuncType | { kind: 'struct'; fields: CoreField[] } | { kind: 'array'; element: CoreField };

export interface CoreSubType {
  final: boolean;
  supertypes: number[];
  type: CoreCompositeType;
}

/** Bounds as written; 64-bit ones in decimal, since they may exceed a safe integer. */
export interface CoreLimits {
  minimum: string;
  maximum?: string;
  shared: boolean;
  index: 'i32' | 'i64';
  /** Log2 of the size of a page, where it is not the usual 16. */
  pageSizeLog2?: number;
}

export type CoreExternType =
  | { kind: 'func'; type: number }
  | { kind: 'table'; element: CoreValueType; limits: CoreLimits }
  | { kind: 'memory'; limits: CoreLimits }
  | { kind: 'global'; type: CoreValueType; mutable: boolean }
  | { kind: 'tag'; type: number };

/** Parameters or results of a function, and fields of a struct: as many as web engines take. */
const MAX_VALUES = 1_000;
const MAX_FIELDS = 10_000;

const numberTypes: ReadonlyMap<number, string> = new Map([
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
]);

const heapTypes: ReadonlyMap<number, string> = new Map([
  [0x74, 'noexn'],
  [0x73, 'nofunc'],
  [0x72, 'noextern'],
  [0x71, 'none'],
  [0x70, 'func'],
  [0x6f, 'extern'],
  [0x6e, 'any'],
  [0x6d, 'eq'],
  [0x6c, 'i31'],
  [0x6b, 'struct'],
  [0x6a, 'array'],
  [0x69, 'exn'],
]);

/** Core specification 5.3.6, with references to types by index. */
export function readCoreValueType(cursor: Cursor): CoreValueType {
  const start = cursor.offset;
  const byte = cursor.u8('a core value type');
  const number = numberTypes.get(byte);
  if (number !== undefined) return number;
  if (byte === 0x63 || byte === 0x64) {
    return `(ref ${byte === 0x63 ? 'null ' : ''}${readHeapType(cursor)})`;
  }
  const heap = heapTypes.get(byte);
  if (heap === undefined) refuse(start, `0x${byte.toString(16)} is no core value type`);
  return `${heap}ref`;
}

/** Core specification 5.3.10 to 5.3.12; the byte that opens it has been read. */
export function readCompositeType(
  cursor: Cursor,
  scope: Scope,
  opcode: number,
  start: number,
): CoreCompositeType {
  if (opcode === 0x60) {
    const params = readCoreValueTypes(cursor, scope, 'the parameters of a core function type');
    const results = readCoreValueTypes(cursor, scope, 'the results of a core function type');
    return { kind: 'func', params, results };
  }
  if (opcode === 0x5f) {
    const count = scope.count(cursor, 'the number of fields', 2);
    if (count > MAX_FIELDS) refuse(start, `a struct has ${count} fields, more than ${MAX_FIELDS}`);
    return { kind: 'struct', fields: Array.from({ length: count }, () => readField(cursor)) };
  }
  if (opcode === 0x5e) return { kind: 'array', element: readField(cursor) };
  return refuse(start, `0x${opcode.toString(16)} opens no core type`);
}

/** Core specification 5.3.13; the byte that opens it has been read. */
export function readSubType(
  cursor: Cursor,
  scope: Scope,
  opcode: number,
  start: number,
): CoreSubType {
  if (opcode !== 0x50 && opcode !== 0x4f) {
    const type = readCompositeType(cursor, scope, opcode, start);
    return { final: true, supertypes: [], type };
  }
  const count = scope.count(cursor, 'the number of supertypes', 1);
  const supertypes = Array.from({ length: count }, () => cursor.u32('a supertype'));
  const inner = cursor.offset;
  const type = readCompositeType(cursor, scope, cursor.u8('a core type'), inner);
  return { final: opcode === 0x4f, supertypes, type };
}

/** `core:externtype`: core specification 5.5.5. */
export function readCoreExternType(cursor: Cursor, scope: Scope): CoreExternType {
  const start = cursor.offset;
  const kind = cursor.u8('the kind of a core import or export');
  switch (kind) {
    case 0x00:
      return { kind: 'func', type: scope.index(cursor, 'core type') };
    case 0x01: {
      const element = readCoreValueType(cursor);
      return { kind: 'table', element, limits: readLimits(cursor, 0x05) };
    }
    case 0x02:
      return { kind: 'memory', limits: readLimits(cursor, 0x0f) };
    case 0x03: {
      const type = readCoreValueType(cursor);
      return { kind: 'global', type, mutable: readFlag(cursor, 'a mutability') };
    }
    case 0x04:
      if (readFlag(cursor, 'the attribute of a tag'))
        refuse(start, 'a tag of an unknown attribute');
      return { kind: 'tag', type: scope.index(cursor, 'core type') };
    default:
      return refuse(start, `0x${kind.toString(16)} is no kind of core import or export`);
  }
}

/** A byte that is 0 or 1. */
export function readFlag(cursor: Cursor, field: string): boolean {
  const start = cursor.offset;
  const byte = cursor.u8(field);
  if (byte > 1) refuse(start, `${field} is ${byte}, neither 0 nor 1`);
  return byte === 1;
}

function readCoreValueTypes(cursor: Cursor, scope: Scope, field: string): CoreValueType[] {
  const start = cursor.offset;
  const count = scope.count(cursor, field, 1);
  if (count > MAX_VALUES) refuse(start, `${field} are ${count}, more than ${MAX_VALUES}`);
  return Array.from({ length: count }, () => readCoreValueType(cursor));
}

function readHeapType(cursor: Cursor): string {
  const start = cursor.offset;
  const type = cursor.s33('a heap type');
  if (type >= 0) return String(type);
  const heap = type >= -64 ? heapTypes.get(type & 0x7f) : undefined;
  return heap ?? refuse(start, 'an unknown heap type');
}

function readField(cursor: Cursor): CoreField {
  const packed = cursor.bytes[cursor.offset];
  const isPacked = cursor.remaining > 0 && (packed === 0x78 || packed === 0x77);
  if (isPacked) cursor.u8('a packed type');
  const type = isPacked ? (packed === 0x78 ? 'i8' : 'i16') : readCoreValueType(cursor);
  return { type, mutable: readFlag(cursor, 'the mutability of a field') };
}

export function readLimits(cursor: Cursor, allowed: number): CoreLimits {
  const start = cursor.offset;
  const flags = cursor.u8('limits');
  if ((flags & ~allowed) !== 0) refuse(start, `limits of unknown flags 0x${flags.toString(16)}`);
  const wide = (flags & 0x04) !== 0;
  const minimum = readBound(cursor, wide);
  const maximum = (flags & 0x01) === 0 ? undefined : readBound(cursor, wide);
  const pageSize = (flags & 0x08) === 0 ? undefined : cursor.u32('the size of a page');
  return {
    minimum,
    ...(maximum === undefined ? {} : { maximum }),
    shared: (flags & 0x02) !== 0,
    index: wide ? 'i64' : 'i32',
    ...(pageSize === undefined ? {} : { pageSizeLog2: pageSize }),
  };
}

function readBound(cursor: Cursor, wide: boolean): string {
  if (!wide) return String(cursor.u32('a bound'));
  const start = cursor.offset;
  cursor.skipU64('a bound');
  let value = 0n;
  for (let at = cursor.offset - 1; at >= start; at -= 1) {
    value = (value << 7n) | BigInt((cursor.bytes[at] ?? 0) & 0x7f);
  }
  return value.toString();
}

function refuse(offset: number, message: string): never {
  throw new WasmError('type-malformed', offset, message);
}

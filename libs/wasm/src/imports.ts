import type { Cursor } from './cursor.js';
import { WasmError } from './errors.js';
import { MAX_IMPORTS } from './limits.js';
import { bodyCursor, expectEnd, findSection, type WasmModule } from './module.js';

export type ImportKind = 'function' | 'table' | 'memory' | 'global' | 'tag';

/** How many imports of each kind a module has: they come first in each index space. */
export type ImportCounts = Record<ImportKind, number>;

export interface Import {
  kind: ImportKind;
  module: string;
  name: string;
}

/** Two empty names, a kind, and a type of at least one byte. */
const MIN_IMPORT_SIZE = 4;

const limitsHasMax = 0x01;
const limits64Bit = 0x04;
const limitsHasPageSize = 0x08;

/**
 * Reads the import section (core specification 5.5.5), with 64-bit and shared memories, custom page
 * sizes, tags and typed references.
 *
 * @throws WasmError
 */
export function readImports(module: WasmModule): Import[] {
  const section = findSection(module, 'import');
  if (section === undefined) return [];
  const cursor = bodyCursor(module, section);
  const count = cursor.count('the number of imports', MAX_IMPORTS, MIN_IMPORT_SIZE);
  const imports: Import[] = [];
  for (let index = 0; index < count; index += 1) {
    const from = cursor.text(`the module name of import ${index}`);
    const name = cursor.text(`the name of import ${index}`);
    const kind = skipDescription(cursor, `import ${index}`);
    imports.push({ kind, module: from, name });
  }
  expectEnd(cursor, 'import');
  return imports;
}

export function countImports(imports: readonly Import[]): ImportCounts {
  const counts = { function: 0, table: 0, memory: 0, global: 0, tag: 0 };
  for (const { kind } of imports) counts[kind] += 1;
  return counts;
}

function skipDescription(cursor: Cursor, field: string): ImportKind {
  const start = cursor.offset;
  const kind = cursor.u8(`the kind of ${field}`);
  switch (kind) {
    case 0x00:
      cursor.u32(`the type of ${field}`);
      return 'function';
    case 0x01:
      skipReferenceType(cursor, field);
      skipLimits(cursor, field, limitsHasMax | 0x02 | limits64Bit);
      return 'table';
    case 0x02:
      skipLimits(cursor, field, limitsHasMax | 0x02 | limits64Bit | limitsHasPageSize);
      return 'memory';
    case 0x03:
      skipValueType(cursor, field);
      expectAtMost(cursor, 0x01, `the mutability of ${field}`);
      return 'global';
    case 0x04:
      expectAtMost(cursor, 0x00, `the attribute of ${field}`);
      cursor.u32(`the type of ${field}`);
      return 'tag';
    default:
      throw new WasmError('import-malformed', start, `${field} is of an unknown kind ${kind}`);
  }
}

function skipValueType(cursor: Cursor, field: string): void {
  const byte = cursor.bytes[cursor.offset] ?? 0;
  const isNumberOrVector = byte >= 0x7b && byte <= 0x7f;
  if (isNumberOrVector) cursor.u8(`the type of ${field}`);
  else skipReferenceType(cursor, field);
}

/** 5.3.3 to 5.3.5: an abstract heap type's short form, or `ref` / `ref null` with a heap type. */
function skipReferenceType(cursor: Cursor, field: string): void {
  const start = cursor.offset;
  const byte = cursor.u8(`the type of ${field}`);
  if (byte === 0x63 || byte === 0x64) cursor.skipSigned(33, `the heap type of ${field}`);
  else if (byte < 0x68 || byte > 0x75) {
    const message = `${field} has an unknown type 0x${byte.toString(16)}`;
    throw new WasmError('import-malformed', start, message);
  }
}

function skipLimits(cursor: Cursor, field: string, allowed: number): void {
  const start = cursor.offset;
  const flags = cursor.u8(`the limits of ${field}`);
  if ((flags & ~allowed) !== 0) {
    const message = `the limits of ${field} have unknown flags 0x${flags.toString(16)}`;
    throw new WasmError('import-malformed', start, message);
  }
  const bounds = (flags & limitsHasMax) === 0 ? ['minimum'] : ['minimum', 'maximum'];
  for (const bound of bounds) {
    if ((flags & limits64Bit) === 0) cursor.u32(`the ${bound} of ${field}`);
    else cursor.skipU64(`the ${bound} of ${field}`);
  }
  if ((flags & limitsHasPageSize) !== 0) cursor.u32(`the page size of ${field}`);
}

function expectAtMost(cursor: Cursor, max: number, field: string): void {
  const start = cursor.offset;
  const byte = cursor.u8(field);
  if (byte > max) throw new WasmError('import-malformed', start, `${field} is ${byte}`);
}

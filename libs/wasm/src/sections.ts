import type { Cursor } from './cursor.js';
import { WasmError } from './errors.js';
import { MAX_FUNCTIONS } from './limits.js';
import { bodyCursor, expectEnd, findSection, type Span, type WasmModule } from './module.js';

/** Where the entry of each type index stands; types of one recursive group share its bytes. */
export function readTypeSpans(module: WasmModule): Span[] {
  return readEntries(module, 'type', (cursor, add) => {
    const start = cursor.offset;
    if (cursor.bytes[start] !== 0x4e) {
      skipSubType(cursor);
      add({ offset: start, size: cursor.offset - start });
      return;
    }
    cursor.u8('a recursive type');
    const count = cursor.count('the number of recursive types', MAX_FUNCTIONS, 2);
    for (let index = 0; index < count; index += 1) {
      const from = cursor.offset;
      skipSubType(cursor);
      add({ offset: from, size: cursor.offset - from });
    }
  });
}

/** Type and first value of each global that the module defines. */
export function readGlobalSpans(module: WasmModule): Span[] {
  return readEntries(module, 'global', (cursor, add) => {
    const offset = cursor.offset;
    skipValueType(cursor);
    cursor.u8('a mutability');
    skipExpression(cursor);
    add({ offset, size: cursor.offset - offset });
  });
}

type Add = (span: Span) => void;

function readEntries(
  module: WasmModule,
  name: 'type' | 'global',
  read: (cursor: Cursor, add: Add) => void,
): Span[] {
  const section = findSection(module, name);
  if (section === undefined) return [];
  const spans: Span[] = [];
  const cursor = bodyCursor(module, section);
  const count = cursor.count(`the number of entries of section ${name}`, MAX_FUNCTIONS, 1);
  for (let index = 0; index < count; index += 1)
    read(cursor, (span) => {
      if (spans.length === MAX_FUNCTIONS)
        throw new WasmError(
          'count-too-large',
          cursor.offset,
          `more than ${MAX_FUNCTIONS} ${name}s`,
        );
      spans.push(span);
    });
  expectEnd(cursor, name);
  return spans;
}

/** Core specification 5.3.11 to 5.3.13. */
function skipSubType(cursor: Cursor): void {
  const start = cursor.offset;
  let form = cursor.u8('a type');
  if (form === 0x50 || form === 0x4f) {
    const supertypes = cursor.count('the number of supertypes', MAX_FUNCTIONS, 1);
    for (let index = 0; index < supertypes; index += 1) cursor.u32('a supertype');
    form = cursor.u8('a type');
  }
  if (form === 0x60) {
    for (const part of ['parameters', 'results']) {
      const count = cursor.count(`the number of ${part}`, MAX_FUNCTIONS, 1);
      for (let index = 0; index < count; index += 1) skipValueType(cursor);
    }
  } else if (form === 0x5f) {
    const fields = cursor.count('the number of fields', MAX_FUNCTIONS, 2);
    for (let index = 0; index < fields; index += 1) skipField(cursor);
  } else if (form === 0x5e) skipField(cursor);
  else throw new WasmError('type-malformed', start, `0x${form.toString(16)} opens no type`);
}

function skipField(cursor: Cursor): void {
  skipValueType(cursor);
  cursor.u8('a mutability');
}

function skipValueType(cursor: Cursor): void {
  const byte = cursor.u8('a value type');
  if (byte === 0x63 || byte === 0x64) cursor.skipSigned(33, 'a heap type');
}

/** A constant expression (3.3.13), extended ones included, without nesting. */
export function skipExpression(cursor: Cursor): void {
  for (;;) {
    const start = cursor.offset;
    const opcode = cursor.u8('a constant expression');
    if (opcode === 0x0b) return;
    if (opcode === 0x41) cursor.skipSigned(32, 'a constant');
    else if (opcode === 0x42) cursor.skipSigned(64, 'a constant');
    else if (opcode === 0x43) cursor.skip(4, 'a constant');
    else if (opcode === 0x44) cursor.skip(8, 'a constant');
    else if (opcode === 0x23 || opcode === 0xd2) cursor.u32('an index');
    else if (opcode === 0xd0) cursor.skipSigned(33, 'a heap type');
    else if (opcode === 0xfb || opcode === 0xfd) skipPrefixed(cursor, opcode, start);
    else if (!((opcode >= 0x6a && opcode <= 0x6c) || (opcode >= 0x7c && opcode <= 0x7e))) {
      const message = `0x${opcode.toString(16)} is no opcode of a constant expression`;
      throw new WasmError('definition-malformed', start, message);
    }
  }
}

function skipPrefixed(cursor: Cursor, prefix: number, start: number): void {
  const opcode = cursor.u32('an opcode');
  if (prefix === 0xfd && opcode === 12) cursor.skip(16, 'a constant');
  else if (prefix === 0xfb && [0, 1, 6, 7].includes(opcode)) cursor.u32('a type index');
  else if (prefix === 0xfb && opcode === 8) {
    cursor.u32('a type index');
    cursor.u32('a count');
  } else if (!(prefix === 0xfb && [26, 27, 28].includes(opcode)))
    throw new WasmError('definition-malformed', start, 'no opcode of a constant expression');
}

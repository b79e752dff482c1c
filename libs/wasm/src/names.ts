import { decodeUtf8 } from '@touchstone/note';

import { Cursor } from './cursor.js';
import { WasmError } from './errors.js';
import { MAX_FUNCTIONS, MAX_NAME_BYTES } from './limits.js';
import type { WasmModule } from './module.js';

const FUNCTION_NAMES = 1;

/**
 * Function names by function index, from the custom section `name` (core specification 7.4.1).
 *
 * Names explain and decide nothing, so this never throws: reading stops where the section breaks,
 * and names that are not UTF-8 are left out.
 */
export function readFunctionNames(module: WasmModule): Map<number, string> {
  const names = new Map<number, string>();
  const section = module.sections.find(({ customName }) => customName === 'name');
  if (section === undefined) return names;
  const end = section.bodyOffset + section.bodySize;
  const cursor = new Cursor(module.bytes, section.bodyOffset, end, false);
  try {
    cursor.skipVector('the section name', MAX_NAME_BYTES);
    while (cursor.remaining > 0) {
      const id = cursor.u8('a subsection id');
      const size = cursor.u32('the size of a subsection');
      const start = cursor.offset;
      cursor.skip(size, 'a subsection');
      if (id !== FUNCTION_NAMES) continue;
      readNameMap(new Cursor(module.bytes, start, cursor.offset, false), names);
    }
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
  }
  return names;
}

function readNameMap(cursor: Cursor, names: Map<number, string>): void {
  const count = cursor.count('the number of names', MAX_FUNCTIONS, 2);
  for (let position = 0; position < count; position += 1) {
    const index = cursor.u32('the index of a name');
    const { offset, size } = cursor.skipVector('a name', MAX_NAME_BYTES);
    const name = decodeOrNothing(cursor.bytes.subarray(offset, offset + size));
    if (name !== undefined && !names.has(index)) names.set(index, name);
  }
}

function decodeOrNothing(bytes: Uint8Array): string | undefined {
  try {
    return decodeUtf8(bytes);
  } catch {
    return undefined;
  }
}

import { WasmError } from '../errors.js';
import { MAX_EXPORTS } from '../limits.js';
import { bodyCursor, expectEnd, findSection, type WasmModule } from '../module.js';
import type { ImportKind } from '../imports.js';

export interface Export {
  kind: ImportKind;
  name: string;
  index: number;
}

const kinds: readonly ImportKind[] = ['function', 'table', 'memory', 'global', 'tag'];

/** An empty name, a kind and an index. */
const MIN_EXPORT_SIZE = 3;

/**
 * Reads the export section of a module (core specification 5.5.10).
 *
 * @throws WasmError
 */
export function readExports(module: WasmModule): Export[] {
  const section = findSection(module, 'export');
  if (section === undefined) return [];
  const cursor = bodyCursor(module, section);
  const count = cursor.count('the number of exports', MAX_EXPORTS, MIN_EXPORT_SIZE);
  const names = new Set<string>();
  const exports: Export[] = [];
  for (let position = 0; position < count; position += 1) {
    const start = cursor.offset;
    const name = cursor.text('the name of an export');
    if (names.has(name)) {
      throw new WasmError('name-duplicate', start, `a second export ${JSON.stringify(name)}`);
    }
    names.add(name);
    const at = cursor.offset;
    const kind = kinds[cursor.u8('the kind of an export')];
    if (kind === undefined) {
      throw new WasmError('export-malformed', at, `export ${position} is of an unknown kind`);
    }
    exports.push({ kind, name, index: cursor.u32('the index of an export') });
  }
  expectEnd(cursor, 'export');
  return exports;
}

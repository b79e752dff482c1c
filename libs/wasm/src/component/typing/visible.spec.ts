import { describe, expect, it } from 'vitest';

import type { WasmError } from '../../errors.js';
import { join, type Bytes } from '../../assemble.fixture.js';
import { component, exports, externName, imports, types } from '../assemble.fixture.js';
import {
  exportDecl,
  FUNC,
  func,
  instanceType,
  listOf,
  record,
  typed,
  typeDecl,
  U8,
} from './types.fixture.js';

const ab = record(['a', U8]);
const TYPE = 0x03;
/** An import of the type at an index, under a name of its own. */
const typeImport = (name: string, index: number): Uint8Array =>
  join(externName(name), [TYPE, 0x00, index]);
const funcImport = (name: string, index: number): Uint8Array =>
  join(externName(name), [FUNC, index]);
const typeExport = (name: string, index: number): Uint8Array =>
  join(externName(name), [TYPE, index, 0x00]);

function codeOf(...sections: Bytes[]): string {
  try {
    typed(component(...sections));
    return 'taken';
  } catch (error) {
    return (error as WasmError).code;
  }
}

describe('types that are seen from outside', () => {
  it.each<[string, Bytes[], string]>([
    [
      'a record within one that is imported',
      [types(ab, listOf(0)), imports(typeImport('x', 1))],
      'type-unnamed',
    ],
    [
      'a record of a function',
      [types(ab, func([['x', 0]])), imports(funcImport('f', 1))],
      'type-unnamed',
    ],
    [
      'a record in a list that is exported',
      [types(ab, listOf(0)), exports(typeExport('x', 1))],
      'type-unnamed',
    ],
    [
      'a record with its import',
      [
        types(ab),
        imports(typeImport('r', 0)),
        types(func([['x', 1]])),
        imports(funcImport('f', 2)),
      ],
      'taken',
    ],
    [
      'a record by the index that has no name',
      [
        types(ab),
        imports(typeImport('r', 0)),
        types(func([['x', 0]])),
        imports(funcImport('f', 2)),
      ],
      'type-unnamed',
    ],
    [
      'a record with its export',
      [types(ab), exports(typeExport('r', 0)), types(listOf(1)), exports(typeExport('x', 2))],
      'taken',
    ],
    [
      'a record that is exported, in an import',
      [
        types(ab),
        exports(typeExport('r', 0)),
        types(func([['x', 1]])),
        imports(funcImport('f', 2)),
      ],
      'type-unnamed',
    ],
    [
      'a resource that is not exported',
      [types([0x3f, 0x7f, 0x00], [0x69, 0], listOf(1)), exports(typeExport('x', 2))],
      'type-unnamed',
    ],
    [
      'a resource that is',
      [
        types([0x3f, 0x7f, 0x00]),
        exports(typeExport('r', 0)),
        types([0x69, 1], listOf(2)),
        exports(typeExport('x', 3)),
      ],
      'taken',
    ],
    [
      'a record in an instance that names it',
      [
        types(
          instanceType(
            typeDecl(ab),
            exportDecl('r', TYPE, 0, 0),
            typeDecl(func([['x', 1]])),
            exportDecl('f', FUNC, 2),
          ),
        ),
        imports(join(externName('i'), [0x05, 0x00])),
      ],
      'taken',
    ],
    [
      'a record in an instance that does not',
      [
        types(instanceType(typeDecl(ab), typeDecl(func([['x', 0]])), exportDecl('f', FUNC, 1))),
        imports(join(externName('i'), [0x05, 0x00])),
      ],
      'type-unnamed',
    ],
    [
      'what needs no name',
      [types(listOf(U8), func([['x', 0]])), imports(funcImport('f', 1))],
      'taken',
    ],
  ])('%s', (_, sections, code) => {
    expect(codeOf(...sections)).toBe(code);
  });
});

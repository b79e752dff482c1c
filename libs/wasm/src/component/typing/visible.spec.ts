import { describe, expect, it } from 'vitest';

import type { WasmError } from '../../errors.js';
import { join, preamble, section, text, vector, type Bytes } from '../../assemble.fixture.js';
import {
  aliases,
  canons,
  component,
  coreInstances,
  coreModule,
  exports,
  externName,
  imports,
  instances,
  nested,
  types,
} from '../assemble.fixture.js';
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

const funcExport = (name: string): Uint8Array => join(externName(name), [FUNC, 0x00, 0x00]);

/** Exports a record as `t`. */
const naming = component(types(ab), exports(typeExport('t', 0)));
/** Of the first instance, as the first type. */
const taken = aliases(join([TYPE, 0x00, 0x00], text('t')));
/** The first function, which takes the first type; it comes from a core instance. */
const takingFunc = join(
  coreModule(takingModule()),
  coreInstances([0x00, 0x00, 0x00]),
  aliases(join([0x00, 0x00, 0x01, 0x00], text('f'))),
  types(func([['x', 0]])),
  canons([0x00, 0x00, 0x00, 0x00, 0x01]),
);

/** A record of the fixture is passed as one number. */
function takingModule(): Uint8Array {
  return join(
    preamble,
    section(1, vector([[0x60, 0x01, 0x7f, 0x00]])),
    section(3, vector([[0x00]])),
    section(7, vector([join(text('f'), [0x00, 0x00])])),
    section(10, vector([[0x02, 0x00, 0x0b]])),
  );
}

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
      'a resource by the index that has no name',
      [
        types([0x3f, 0x7f, 0x00], [0x69, 0]),
        exports(typeExport('r', 0)),
        types(listOf(1)),
        exports(typeExport('x', 3)),
      ],
      'type-unnamed',
    ],
    [
      'a record of an instance that is not exported',
      [nested(naming), instances([0x00, 0x00, 0x00]), taken, takingFunc, exports(funcExport('f'))],
      'type-unnamed',
    ],
    [
      'a record of an instance that is',
      [
        ...[nested(naming), instances([0x00, 0x00, 0x00]), taken, takingFunc],
        exports(join(externName('i'), [0x05, 0x00, 0x00]), funcExport('f')),
      ],
      'taken',
    ],
    [
      'a record that the component around it names',
      [
        types(ab),
        imports(typeImport('r', 0)),
        nested(
          component(
            aliases([TYPE, 0x02, 0x01, 0x01]),
            types(func([['x', 0]])),
            imports(funcImport('f', 1)),
          ),
        ),
      ],
      'type-unnamed',
    ],
    [
      'the type of an instance in which something has no name',
      [
        types(instanceType(typeDecl(ab), typeDecl(record(['r', 0])), exportDecl('x', TYPE, 0, 1))),
        imports(typeImport('i', 0)),
      ],
      'type-unnamed',
    ],
    [
      'the type of an instance without such',
      [types(instanceType(typeDecl(ab), exportDecl('x', TYPE, 0, 0))), imports(typeImport('i', 0))],
      'taken',
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

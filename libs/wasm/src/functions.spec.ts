import { describe, expect, it } from 'vitest';

import {
  body,
  join,
  module,
  moduleOfFunctions,
  section,
  text,
  vector,
} from './assemble.fixture.js';
import { WasmError } from './errors.js';
import { readFunctions } from './functions.js';
import { countImports, readImports } from './imports.js';
import { readModule } from './module.js';

const declare = (count: number): Uint8Array =>
  section(3, vector(Array.from({ length: count }, () => [0x00])));

const failureOf = (action: () => unknown): unknown => {
  try {
    return action();
  } catch (error) {
    if (error instanceof WasmError) return { code: error.code, offset: error.offset };
    throw error;
  }
};

describe('readFunctions', () => {
  it('gives index, offset and size of each body, imported functions counted', () => {
    const bodies = [body(1), body(2, 50), [0x00, 0x0b]];
    const bytes = moduleOfFunctions({ bodies, importedFunctions: 3 });
    const functions = readFunctions(readModule(bytes));
    expect(functions.map(({ index }) => index)).toEqual([3, 4, 5]);
    for (const [position, { offset, size }] of functions.entries()) {
      expect([...bytes.subarray(offset, offset + size)]).toEqual(bodies[position]);
    }
  });

  it('finds none in a module without code', () => {
    expect(readFunctions(readModule(module()))).toEqual([]);
  });

  it.each([
    [
      'more bodies than declared',
      [
        declare(1),
        section(
          10,
          vector([
            [2, 0, 11],
            [2, 0, 11],
          ]),
        ),
      ],
      'count-mismatch',
      12,
    ],
    ['declared functions without a body', [declare(1)], 'count-mismatch', 12],
    ['a count of 2^32 - 1', [section(10, [0xff, 0xff, 0xff, 0xff, 0x0f])], 'count-too-large', 10],
    ['a count that the section cannot hold', [section(10, [2, 2, 0, 11])], 'count-too-large', 10],
    ['a body of one byte', [declare(1), section(10, [1, 1, 11, 0])], 'function-malformed', 15],
    ['a body beyond its section', [declare(1), section(10, [1, 9, 0, 11])], 'truncated', 16],
    [
      'bytes after the last body',
      [declare(1), section(10, [1, 2, 0, 11, 0])],
      'section-trailing-bytes',
      18,
    ],
    ['bytes after the last declaration', [section(3, [1, 0, 0])], 'section-trailing-bytes', 12],
  ])('refuses %s', (_, sections, code, offset) => {
    const read = readModule(module(...sections));
    expect(failureOf(() => readFunctions(read))).toEqual({ code, offset });
  });
});

describe('readImports', () => {
  const importing = (...descriptions: number[][]): Uint8Array =>
    module(section(2, vector(descriptions.map((each) => join(text('m'), text('n'), each)))));

  it('reads every kind, and counts them', () => {
    const bytes = importing(
      [0x00, 0x05],
      [0x01, 0x70, 0x00, 0x01],
      [0x01, 0x6f, 0x01, 0x01, 0x02],
      [0x01, 0x63, 0x70, 0x05, 0x01, 0x02],
      [0x02, 0x00, 0x01],
      [0x02, 0x03, 0x01, 0x80, 0x01],
      [0x02, 0x05, 0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x3f],
      [0x02, 0x08, 0x01, 0x00],
      [0x03, 0x7b, 0x00],
      [0x03, 0x7f, 0x01],
      [0x03, 0x64, 0x07, 0x00],
      [0x04, 0x00, 0x02],
      [0x00, 0x80, 0x01],
    );
    const imports = readImports(readModule(bytes));
    expect(imports[0]).toEqual({ kind: 'function', module: 'm', name: 'n' });
    expect(countImports(imports)).toEqual({ function: 2, table: 3, memory: 4, global: 3, tag: 1 });
  });

  it.each([
    ['an unknown kind', [0x05, 0x00], 'import-malformed', 15],
    ['a table of numbers', [0x01, 0x7f, 0x00, 0x01], 'import-malformed', 16],
    ['a global of no type', [0x03, 0x40, 0x00], 'import-malformed', 16],
    ['a global that is half mutable', [0x03, 0x7f, 0x02], 'import-malformed', 17],
    ['limits with unknown flags', [0x02, 0x10, 0x00], 'import-malformed', 16],
    ['a table with a page size', [0x01, 0x70, 0x08, 0x00, 0x00], 'import-malformed', 17],
    ['a tag with an unknown attribute', [0x04, 0x01, 0x00], 'import-malformed', 16],
    ['a type that is cut', [0x00, 0x80], 'truncated', 17],
    ['bytes after the last import', [0x00, 0x00, 0x00], 'section-trailing-bytes', 17],
  ])('refuses %s', (_, description, code, offset) => {
    const read = readModule(importing(description));
    expect(failureOf(() => readImports(read))).toEqual({ code, offset });
  });
});

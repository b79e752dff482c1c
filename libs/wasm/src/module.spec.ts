import { describe, expect, it } from 'vitest';

import { custom, join, module, paddedLeb, preamble, section, vector } from './assemble.fixture.js';
import { WasmError } from './errors.js';
import { readModule } from './module.js';

const type = section(1, vector([[0x60, 0x00, 0x00]]));
const functions = section(3, vector([[0x00]]));
const code = section(10, vector([[0x02, 0x00, 0x0b]]));
const empty = (id: number): Uint8Array => section(id, [0x00]);

describe('readModule', () => {
  it('covers every byte of the file exactly once', () => {
    const bytes = module(custom('first', [1, 2, 3]), type, functions, custom('é'), code);
    const { sections } = readModule(bytes);
    expect(sections.map(({ name, customName }) => customName ?? name)).toEqual([
      'first',
      'type',
      'function',
      'é',
      'code',
    ]);
    let offset = preamble.length;
    for (const each of sections) {
      expect(each.offset).toBe(offset);
      expect(each.bodyOffset).toBe(offset + each.headerSize);
      offset = each.bodyOffset + each.bodySize;
    }
    expect(offset).toBe(bytes.length);
    expect(sections[1]).toEqual({
      id: 1,
      name: 'type',
      offset: 19,
      headerSize: 2,
      bodyOffset: 21,
      bodySize: 4,
    });
  });

  it('takes every section in the order of the specification, and custom sections anywhere', () => {
    const ids = [1, 2, 3, 4, 5, 13, 6, 7, 8, 9, 12, 10, 11];
    const between = ids.flatMap((id) => [custom('x'), empty(id)]);
    expect(readModule(module(...between, custom('x'))).sections).toHaveLength(2 * ids.length + 1);
  });

  it.each([
    ['nothing', [], 'truncated', 0],
    ['half a magic', preamble.slice(0, 3), 'truncated', 3],
    ['half a version', preamble.slice(0, 6), 'truncated', 6],
    ['another file', [0x7f, 0x45, 0x4c, 0x46, 1, 0, 0, 0], 'not-wasm', 0],
    ['a magic with a typo', [0x00, 0x61, 0x73, 0x6e, 1, 0, 0, 0], 'not-wasm', 3],
    ['version 2', [...preamble.slice(0, 4), 2, 0, 0, 0], 'version-unsupported', 4],
    ['layer 2', [...preamble.slice(0, 4), 1, 0, 2, 0], 'version-unsupported', 4],
    ['a component', [...preamble.slice(0, 4), 0x0d, 0, 1, 0], 'component-unsupported', 6],
    ['an unknown section', module(type, empty(14)), 'section-unknown', 14],
    ['a second section', module(type, type), 'section-duplicate', 14],
    ['sections out of order', module(functions, type), 'section-order', 12],
    ['tag after global', module(empty(6), empty(13)), 'section-order', 11],
    ['data count after code', module(code, empty(12)), 'section-order', 14],
    ['a section longer than the file', module([1, 5, 0, 0]), 'section-overrun', 8],
    ['a section of 4 GiB', module([1, 0xff, 0xff, 0xff, 0xff, 0x0f]), 'section-overrun', 8],
    ['a section without a size', module([1]), 'truncated', 9],
    ['a size of 33 bits', module([1, 0xff, 0xff, 0xff, 0xff, 0x7f]), 'leb-out-of-range', 9],
    ['a padded size', module(join([1], paddedLeb(1), [0])), 'leb-overlong', 9],
    ['a custom section without a name', module(section(0)), 'truncated', 10],
    ['a name beyond its section', module(section(0, [9, 0x61])), 'truncated', 11],
    ['a name that is not UTF-8', module(section(0, [1, 0xff])), 'name-not-utf8', 11],
    ['a name of 200,000 bytes', module(section(0, [0xc0, 0x9a, 0x0c])), 'name-too-long', 10],
  ])('refuses %s', (_, bytes, code, offset) => {
    try {
      readModule(Uint8Array.from(bytes));
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof WasmError)) throw error;
      expect({ code: error.code, offset: error.offset }).toEqual({ code, offset });
    }
  });

  it('reads padded sizes where the specification rules', () => {
    const bytes = module(join([1], paddedLeb(1), [0]));
    const [only] = readModule(bytes, { canonical: false }).sections;
    expect(only).toMatchObject({ headerSize: 6, bodyOffset: 14, bodySize: 1 });
  });

  it('bounds file size and number of sections', () => {
    const refusal = (bytes: Uint8Array, maxFileSize = 1e6): unknown => {
      try {
        return readModule(bytes, { maxFileSize });
      } catch (error) {
        return error;
      }
    };
    expect(refusal(module(type), 13)).toMatchObject({ code: 'file-too-large' });
    const many = module(...Array.from({ length: 10_001 }, () => section(0, [0])));
    expect(refusal(many)).toMatchObject({ code: 'count-too-large' });
  });
});

import { describe, expect, it } from 'vitest';

import { module, section, vector } from './assemble.fixture.js';
import { readDataSegments } from './data.js';
import { readModule } from './module.js';

const dataModule = (...segments: number[][]): Uint8Array => module(section(11, vector(segments)));
const read = (bytes: Uint8Array): unknown => {
  try {
    return readDataSegments(readModule(bytes));
  } catch (error) {
    return error;
  }
};

describe('readDataSegments', () => {
  it.each([
    ['active at a constant', [0x00, 0x41, 0x80, 0x08, 0x0b, 0x02, 0xaa, 0xbb], 'active', 6],
    ['active at a 64-bit constant', [0x00, 0x42, 0x01, 0x0b, 0x02, 0xaa, 0xbb], 'active', 5],
    ['active at a global', [0x00, 0x23, 0x01, 0x0b, 0x02, 0xaa, 0xbb], 'active', 5],
    ['active at a sum', [0x00, 0x23, 0x01, 0x41, 0x08, 0x6a, 0x0b, 0x02, 0xaa, 0xbb], 'active', 8],
    ['in another memory', [0x02, 0x01, 0x41, 0x00, 0x0b, 0x02, 0xaa, 0xbb], 'active', 6],
    ['passive', [0x01, 0x02, 0xaa, 0xbb], 'passive', 2],
  ])('reads a segment %s', (_, segment, mode, contentStart) => {
    const offset = 8 + 2 + 1;
    expect(read(dataModule(segment))).toEqual([
      {
        index: 0,
        mode,
        offset,
        size: segment.length,
        content: { offset: offset + contentStart, size: 2 },
      },
    ]);
  });

  it('checks the data count', () => {
    const announcing = (count: number): Uint8Array =>
      module(section(12, [count]), section(11, vector([[0x01, 0x00]])));
    expect(read(announcing(1))).toHaveLength(1);
    expect(read(announcing(2))).toMatchObject({ code: 'count-mismatch', offset: 10 });
  });

  it.each([
    ['unknown flags', dataModule([0x03, 0x00]), 'data-malformed', 11],
    ['an address that calls', dataModule([0x00, 0x10, 0x00, 0x0b, 0x00]), 'data-malformed', 12],
    ['an address without end', dataModule([0x00, 0x41, 0x00]), 'truncated', 14],
    ['content beyond the section', dataModule([0x01, 0x09, 0x00]), 'truncated', 13],
    ['too many segments', module(section(11, [0xff, 0xff, 0xff, 0x7f])), 'count-too-large', 10],
    ['bytes after the last segment', dataModule([0x01, 0x00, 0x00]), 'section-trailing-bytes', 13],
  ])('refuses %s', (_, bytes, code, offset) => {
    expect(read(bytes)).toMatchObject({ code, offset });
  });
});

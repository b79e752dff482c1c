import type { Cursor } from './cursor.js';
import { WasmError } from './errors.js';
import { MAX_DATA_SEGMENTS } from './limits.js';
import { bodyCursor, expectEnd, findSection, type Span, type WasmModule } from './module.js';

/** The span is the whole entry: flags, memory, address expression, length and bytes. */
export interface DataSegment extends Span {
  index: number;
  mode: 'active' | 'passive';
  /** The bytes that go into memory. */
  content: Span;
}

/** Flags and an empty content. */
const MIN_SEGMENT_SIZE = 2;

/**
 * Lists the segments of the data section (core specification 5.5.14) and checks that the data
 * count section, when there is one, agrees.
 *
 * @throws WasmError
 */
export function readDataSegments(module: WasmModule): DataSegment[] {
  const section = findSection(module, 'data');
  const segments: DataSegment[] = [];
  if (section !== undefined) {
    const cursor = bodyCursor(module, section);
    const field = 'the number of data segments';
    const count = cursor.count(field, MAX_DATA_SEGMENTS, MIN_SEGMENT_SIZE);
    for (let index = 0; index < count; index += 1) segments.push(readSegment(cursor, index));
    expectEnd(cursor, 'data');
  }
  checkDataCount(module, segments.length);
  return segments;
}

function readSegment(cursor: Cursor, index: number): DataSegment {
  const offset = cursor.offset;
  const flags = cursor.u32('the flags of a data segment');
  if (flags > 2) {
    const message = `data segment ${index} has unknown flags ${flags}`;
    throw new WasmError('data-malformed', offset, message);
  }
  if (flags === 2) cursor.u32('the memory of a data segment');
  if (flags !== 1) skipAddress(cursor, index);
  const content = { size: cursor.u32('the length of a data segment'), offset: cursor.offset };
  cursor.skip(content.size, 'a data segment');
  const size = cursor.offset - offset;
  return { index, mode: flags === 1 ? 'passive' : 'active', offset, size, content };
}

/**
 * Steps over a constant expression that yields an address (3.3.13): constants, imported or earlier
 * globals, and the sums, differences and products of extended constant expressions.
 */
function skipAddress(cursor: Cursor, index: number): void {
  for (;;) {
    const start = cursor.offset;
    const opcode = cursor.u8('the address of a data segment');
    switch (opcode) {
      case 0x0b:
        return;
      case 0x23:
        cursor.u32('a global index in the address of a data segment');
        break;
      case 0x41:
        cursor.skipSigned(32, 'a constant in the address of a data segment');
        break;
      case 0x42:
        cursor.skipSigned(64, 'a constant in the address of a data segment');
        break;
      case 0x6a:
      case 0x6b:
      case 0x6c:
      case 0x7c:
      case 0x7d:
      case 0x7e:
        break;
      default: {
        const message = `the address of data segment ${index} has opcode 0x${opcode.toString(16)}`;
        throw new WasmError('data-malformed', start, `${message}, which no address can have`);
      }
    }
  }
}

function checkDataCount(module: WasmModule, count: number): void {
  const section = findSection(module, 'datacount');
  if (section === undefined) return;
  const cursor = bodyCursor(module, section);
  const announced = cursor.u32('the data count');
  expectEnd(cursor, 'datacount');
  if (announced !== count) {
    const message = `section datacount announces ${announced} segments, section data has ${count}`;
    throw new WasmError('count-mismatch', section.bodyOffset, message);
  }
}

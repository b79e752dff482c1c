import { describe, expect, it } from 'vitest';

import { join, leb, type Bytes } from '../assemble.fixture.js';
import { InstructionDecoder } from './decode.js';
import { opcodeAfter, printInstruction } from './print.js';
import { TOKEN } from './tokens.js';

function decode(...parts: Bytes[]): InstructionDecoder {
  const bytes = join(...parts);
  const decoder = new InstructionDecoder(bytes);
  decoder.body({ offset: 0, size: bytes.length });
  return decoder;
}

/** The instructions of a body without locals, `end` left out, or why it cannot be read. */
function texts(...parts: Bytes[]): string[] | string {
  const { tokens, failure } = decode([0x00], ...parts, [0x0b]);
  if (failure !== undefined) return failure.code;
  const lines: string[] = [];
  for (let at = opcodeAfter(tokens, 0); at < tokens.length; at = opcodeAfter(tokens, at))
    lines.push(printInstruction(tokens, at, (index) => (index === 7 ? 'seven' : undefined)).text);
  return lines.slice(0, -1);
}

describe('instructions', () => {
  it.each<[string, number[]]>([
    ['nop', [0x01]],
    ['call 7 (;seven;)', [0x10, 0x07]],
    ['call 7 (;seven;)', [0x10, 0x87, 0x80, 0x80, 0x80, 0x00]],
    ['call_indirect 1 2', [0x11, 0x01, 0x02]],
    ['return_call 300', [0x12, 0xac, 0x02]],
    ['br_table 1 2 0', [0x0e, 0x02, 0x01, 0x02, 0x00]],
    ['select i32', [0x1c, 0x01, 0x7f]],
    ['i32.const -5', [0x41, 0x7b]],
    ['i32.const -2147483648', [0x41, 0x80, 0x80, 0x80, 0x80, 0x78]],
    ['i64.const -1', [0x42, 0x7f]],
    ['i64.const 9223372036854775807', [0x42, ...Array<number>(9).fill(0xff), 0x00]],
    ['i64.const -9223372036854775808', [0x42, ...Array<number>(9).fill(0x80), 0x7f]],
    ['f32.const 1.5', [0x43, 0x00, 0x00, 0xc0, 0x3f]],
    ['f64.const -0', [0x44, 0, 0, 0, 0, 0, 0, 0, 0x80]],
    ['f32.const nan:0x7fc00001', [0x43, 0x01, 0x00, 0xc0, 0x7f]],
    ['i32.load offset=16 align=4', [0x28, 0x02, 0x10]],
    ['i32.load 1 offset=16 align=4', [0x28, 0x42, 0x01, 0x10]],
    [
      'i64.store offset=18446744073709551615 align=8',
      [0x37, 0x03, ...Array<number>(9).fill(0xff), 0x01],
    ],
    ['memory.grow 0', [0x40, 0x00]],
    ['memory.init 3 0', [0xfc, 0x08, 0x03, 0x00]],
    ['memory.copy 0 0', [0xfc, 0x0a, 0x00, 0x00]],
    ['table.grow 1', [0xfc, 0x0f, 0x01]],
    ['i64.mul_wide_u', [0xfc, 0x16]],
    ['ref.null func', [0xd0, 0x70]],
    ['ref.null (type 3)', [0xd0, 0x03]],
    ['ref.func 7 (;seven;)', [0xd2, 0x07]],
    ['v128.load align=16', [0xfd, 0x00, 0x04, 0x00]],
    ['i8x16.extract_lane_u 15', [0xfd, 0x16, 0x0f]],
    ['v128.load8_lane align=1 3', [0xfd, 0x54, 0x00, 0x00, 0x03]],
    ['i16x8.avgr_u', [0xfd, 0x9b, 0x01]],
    ['i32x4.dot_i16x8_s', [0xfd, 0xba, 0x01]],
    ['f64x2.pmax', [0xfd, 0xf7, 0x01]],
    ['f64x2.convert_low_i32x4_u', [0xfd, 0xff, 0x01]],
    ['i32x4.relaxed_dot_i8x16_i7x16_add_s', [0xfd, 0x93, 0x02]],
    ['i32.atomic.rmw.cmpxchg align=4', [0xfe, 0x48, 0x02, 0x00]],
    ['i64.atomic.rmw32.cmpxchg_u align=4', [0xfe, 0x4e, 0x02, 0x00]],
    ['struct.get 1 2', [0xfb, 0x02, 0x01, 0x02]],
    ['array.new_fixed 1 4', [0xfb, 0x08, 0x01, 0x04]],
    ['ref.cast_null any', [0xfb, 0x17, 0x6e]],
    ['br_on_cast 1 0 any (type 2)', [0xfb, 0x18, 0x01, 0x00, 0x6e, 0x02]],
    ['i31.get_u', [0xfb, 0x1e]],
    ['throw 2', [0x08, 0x02]],
    ['throw_ref', [0x0a]],
  ])('%s', (text, bytes) => {
    expect(texts(bytes)).toEqual([text]);
  });

  it('follows blocks, with and without types', () => {
    const block = [0x02, 0x40, 0x03, 0x7f, 0x41, 0x01, 0x0b, 0x1a, 0x04, 0x05, 0x0b, 0x0b];
    const expected = ['block', 'loop (result i32)', 'i32.const 1', 'end', 'drop', 'if (type 5)'];
    // (an `if` without a condition: types are not checked)
    expect(texts(block)).toEqual([...expected, 'end', 'end']);
    const caught = [0x1f, 0x40, 0x02, 0x00, 0x01, 0x00, 0x02, 0x00, 0x0b];
    expect(texts(caught)).toEqual(['try_table 0 1 0 2 0', 'end']);
  });

  it('tells what names by place from what means the same anywhere', () => {
    const { tokens } = decode([0x01, 0x02, 0x7f, 0x20, 0x00, 0x10, 0x07, 0x41, 0x05, 0x0b]);
    const kinds = [...tokens.kinds.subarray(0, tokens.length)];
    const { literal, opcode, constant } = TOKEN;
    expect(kinds).toEqual([
      ...[literal, literal, literal, opcode, literal],
      ...[opcode, TOKEN.function, opcode, constant, opcode],
    ]);
  });
});

describe('hostile bodies', () => {
  it.each<[string, Bytes, string]>([
    ['an unknown opcode', [0x00, 0x27, 0x0b], 'function-malformed'],
    ['an unknown opcode of a prefix', [0x00, 0xfd, 0xff, 0x7f, 0x0b], 'function-malformed'],
    ['a prefix alone', [0x00, 0xfc], 'truncated'],
    ['an index that is cut', [0x00, 0x10, 0x80], 'truncated'],
    [
      'an index of more than 32 bits',
      [0x00, 0x10, 0xff, 0xff, 0xff, 0xff, 0x1f, 0x0b],
      'leb-out-of-range',
    ],
    [
      'an index of six bytes',
      [0x00, 0x10, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0b],
      'leb-out-of-range',
    ],
    [
      'a constant of six bytes',
      [0x00, 0x41, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00, 0x0b],
      'leb-out-of-range',
    ],
    [
      'a constant of eleven bytes',
      [0x00, 0x42, ...Array<number>(10).fill(0x80), 0x00, 0x0b],
      'leb-out-of-range',
    ],
    ['2^32 - 1 labels', [0x00, 0x0e, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b], 'count-too-large'],
    ['2^32 - 1 groups of locals', [0xff, 0xff, 0xff, 0xff, 0x0f, 0x0b], 'truncated'],
    ['a float that is cut', [0x00, 0x44, 0x00], 'truncated'],
    ['no end', [0x00, 0x01], 'truncated'],
    ['something after the end', [0x00, 0x0b, 0x01], 'function-malformed'],
    [
      'a reference to a reference',
      [0x00, 0x1c, 0x01, 0x63, 0x63, 0x70, 0x0b],
      'function-malformed',
    ],
    [
      'a catch clause of no kind',
      [0x00, 0x1f, 0x40, 0x01, 0x04, 0x00, 0x0b, 0x0b],
      'function-malformed',
    ],
  ])('%s', (_, bytes, code) => {
    const { failure } = decode(bytes);
    expect(failure?.code).toBe(code);
    expect(failure?.offset).toBeLessThanOrEqual(bytes.length);
  });

  it('counts nesting instead of following it', () => {
    const depth = 500_000;
    const bytes = new Uint8Array(3 * depth + 2);
    for (let at = 0; at < depth; at += 1) bytes.set([0x02, 0x40], 1 + 2 * at);
    bytes.fill(0x0b, 1 + 2 * depth);
    expect(decode(bytes).failure).toBeUndefined();
  });

  it('gives up on a body of more operands than it holds', () => {
    const bytes = new Uint8Array(4_100_000).fill(0x01);
    expect(decode([0x00], bytes.subarray(leb(0).length)).failure?.code).toBe('count-too-large');
  });
});

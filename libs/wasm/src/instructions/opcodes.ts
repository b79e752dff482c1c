import { ATOMIC, SIMD } from './vector-opcodes.js';

/**
 * What stands after an opcode (core specification 5.4). The letters name operands in their order:
 *
 *   b block type     l label       L vector of labels and a default    x local
 *   f function       t type        g global    T table   m memory      d data   e element   k tag
 *   a memory argument (alignment, perhaps a memory, offset)            i byte: lane, flags, order
 *   s 32-bit constant  S 64-bit constant  w 4 bytes  W 8 bytes  V 16 bytes
 *   h heap type      v vector of value types      c vector of catch clauses      n count
 */
export interface Opcode {
  readonly name: string;
  readonly operands: string;
}

/** Of opcodes that are one byte. Some are of proposals before exception handling was settled. */
const SINGLE: readonly (readonly [from: number, words: string])[] = [
  [0x00, 'unreachable nop block:b loop:b if:b else try:b catch:k throw:k rethrow:l throw_ref end'],
  [0x0c, 'br:l br_if:l br_table:L return call:f call_indirect:tT return_call:f'],
  [0x13, 'return_call_indirect:tT call_ref:t return_call_ref:t'],
  [0x18, 'delegate:l catch_all drop select select:v'],
  [0x1f, 'try_table:bc local.get:x local.set:x local.tee:x global.get:g global.set:g'],
  [0x25, 'table.get:T table.set:T'],
  [0x28, 'i32.load:a i64.load:a f32.load:a f64.load:a i32.load8_s:a i32.load8_u:a'],
  [0x2e, 'i32.load16_s:a i32.load16_u:a i64.load8_s:a i64.load8_u:a i64.load16_s:a'],
  [0x33, 'i64.load16_u:a i64.load32_s:a i64.load32_u:a i32.store:a i64.store:a f32.store:a'],
  [0x39, 'f64.store:a i32.store8:a i32.store16:a i64.store8:a i64.store16:a i64.store32:a'],
  [0x3f, 'memory.size:m memory.grow:m i32.const:s i64.const:S f32.const:w f64.const:W'],
  [0x45, 'i32.eqz i32.eq i32.ne i32.lt_s i32.lt_u i32.gt_s i32.gt_u i32.le_s i32.le_u i32.ge_s'],
  [0x4f, 'i32.ge_u i64.eqz i64.eq i64.ne i64.lt_s i64.lt_u i64.gt_s i64.gt_u i64.le_s i64.le_u'],
  [0x59, 'i64.ge_s i64.ge_u f32.eq f32.ne f32.lt f32.gt f32.le f32.ge f64.eq f64.ne f64.lt'],
  [0x64, 'f64.gt f64.le f64.ge i32.clz i32.ctz i32.popcnt i32.add i32.sub i32.mul i32.div_s'],
  [0x6e, 'i32.div_u i32.rem_s i32.rem_u i32.and i32.or i32.xor i32.shl i32.shr_s i32.shr_u'],
  [0x77, 'i32.rotl i32.rotr i64.clz i64.ctz i64.popcnt i64.add i64.sub i64.mul i64.div_s'],
  [0x80, 'i64.div_u i64.rem_s i64.rem_u i64.and i64.or i64.xor i64.shl i64.shr_s i64.shr_u'],
  [0x89, 'i64.rotl i64.rotr f32.abs f32.neg f32.ceil f32.floor f32.trunc f32.nearest f32.sqrt'],
  [0x92, 'f32.add f32.sub f32.mul f32.div f32.min f32.max f32.copysign f64.abs f64.neg f64.ceil'],
  [0x9c, 'f64.floor f64.trunc f64.nearest f64.sqrt f64.add f64.sub f64.mul f64.div f64.min'],
  [0xa5, 'f64.max f64.copysign i32.wrap_i64 i32.trunc_f32_s i32.trunc_f32_u i32.trunc_f64_s'],
  [0xab, 'i32.trunc_f64_u i64.extend_i32_s i64.extend_i32_u i64.trunc_f32_s i64.trunc_f32_u'],
  [0xb0, 'i64.trunc_f64_s i64.trunc_f64_u f32.convert_i32_s f32.convert_i32_u'],
  [0xb4, 'f32.convert_i64_s f32.convert_i64_u f32.demote_f64 f64.convert_i32_s'],
  [0xb8, 'f64.convert_i32_u f64.convert_i64_s f64.convert_i64_u f64.promote_f32'],
  [0xbc, 'i32.reinterpret_f32 i64.reinterpret_f64 f32.reinterpret_i32 f64.reinterpret_i64'],
  [0xc0, 'i32.extend8_s i32.extend16_s i64.extend8_s i64.extend16_s i64.extend32_s'],
  [0xd0, 'ref.null:h ref.is_null ref.func:f ref.eq ref.as_non_null br_on_null:l br_on_non_null:l'],
];

const GARBAGE_COLLECTED =
  'struct.new:t struct.new_default:t struct.get:tn struct.get_s:tn struct.get_u:tn struct.set:tn ' +
  'array.new:t array.new_default:t array.new_fixed:tn array.new_data:td array.new_elem:te ' +
  'array.get:t array.get_s:t array.get_u:t array.set:t array.len array.fill:t array.copy:tt ' +
  'array.init_data:td array.init_elem:te ref.test:h ref.test_null:h ref.cast:h ref.cast_null:h ' +
  'br_on_cast:ilhh br_on_cast_fail:ilhh any.convert_extern extern.convert_any ref.i31 ' +
  'i31.get_s i31.get_u';

const MISCELLANEOUS: readonly (readonly [from: number, words: string])[] = [
  [0, 'i32.trunc_sat_f32_s i32.trunc_sat_f32_u i32.trunc_sat_f64_s i32.trunc_sat_f64_u'],
  [4, 'i64.trunc_sat_f32_s i64.trunc_sat_f32_u i64.trunc_sat_f64_s i64.trunc_sat_f64_u'],
  [8, 'memory.init:dm data.drop:d memory.copy:mm memory.fill:m table.init:eT elem.drop:e'],
  [14, 'table.copy:TT table.grow:T table.size:T table.fill:T'],
  [19, 'i64.add128 i64.sub128 i64.mul_wide_s i64.mul_wide_u'],
];

/** By the byte that opens them; the opcode within is an unsigned LEB128. */
export const PREFIXES = { gc: 0xfb, miscellaneous: 0xfc, simd: 0xfd, atomic: 0xfe } as const;

/** Prefix and opcode in one number: `prefix << 12 | opcode`; a single byte is itself. */
export function joinOpcode(prefix: number, opcode: number): number {
  return prefix * 0x1000 + opcode;
}

/** No prefix has as many. */
export const MAX_PREFIXED = 0xfff;

const table = new Map<number, Opcode>();

function enter(prefix: number, from: number, words: string): void {
  let opcode = from;
  for (const word of words.split(' ')) {
    const [name = '', operands = ''] = word.split(':');
    if (name !== '-')
      table.set(prefix === 0 ? opcode : joinOpcode(prefix, opcode), { name, operands });
    opcode += 1;
  }
}

for (const [from, words] of SINGLE) enter(0, from, words);
enter(PREFIXES.gc, 0, GARBAGE_COLLECTED);
for (const [from, words] of MISCELLANEOUS) enter(PREFIXES.miscellaneous, from, words);
for (const [from, words] of SIMD) enter(PREFIXES.simd, from, words);
for (const [from, words] of ATOMIC) enter(PREFIXES.atomic, from, words);

/** Undefined for what no specification of this table's knows. */
export function opcodeOf(joined: number): Opcode | undefined {
  return table.get(joined);
}

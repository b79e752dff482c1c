type Rows = readonly (readonly [from: number, words: string])[];

/** Vector instructions (core specification 5.4.8) and their relaxed forms; `-` is a gap. */
export const SIMD: Rows = [
  [0, 'v128.load:a v128.load8x8_s:a v128.load8x8_u:a v128.load16x4_s:a v128.load16x4_u:a'],
  [5, 'v128.load32x2_s:a v128.load32x2_u:a v128.load8_splat:a v128.load16_splat:a'],
  [9, 'v128.load32_splat:a v128.load64_splat:a v128.store:a v128.const:V i8x16.shuffle:V'],
  [14, 'i8x16.swizzle i8x16.splat i16x8.splat i32x4.splat i64x2.splat f32x4.splat f64x2.splat'],
  [21, 'i8x16.extract_lane_s:i i8x16.extract_lane_u:i i8x16.replace_lane:i'],
  [24, 'i16x8.extract_lane_s:i i16x8.extract_lane_u:i i16x8.replace_lane:i'],
  [27, 'i32x4.extract_lane:i i32x4.replace_lane:i i64x2.extract_lane:i i64x2.replace_lane:i'],
  [31, 'f32x4.extract_lane:i f32x4.replace_lane:i f64x2.extract_lane:i f64x2.replace_lane:i'],
  [35, 'i8x16.eq i8x16.ne i8x16.lt_s i8x16.lt_u i8x16.gt_s i8x16.gt_u i8x16.le_s i8x16.le_u'],
  [43, 'i8x16.ge_s i8x16.ge_u i16x8.eq i16x8.ne i16x8.lt_s i16x8.lt_u i16x8.gt_s i16x8.gt_u'],
  [51, 'i16x8.le_s i16x8.le_u i16x8.ge_s i16x8.ge_u i32x4.eq i32x4.ne i32x4.lt_s i32x4.lt_u'],
  [59, 'i32x4.gt_s i32x4.gt_u i32x4.le_s i32x4.le_u i32x4.ge_s i32x4.ge_u f32x4.eq f32x4.ne'],
  [67, 'f32x4.lt f32x4.gt f32x4.le f32x4.ge f64x2.eq f64x2.ne f64x2.lt f64x2.gt f64x2.le'],
  [76, 'f64x2.ge v128.not v128.and v128.andnot v128.or v128.xor v128.bitselect v128.any_true'],
  [84, 'v128.load8_lane:ai v128.load16_lane:ai v128.load32_lane:ai v128.load64_lane:ai'],
  [88, 'v128.store8_lane:ai v128.store16_lane:ai v128.store32_lane:ai v128.store64_lane:ai'],
  [92, 'v128.load32_zero:a v128.load64_zero:a f32x4.demote_f64x2_zero f64x2.promote_low_f32x4'],
  [96, 'i8x16.abs i8x16.neg i8x16.popcnt i8x16.all_true i8x16.bitmask i8x16.narrow_i16x8_s'],
  [102, 'i8x16.narrow_i16x8_u f32x4.ceil f32x4.floor f32x4.trunc f32x4.nearest i8x16.shl'],
  [108, 'i8x16.shr_s i8x16.shr_u i8x16.add i8x16.add_sat_s i8x16.add_sat_u i8x16.sub'],
  [114, 'i8x16.sub_sat_s i8x16.sub_sat_u f64x2.ceil f64x2.floor i8x16.min_s i8x16.min_u'],
  [120, 'i8x16.max_s i8x16.max_u f64x2.trunc i8x16.avgr_u i16x8.extadd_pairwise_i8x16_s'],
  [125, 'i16x8.extadd_pairwise_i8x16_u i32x4.extadd_pairwise_i16x8_s'],
  [127, 'i32x4.extadd_pairwise_i16x8_u i16x8.abs i16x8.neg i16x8.q15mulr_sat_s i16x8.all_true'],
  [132, 'i16x8.bitmask i16x8.narrow_i32x4_s i16x8.narrow_i32x4_u i16x8.extend_low_i8x16_s'],
  [136, 'i16x8.extend_high_i8x16_s i16x8.extend_low_i8x16_u i16x8.extend_high_i8x16_u'],
  [139, 'i16x8.shl i16x8.shr_s i16x8.shr_u i16x8.add i16x8.add_sat_s i16x8.add_sat_u i16x8.sub'],
  [146, 'i16x8.sub_sat_s i16x8.sub_sat_u f64x2.nearest i16x8.mul i16x8.min_s i16x8.min_u'],
  [152, 'i16x8.max_s i16x8.max_u - i16x8.avgr_u i16x8.extmul_low_i8x16_s'],
  [157, 'i16x8.extmul_high_i8x16_s i16x8.extmul_low_i8x16_u i16x8.extmul_high_i8x16_u'],
  [160, 'i32x4.abs i32x4.neg - i32x4.all_true i32x4.bitmask - - i32x4.extend_low_i16x8_s'],
  [168, 'i32x4.extend_high_i16x8_s i32x4.extend_low_i16x8_u i32x4.extend_high_i16x8_u'],
  [171, 'i32x4.shl i32x4.shr_s i32x4.shr_u i32x4.add - - i32x4.sub - - - i32x4.mul'],
  [182, 'i32x4.min_s i32x4.min_u i32x4.max_s i32x4.max_u i32x4.dot_i16x8_s -'],
  [188, 'i32x4.extmul_low_i16x8_s i32x4.extmul_high_i16x8_s i32x4.extmul_low_i16x8_u'],
  [191, 'i32x4.extmul_high_i16x8_u i64x2.abs i64x2.neg - i64x2.all_true i64x2.bitmask - -'],
  [199, 'i64x2.extend_low_i32x4_s i64x2.extend_high_i32x4_s i64x2.extend_low_i32x4_u'],
  [202, 'i64x2.extend_high_i32x4_u i64x2.shl i64x2.shr_s i64x2.shr_u i64x2.add - - i64x2.sub'],
  [213, 'i64x2.mul i64x2.eq i64x2.ne i64x2.lt_s i64x2.gt_s i64x2.le_s i64x2.ge_s'],
  [220, 'i64x2.extmul_low_i32x4_s i64x2.extmul_high_i32x4_s i64x2.extmul_low_i32x4_u'],
  [223, 'i64x2.extmul_high_i32x4_u f32x4.abs f32x4.neg - f32x4.sqrt f32x4.add f32x4.sub'],
  [230, 'f32x4.mul f32x4.div f32x4.min f32x4.max f32x4.pmin f32x4.pmax f64x2.abs f64x2.neg -'],
  [239, 'f64x2.sqrt f64x2.add f64x2.sub f64x2.mul f64x2.div f64x2.min f64x2.max f64x2.pmin'],
  [247, 'f64x2.pmax i32x4.trunc_sat_f32x4_s i32x4.trunc_sat_f32x4_u f32x4.convert_i32x4_s'],
  [251, 'f32x4.convert_i32x4_u i32x4.trunc_sat_f64x2_s_zero i32x4.trunc_sat_f64x2_u_zero'],
  [254, 'f64x2.convert_low_i32x4_s f64x2.convert_low_i32x4_u i8x16.relaxed_swizzle'],
  [257, 'i32x4.relaxed_trunc_f32x4_s i32x4.relaxed_trunc_f32x4_u'],
  [259, 'i32x4.relaxed_trunc_f64x2_s_zero i32x4.relaxed_trunc_f64x2_u_zero f32x4.relaxed_madd'],
  [262, 'f32x4.relaxed_nmadd f64x2.relaxed_madd f64x2.relaxed_nmadd i8x16.relaxed_laneselect'],
  [266, 'i16x8.relaxed_laneselect i32x4.relaxed_laneselect i64x2.relaxed_laneselect'],
  [269, 'f32x4.relaxed_min f32x4.relaxed_max f64x2.relaxed_min f64x2.relaxed_max'],
  [273, 'i16x8.relaxed_q15mulr_s i16x8.relaxed_dot_i8x16_i7x16_s'],
  [275, 'i32x4.relaxed_dot_i8x16_i7x16_add_s'],
];

/** Threads and atomics (proposal, binary format). */
export const ATOMIC: Rows = [
  [0x00, 'memory.atomic.notify:a memory.atomic.wait32:a memory.atomic.wait64:a atomic.fence:i'],
  [0x10, 'i32.atomic.load:a i64.atomic.load:a i32.atomic.load8_u:a i32.atomic.load16_u:a'],
  [0x14, 'i64.atomic.load8_u:a i64.atomic.load16_u:a i64.atomic.load32_u:a i32.atomic.store:a'],
  [0x18, 'i64.atomic.store:a i32.atomic.store8:a i32.atomic.store16:a i64.atomic.store8:a'],
  [0x1c, 'i64.atomic.store16:a i64.atomic.store32:a'],
  ...['add', 'sub', 'and', 'or', 'xor', 'xchg', 'cmpxchg'].map(
    (operation, index) =>
      [
        0x1e + 7 * index,
        `i32.atomic.rmw.${operation}:a i64.atomic.rmw.${operation}:a ` +
          `i32.atomic.rmw8.${operation}_u:a i32.atomic.rmw16.${operation}_u:a ` +
          `i64.atomic.rmw8.${operation}_u:a i64.atomic.rmw16.${operation}_u:a ` +
          `i64.atomic.rmw32.${operation}_u:a`,
      ] as const,
  ),
];

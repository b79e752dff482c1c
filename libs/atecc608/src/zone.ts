import { Atecc608Error } from './errors.js';

/** Zones as Read and Write number them. */
export const ZONE = { config: 0, otp: 1, data: 2 } as const;
export type Zone = (typeof ZONE)[keyof typeof ZONE];

export const CONFIG_SIZE = 128;
export const OTP_SIZE = 64;
export const SLOT_COUNT = 16;
/** Bytes of each data slot. */
export const SLOT_SIZES: readonly number[] = [
  ...new Array<number>(8).fill(36),
  416,
  ...new Array<number>(7).fill(72),
];

/** Bytes of the data zone: the slots one after another. */
export const DATA_SIZE = SLOT_SIZES.reduce((sum, size) => sum + size, 0);

/** The size of a zone, or of one slot of the data zone. */
export function zoneSize(zone: Zone, slot: number): number {
  if (zone === ZONE.config) return CONFIG_SIZE;
  return zone === ZONE.otp ? OTP_SIZE : SLOT_SIZES[slot]!;
}

/**
 * Param2 of Read and Write for the word at `offset` bytes: `block<<3|word` for the configuration
 * and OTP zones, `slot<<3|word|block<<8` for data.
 *
 * @throws Atecc608Error `argument` for an offset that is no word of the zone
 */
export function encodeAddress(zone: Zone, slot: number, offset: number): number {
  if (zone === ZONE.data && !(Number.isInteger(slot) && slot >= 0 && slot < SLOT_COUNT)) {
    throw new Atecc608Error('argument', `slot is 0 to ${SLOT_COUNT - 1}, not ${slot}`);
  }
  const size = zoneSize(zone, slot);
  if (!Number.isInteger(offset) || offset < 0 || offset >= size || offset % 4 !== 0) {
    throw new Atecc608Error('argument', `offset is a multiple of 4 below ${size}, not ${offset}`);
  }
  const block = Math.floor(offset / 32);
  const word = (offset % 32) / 4;
  return zone === ZONE.data ? (block << 8) | (slot << 3) | word : (block << 3) | word;
}

/** The place that Param2 names, undefined when it is outside the zone or sets reserved bits. */
export function decodeAddress(
  zone: Zone,
  address: number,
): { slot: number; offset: number } | undefined {
  const word = address & 7;
  if (zone === ZONE.data) {
    const slot = (address >>> 3) & 15;
    const offset = (address >>> 8) * 32 + word * 4;
    return (address & 0x80) !== 0 || offset >= SLOT_SIZES[slot]! ? undefined : { slot, offset };
  }
  const offset = (address >>> 3) * 32 + word * 4;
  return offset < zoneSize(zone, 0) ? { slot: 0, offset } : undefined;
}

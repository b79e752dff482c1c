import type { Atecc608ErrorCode } from './errors.js';

/** What a four-byte response says, by name. */
export type StatusName =
  | 'ok'
  | 'miscompare'
  | 'parse'
  | 'ecc-fault'
  | 'self-test'
  | 'health-test'
  | 'execution'
  | 'after-wake'
  | 'watchdog'
  | 'command-crc';

/** The byte of each status; `watchdog` (EE) asks for sleep or idle before the next command. */
export const STATUS: Readonly<Record<StatusName, number>> = {
  ok: 0x00,
  miscompare: 0x01,
  parse: 0x03,
  'ecc-fault': 0x05,
  'self-test': 0x07,
  'health-test': 0x08,
  execution: 0x0f,
  'after-wake': 0x11,
  watchdog: 0xee,
  'command-crc': 0xff,
};

const NAMES = new Map(Object.entries(STATUS).map(([name, byte]) => [byte, name as StatusName]));

/** The name of a status byte, undefined for a byte that no document gives a meaning. */
export function statusName(byte: number): StatusName | undefined {
  return NAMES.get(byte);
}

/** The error code that stands for a status other than ok: they share their names. */
export function statusErrorCode(status: Exclude<StatusName, 'ok'>): Atecc608ErrorCode {
  return status;
}

import { concatBytes } from '@noble/hashes/utils.js';
import { readU16le, u16le } from './bytes.js';
import { crc16 } from './crc16.js';
import { Atecc608Error, type Atecc608ErrorCode } from './errors.js';
import { STATUS, type StatusName } from './status.js';

/** The byte that precedes what goes to the chip, over I2C and over a stream alike. */
export const WORD_ADDRESS = { reset: 0x00, sleep: 0x01, idle: 0x02, command: 0x03 } as const;

/** count, opcode, p1, p2 (two bytes), CRC (two bytes). */
export const MIN_COMMAND_SIZE = 7;
/** The chip's input buffer: four blocks of 36 bytes around the parameters. */
export const MAX_COMMAND_SIZE = 151;
export const MAX_COMMAND_DATA = MAX_COMMAND_SIZE - MIN_COMMAND_SIZE;
/** count, one byte of data, CRC. */
export const MIN_RESPONSE_SIZE = 4;
/** SHA's context of 99 bytes is the longest answer. */
export const MAX_RESPONSE_SIZE = 102;

export interface Command {
  readonly opcode: number;
  /** Param1: one byte. */
  readonly p1: number;
  /** Param2: two bytes, little endian on the wire. */
  readonly p2: number;
  readonly data: Uint8Array;
}

/**
 * The frame of a command: `count opcode p1 p2lo p2hi data crclo crchi`, without a word address.
 *
 * @throws Atecc608Error `argument` when a field does not fit its width
 */
export function encodeCommand({ opcode, p1, p2, data }: Command): Uint8Array {
  if (!isInteger(opcode, 0xff) || !isInteger(p1, 0xff) || !isInteger(p2, 0xffff)) {
    throw new Atecc608Error('argument', 'opcode and p1 are one byte each, p2 is two');
  }
  if (data.length > MAX_COMMAND_DATA) {
    throw new Atecc608Error('argument', `data of a command is at most ${MAX_COMMAND_DATA} bytes`);
  }
  const head = Uint8Array.of(MIN_COMMAND_SIZE + data.length, opcode, p1);
  return withCrc(concatBytes(head, u16le(p2), data));
}

/**
 * The command of a frame.
 *
 * @throws Atecc608Error `frame-malformed` for a length that is not count or outside the bounds,
 *   `command-crc` for a wrong CRC
 */
export function decodeCommand(frame: Uint8Array): Command {
  checkFrame(frame, MIN_COMMAND_SIZE, MAX_COMMAND_SIZE, 'frame-malformed', 'command-crc');
  return {
    opcode: frame[1]!,
    p1: frame[2]!,
    p2: readU16le(frame, 3),
    data: frame.slice(5, -2),
  };
}

/**
 * The frame of a response: `count data crclo crchi`.
 *
 * @throws Atecc608Error `argument` when the data is empty or too long
 */
export function encodeResponse(data: Uint8Array): Uint8Array {
  const count = data.length + 3;
  if (count < MIN_RESPONSE_SIZE || count > MAX_RESPONSE_SIZE) {
    throw new Atecc608Error('argument', `a response has 1 to ${MAX_RESPONSE_SIZE - 3} data bytes`);
  }
  return withCrc(concatBytes(Uint8Array.of(count), data));
}

/** The four-byte response that carries a status. */
export function encodeStatus(status: StatusName): Uint8Array {
  return encodeResponse(Uint8Array.of(STATUS[status]));
}

/**
 * The data of a response.
 *
 * @throws Atecc608Error `response-malformed`, `response-crc`
 */
export function decodeResponse(frame: Uint8Array): Uint8Array {
  checkFrame(frame, MIN_RESPONSE_SIZE, MAX_RESPONSE_SIZE, 'response-malformed', 'response-crc');
  return frame.slice(1, -2);
}

function withCrc(body: Uint8Array): Uint8Array {
  return concatBytes(body, u16le(crc16(body)));
}

function checkFrame(
  frame: Uint8Array,
  min: number,
  max: number,
  malformed: Atecc608ErrorCode,
  badCrc: Atecc608ErrorCode,
): void {
  const count = frame[0];
  if (count !== frame.length || count < min || count > max) {
    throw new Atecc608Error(
      malformed,
      `the frame has ${frame.length} bytes and says ${count ?? 'nothing'}; ${min} to ${max} allowed`,
    );
  }
  const crc = readU16le(frame, count - 2);
  if (crc !== crc16(frame.subarray(0, -2))) {
    throw new Atecc608Error(badCrc, `the CRC ${crc.toString(16)} does not match the frame`);
  }
}

function isInteger(value: number, max: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= max;
}

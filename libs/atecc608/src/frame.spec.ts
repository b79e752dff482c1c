import fc from 'fast-check';
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js';
import { describe, expect, it } from 'vitest';
import { crc16 } from './crc16.js';
import { Atecc608Error, type Atecc608ErrorCode } from './errors.js';
import {
  decodeCommand,
  decodeResponse,
  encodeCommand,
  encodeResponse,
  MAX_COMMAND_DATA,
  MAX_RESPONSE_SIZE,
} from './frame.js';
import { STATUS, statusName } from './status.js';

function codeOf(work: () => unknown): Atecc608ErrorCode | 'no error' {
  try {
    work();
    return 'no error';
  } catch (error) {
    if (error instanceof Atecc608Error) return error.code;
    throw error;
  }
}

describe('CRC-16', () => {
  it.each([
    ['0730000000', 0x5d03],
    ['0700006003', 0xbb83],
    ['0411', 0x4333],
    ['', 0],
  ])('of %s', (bytes, crc) => {
    expect(crc16(hexToBytes(bytes))).toBe(crc);
  });

  it('continues where it stopped', () => {
    const bytes = Uint8Array.from({ length: 50 }, (_, i) => i * 7);
    expect(crc16(bytes.subarray(20), crc16(bytes.subarray(0, 20)))).toBe(crc16(bytes));
  });
});

describe('frames', () => {
  it('writes Info as the vendor does', () => {
    const frame = encodeCommand({ opcode: 0x30, p1: 0, p2: 0, data: new Uint8Array(0) });
    expect(bytesToHex(frame)).toBe('0730000000035d');
  });

  it('reads what it wrote', () => {
    fc.assert(
      fc.property(
        fc.nat(255),
        fc.nat(255),
        fc.nat(65_535),
        fc.uint8Array({ maxLength: MAX_COMMAND_DATA }),
        (opcode, p1, p2, data) => {
          const command = { opcode, p1, p2, data };
          expect(decodeCommand(encodeCommand(command))).toEqual(command);
        },
      ),
      { seed: 6, numRuns: 200 },
    );
  });

  it.each<[string, () => unknown, Atecc608ErrorCode]>([
    [
      'an opcode of two bytes',
      () => encodeCommand({ opcode: 256, p1: 0, p2: 0, data: new Uint8Array(0) }),
      'argument',
    ],
    [
      'p2 of three bytes',
      () => encodeCommand({ opcode: 1, p1: 0, p2: 65_536, data: new Uint8Array(0) }),
      'argument',
    ],
    [
      'too much data',
      () => encodeCommand({ opcode: 1, p1: 0, p2: 0, data: new Uint8Array(MAX_COMMAND_DATA + 1) }),
      'argument',
    ],
    ['an empty command', () => decodeCommand(new Uint8Array(0)), 'frame-malformed'],
    [
      'a count that is not the length',
      () => decodeCommand(hexToBytes('0830000000035d')),
      'frame-malformed',
    ],
    ['a command of six bytes', () => decodeCommand(hexToBytes('063000000000')), 'frame-malformed'],
    ['a flipped bit', () => decodeCommand(hexToBytes('0730010000035d')), 'command-crc'],
    ['an empty response', () => decodeResponse(new Uint8Array(0)), 'response-malformed'],
    ['a response of three bytes', () => decodeResponse(hexToBytes('030000')), 'response-malformed'],
    ['a response with a flipped bit', () => decodeResponse(hexToBytes('04013340')), 'response-crc'],
    ['an answer of nothing', () => encodeResponse(new Uint8Array(0)), 'argument'],
    ['an answer too long', () => encodeResponse(new Uint8Array(MAX_RESPONSE_SIZE - 2)), 'argument'],
  ])('refuses %s', (_, work, code) => {
    expect(codeOf(work)).toBe(code);
  });

  it('never throws anything else, whatever the bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 160 }), (bytes) => {
        codeOf(() => decodeCommand(bytes));
        codeOf(() => decodeResponse(bytes));
      }),
      { seed: 6, numRuns: 500 },
    );
  });

  it('names every status by its byte', () => {
    for (const [name, byte] of Object.entries(STATUS)) expect(statusName(byte)).toBe(name);
    expect(statusName(0x42)).toBeUndefined();
  });
});

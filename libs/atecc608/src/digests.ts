import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { u16le, u32le, xorBytes } from './bytes.js';
import { OPCODE } from './opcode.js';

/**
 * The messages that the chip hashes, which a host has to hash the same way. Layouts follow the
 * public data sheet summaries and agree with the vendor's host library, whose results the tests
 * hold as constants. Serial numbers are nine bytes; keys, nonces and TempKey 32.
 */

/** What stands for opcode, p1 and p2 in a message. */
export interface Parameters {
  readonly opcode: number;
  readonly p1: number;
  readonly p2: number;
}

const zeros = (length: number): Uint8Array => new Uint8Array(length);

/** SN[8] ‖ SN[0:1], the part of the serial number that all devices of a customer share. */
function fixedSerial(serial: Uint8Array): Uint8Array {
  return Uint8Array.of(serial[8]!, serial[0]!, serial[1]!);
}

function parameterBytes({ opcode, p1, p2 }: Parameters): Uint8Array {
  return concatBytes(Uint8Array.of(opcode, p1), u16le(p2));
}

/** TempKey after Nonce in a random mode; `random` is the chip's answer, `numIn` 20 bytes. */
export function nonceDigest(
  random: Uint8Array,
  numIn: Uint8Array,
  mode: number,
  p2: number,
): Uint8Array {
  return sha256(concatBytes(random, numIn, Uint8Array.of(OPCODE.nonce, mode, p2 & 0xff)));
}

/** key ‖ parameters ‖ SN ‖ 25 bytes of padding ‖ last 32: GenDig, DeriveKey and the Write MAC. */
export function keyedDigest(
  key: Uint8Array,
  parameters: Uint8Array | Parameters,
  serial: Uint8Array,
  last: Uint8Array,
  padding: Uint8Array = zeros(25),
): Uint8Array {
  const four = parameters instanceof Uint8Array ? parameters : parameterBytes(parameters);
  return sha256(concatBytes(key, four, fixedSerial(serial), padding, last));
}

/** TempKey after GenDig over a monotonic counter. */
export function counterDigest(
  counter: number,
  value: number,
  serial: Uint8Array,
  tempKey: Uint8Array,
): Uint8Array {
  const parameters = { opcode: OPCODE.genDig, p1: 4, p2: counter };
  const padding = concatBytes(zeros(1), u32le(value), zeros(20));
  return keyedDigest(zeros(32), parameters, serial, tempKey, padding);
}

/** What GenDig over a key's configuration binds. */
export interface KeyConfiguration {
  readonly slotConfig: number;
  readonly keyConfig: number;
  /** The slot's bit of SlotLocked: 1 while it is unlocked. */
  readonly unlocked: boolean;
}

/** TempKey after GenDig over the configuration of a key. */
export function keyConfigurationDigest(
  slot: number,
  { slotConfig, keyConfig, unlocked }: KeyConfiguration,
  serial: Uint8Array,
  tempKey: Uint8Array,
): Uint8Array {
  const parameters = { opcode: OPCODE.genDig, p1: 5, p2: slot };
  const flag = Uint8Array.of(unlocked ? 1 : 0);
  const padding = concatBytes(zeros(1), u16le(slotConfig), u16le(keyConfig), flag, zeros(19));
  return keyedDigest(zeros(32), parameters, serial, tempKey, padding);
}

/** TempKey after GenKey's public-key digest; `parameters` are p1 and p2, or OtherData (3 bytes). */
export function publicKeyDigest(
  tempKey: Uint8Array,
  parameters: Uint8Array,
  serial: Uint8Array,
  publicKey: Uint8Array,
): Uint8Array {
  const head = concatBytes(tempKey, Uint8Array.of(OPCODE.genKey), parameters, fixedSerial(serial));
  return sha256(concatBytes(head, zeros(25), publicKey));
}

/** The answer of MAC; `otp` is eleven bytes, already zero where the mode leaves them out. */
export function macDigest(
  first: Uint8Array,
  second: Uint8Array,
  parameters: Parameters,
  serial: Uint8Array,
  otp: Uint8Array,
): Uint8Array {
  const whole = (parameters.p1 & 0x40) !== 0;
  return sha256(
    concatBytes(
      first,
      second,
      parameterBytes(parameters),
      otp,
      serial.subarray(8, 9),
      whole ? serial.subarray(4, 8) : zeros(4),
      serial.subarray(0, 2),
      whole ? serial.subarray(2, 4) : zeros(2),
    ),
  );
}

/** What CheckMac compares the client's response with; `other` is the client's thirteen bytes. */
export function checkMacDigest(
  first: Uint8Array,
  second: Uint8Array,
  other: Uint8Array,
  serial: Uint8Array,
  otp: Uint8Array,
): Uint8Array {
  return sha256(
    concatBytes(
      first,
      second,
      other.subarray(0, 4),
      otp,
      other.subarray(4, 7),
      serial.subarray(8, 9),
      other.subarray(7, 11),
      serial.subarray(0, 2),
      other.subarray(11, 13),
    ),
  );
}

/** The MAC that DeriveKey asks for when its slot says so. */
export function deriveKeyMac(
  parent: Uint8Array,
  parameters: Parameters,
  serial: Uint8Array,
): Uint8Array {
  return sha256(concatBytes(parent, parameterBytes(parameters), fixedSerial(serial)));
}

/** The MAC of PrivWrite, over the 36 clear bytes. */
export function privWriteMac(
  sessionKey: Uint8Array,
  parameters: Parameters,
  serial: Uint8Array,
  clear: Uint8Array,
): Uint8Array {
  return keyedDigest(sessionKey, parameters, serial, clear, zeros(21));
}

/** PrivWrite's cipher and its inverse: 32 bytes under the session key, four under its hash. */
export function privWriteCipher(sessionKey: Uint8Array, bytes: Uint8Array): Uint8Array {
  return xorBytes(bytes, concatBytes(sessionKey, sha256(sessionKey)));
}

/** Output encryption with the IO protection key: every block of 32 under 16 bytes of the nonce. */
export function ioCipher(ioKey: Uint8Array, nonce: Uint8Array, bytes: Uint8Array): Uint8Array {
  const out = bytes.slice();
  for (let block = 0; block * 32 < bytes.length; block++) {
    const key = sha256(concatBytes(ioKey, nonce.subarray(block * 16, block * 16 + 16)));
    out.set(xorBytes(bytes.subarray(block * 32, block * 32 + 32), key), block * 32);
  }
  return out;
}

/** TempKey's flags as Info and Sign(Internal) give them. */
export interface TempKeyFlags {
  readonly keyId: number;
  readonly fixedNonce: boolean;
  readonly genDigData: boolean;
  readonly genKeyData: boolean;
  readonly noMac: boolean;
}

/** keyId in bits 0-3, SourceFlag 4, GenDigData 5, GenKeyData 6, NoMacFlag 7. */
export function tempKeyFlagByte(flags: TempKeyFlags): number {
  return (
    flags.keyId |
    (flags.fixedNonce ? 0x10 : 0) |
    (flags.genDigData ? 0x20 : 0) |
    (flags.genKeyData ? 0x40 : 0) |
    (flags.noMac ? 0x80 : 0)
  );
}

export interface InternalMessage {
  readonly tempKey: Uint8Array;
  readonly flags: TempKeyFlags;
  /** Param1 of Sign: bit 0 for a signature meant for Verify(Invalidate), bit 6 whole serial. */
  readonly mode: number;
  /** The signing slot. */
  readonly keyId: number;
  /** Configuration of the slot that `flags.keyId` names. */
  readonly configuration: KeyConfiguration;
  readonly serial: Uint8Array;
}

/** The 55 bytes whose SHA-256 Sign(Internal) signs. */
export function internalMessage(m: InternalMessage): Uint8Array {
  const whole = (m.mode & 0x40) !== 0;
  const { serial, configuration } = m;
  return concatBytes(
    m.tempKey,
    Uint8Array.of(OPCODE.sign, m.mode),
    u16le(m.keyId),
    u16le(configuration.slotConfig),
    u16le(configuration.keyConfig),
    Uint8Array.of(tempKeyFlagByte(m.flags), 0, 0, serial[8]!),
    whole ? serial.subarray(4, 8) : zeros(4),
    serial.subarray(0, 2),
    whole ? serial.subarray(2, 4) : zeros(2),
    Uint8Array.of(configuration.unlocked ? 1 : 0, m.mode & 1, 0),
  );
}

/** The message of Verify(Validate) and Verify(Invalidate), from nineteen bytes of OtherData. */
export function validationMessage(
  tempKey: Uint8Array,
  other: Uint8Array,
  serial: Uint8Array,
): Uint8Array {
  return concatBytes(
    tempKey,
    Uint8Array.of(OPCODE.sign),
    other.subarray(0, 10),
    serial.subarray(8, 9),
    other.subarray(10, 14),
    serial.subarray(0, 2),
    other.subarray(14, 19),
  );
}

import { hmac } from '@noble/hashes/hmac.js';
import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { readU32le } from '../../bytes.js';
import { chipOptions, CONFIG, isSlotLocked } from '../../configuration.js';
import type { Command } from '../../frame.js';
import { SLOT_COUNT, SLOT_SIZES, ZONE } from '../../zone.js';
import {
  keyConfigOf,
  requireDataLocked,
  requireSlotNumber,
  requireTempKey,
  slotConfigOf,
  symmetricKey,
} from '../access.js';
import { allowIf, parseCheck, type Answer, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';
import { encryptBlock } from './aes.js';
import { protectedOutput } from './ecdh.js';

const ALGORITHM = { prf: 0, aes: 1, hkdf: 2 } as const;
const SOURCE = { tempKey: 0, upperTempKey: 1, slot: 2, alternate: 3 } as const;
const TARGET = {
  tempKey: 0,
  upperTempKey: 1,
  slot: 2,
  alternate: 3,
  output: 4,
  encryptedOutput: 5,
} as const;
const MESSAGE = { slot: 0, tempKey: 1, input: 2, iv: 3 } as const;
const MAX_MESSAGE = 128;

/**
 * KDF (56): the PRF of TLS 1.2 (RFC 5246 section 5), one block of AES, or one HMAC step of HKDF
 * (RFC 5869), from a key inside the chip to another place inside or to the answer. PRF and AES
 * agree with the vendor's published results; HKDF and its special initialisation vector follow the
 * public header files and are unverified on silicon.
 */
export const kdf: Handler = (chip, command) => {
  const { p1, data } = command;
  parseCheck((p1 & 0x80) === 0 && data.length >= 4);
  requireDataLocked(chip);
  const details = readU32le(data, 0);
  const message = data.slice(4);
  switch ((p1 >>> 5) & 3) {
    case ALGORITHM.prf:
      return prf(chip, command, details, message);
    case ALGORITHM.aes:
      parseCheck(message.length === 16 && (details & ~3) === 0);
      allowIf(chipOptions(chip.eeprom.config).kdfAesEnabled);
      return deliver(
        chip,
        command,
        concatBytes(
          encryptBlock(sourceKey(chip, command, 16, (details & 3) * 16), message),
          new Uint8Array(16),
        ),
      );
    case ALGORITHM.hkdf:
      return hkdf(chip, command, details, message);
    default:
      return 'parse';
  }
};

function prf(chip: Chip, command: Command, details: number, message: Uint8Array): Answer {
  const keyLength = ((details & 3) + 1) * 16;
  const length = (details & 0x100) === 0 ? 32 : 64;
  const aead = (details >>> 9) & 3;
  parseCheck((details & 0x00ff_f8fc) === 0 && aead <= 1 && message.length === details >>> 24);
  parseCheck(message.length <= MAX_MESSAGE && (aead === 0 || length === 64));
  const key = sourceKey(chip, command, keyLength, 0);
  const result = pSha256(key, message, length);
  if (aead === 0) return deliver(chip, command, result);
  deliver(chip, command, result.subarray(0, 32));
  return answer(chip, result.slice(32), false);
}

/** P_SHA256 of RFC 5246 section 5: A(i) = HMAC(A(i-1)), output HMAC(A(i) ‖ seed). */
function pSha256(secret: Uint8Array, seed: Uint8Array, length: 32 | 64): Uint8Array {
  const a1 = hmac(sha256, secret, seed);
  const first = hmac(sha256, secret, concatBytes(a1, seed));
  if (length === 32) return first;
  const a2 = hmac(sha256, secret, a1);
  return concatBytes(first, hmac(sha256, secret, concatBytes(a2, seed)));
}

function hkdf(chip: Chip, command: Command, details: number, input: Uint8Array): Answer {
  parseCheck((details & 0x00ff_f0f8) === 0 && input.length === details >>> 24);
  parseCheck(input.length <= MAX_MESSAGE);
  const message = hkdfMessage(chip, details, input);
  const key = (details & 4) === 0 ? sourceKey(chip, command, 32, 0) : new Uint8Array(32);
  return deliver(chip, command, hmac(sha256, key, message));
}

function hkdfMessage(chip: Chip, details: number, input: Uint8Array): Uint8Array {
  switch (details & 3) {
    case MESSAGE.slot:
      return symmetricKey(chip, (details >>> 8) & 15);
    case MESSAGE.tempKey:
      return requireTempKey(chip).value.slice(0, 32);
    case MESSAGE.input:
      return input;
    default:
      return checkedIv(chip, input);
  }
}

/** The two bytes at KdfIvLoc must be KdfIvStr. */
function checkedIv(chip: Chip, input: Uint8Array): Uint8Array {
  const { config } = chip.eeprom;
  const at = config[CONFIG.kdfIvLocation]!;
  const wanted = config.subarray(CONFIG.kdfIvString, CONFIG.kdfIvString + 2);
  allowIf(input[at] === wanted[0] && input[at + 1] === wanted[1]);
  return input;
}

function sourceKey(chip: Chip, { p1, p2 }: Command, length: number, offset: number): Uint8Array {
  const bytes = sourceBytes(chip, p1 & 3, p2 & 0xff, offset + length);
  parseCheck(bytes.length >= offset + length);
  return bytes.slice(offset, offset + length);
}

function sourceBytes(chip: Chip, source: number, slot: number, length: number): Uint8Array {
  switch (source) {
    case SOURCE.tempKey:
      return requireTempKey(chip).value;
    case SOURCE.upperTempKey:
      return requireTempKey(chip).value.subarray(32);
    case SOURCE.slot:
      return symmetricKey(chip, slot, length);
    default: {
      const { alternateKey } = chip.volatile;
      allowIf(alternateKey !== undefined);
      return alternateKey;
    }
  }
}

function deliver(chip: Chip, { p1, p2 }: Command, result: Uint8Array): Answer {
  const state = chip.volatile;
  switch ((p1 >>> 2) & 7) {
    case TARGET.tempKey:
      state.tempKey = plainTempKey(result.slice(), true);
      return 'ok';
    case TARGET.upperTempKey: {
      parseCheck(result.length === 32);
      const lower = requireTempKey(chip);
      state.tempKey = { ...lower, value: concatBytes(lower.value.subarray(0, 32), result) };
      return 'ok';
    }
    case TARGET.slot:
      return intoSlot(chip, p2 >>> 8, result);
    case TARGET.alternate:
      parseCheck(result.length === 32);
      state.alternateKey = result.slice();
      return 'ok';
    case TARGET.output:
      return answer(chip, result, false);
    case TARGET.encryptedOutput:
      return answer(chip, result, true);
    default:
      return 'parse';
  }
}

/** A slot takes a derived key as it takes a clear write; Never stays never. */
function intoSlot(chip: Chip, slot: number, result: Uint8Array): Answer {
  requireSlotNumber(slot);
  parseCheck(slot < SLOT_COUNT && result.length <= SLOT_SIZES[slot]!);
  const key = keyConfigOf(chip, slot);
  allowIf(!key.isPrivate && !isSlotLocked(chip.eeprom.config, slot));
  allowIf(slotConfigOf(chip, slot).writeConfig === 0);
  chip.eeprom.write(ZONE.data, slot, 0, result);
  return 'ok';
}

function answer(chip: Chip, result: Uint8Array, encrypt: boolean): Answer {
  return protectedOutput(chip, result, encrypt, chipOptions(chip.eeprom.config).kdfProtection);
}

import { counterDigest, keyConfigurationDigest, keyedDigest } from '../../digests.js';
import type { Command } from '../../frame.js';
import { OPCODE } from '../../opcode.js';
import {
  configurationOf,
  requireConfigLocked,
  requireDataLocked,
  requireSlotNumber,
  requireTempKey,
  serialOf,
  slotConfigOf,
  symmetricKey,
} from '../access.js';
import { parseCheck, type Chip, type Handler } from '../chip.js';
import { readCounter } from '../counters.js';
import type { TempKey } from '../volatile.js';

const ZONE = { config: 0, otp: 1, data: 2, sharedNonce: 3, counter: 4, keyConfig: 5 } as const;
const BLOCK = 32;
/** Param2 of the shared nonce: TempKey comes first and OtherData last. */
const TEMP_KEY_FIRST = 0x8000;
const OTHER_DATA = 32;

/**
 * GenDig (15): TempKey becomes the hash of itself and a block of the configuration (0), of OTP
 * (1), a slot (2), a nonce shared with another chip (3), a counter (4) or a key's configuration
 * (5). A slot whose NoMac bit is set takes opcode and parameters from OtherData, and the result is
 * of no use for MACs and encryption.
 */
export const genDig: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  requireConfigLocked(chip);
  parseCheck(p1 <= ZONE.keyConfig);
  switch (p1) {
    case ZONE.sharedNonce:
      return become(chip, sharedNonce(chip, command), {});
    case ZONE.data:
      return slotDigest(chip, command);
    case ZONE.counter:
      parseCheck(data.length === 0 && p2 <= 1);
      return become(
        chip,
        counterDigest(p2, readCounter(chip, p2), serialOf(chip), tempKeyValue(chip)),
        {},
      );
    case ZONE.keyConfig:
      parseCheck(data.length === 0);
      requireSlotNumber(p2);
      return become(
        chip,
        keyConfigurationDigest(p2, configurationOf(chip, p2), serialOf(chip), tempKeyValue(chip)),
        {},
      );
    default:
      return zoneBlock(chip, command);
  }
};

function zoneBlock(chip: Chip, command: Command): 'ok' {
  const { p1, p2, data } = command;
  if (p1 === ZONE.otp) requireDataLocked(chip);
  const zone = p1 === ZONE.config ? chip.eeprom.config : chip.eeprom.otp;
  parseCheck(data.length === 0 && p2 * BLOCK < zone.length);
  const block = zone.slice(p2 * BLOCK, p2 * BLOCK + BLOCK);
  return become(chip, keyedDigest(block, command, serialOf(chip), tempKeyValue(chip)), {});
}

function slotDigest(chip: Chip, command: Command): 'ok' {
  const { p2, data } = command;
  requireSlotNumber(p2);
  const { noMac } = slotConfigOf(chip, p2);
  // The vendor's library sends OtherData for slots without NoMac too, where nothing reads it.
  parseCheck(data.length === 4 || (data.length === 0 && !noMac));
  const value = tempKeyValue(chip);
  const key = symmetricKey(chip, p2);
  const digest = keyedDigest(key, noMac ? data : command, serialOf(chip), value);
  return become(chip, digest, { keyId: p2, genDigData: true, noMac });
}

function sharedNonce(chip: Chip, { p1, p2, data }: Command): Uint8Array {
  parseCheck(data.length === OTHER_DATA);
  const value = tempKeyValue(chip);
  const parameters = Uint8Array.of(OPCODE.genDig, p1, p2 & 0xff, 0);
  return (p2 & TEMP_KEY_FIRST) === 0
    ? keyedDigest(data, parameters, serialOf(chip), value)
    : keyedDigest(value, parameters, serialOf(chip), data);
}

function tempKeyValue(chip: Chip): Uint8Array {
  return requireTempKey(chip).value.subarray(0, 32);
}

/** SourceFlag is kept, and so is a NoMac flag once it is there. */
function become(chip: Chip, value: Uint8Array, flags: Partial<TempKey>): 'ok' {
  const { fixedNonce, noMac } = requireTempKey(chip);
  chip.volatile.tempKey = {
    value,
    keyId: flags.keyId ?? 0,
    fixedNonce,
    genDigData: flags.genDigData ?? false,
    genKeyData: false,
    noMac: noMac || (flags.noMac ?? false),
    derived: true,
    privateKey: false,
  };
  return 'ok';
}

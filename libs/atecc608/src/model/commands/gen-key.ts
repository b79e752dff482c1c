import { concatBytes } from '@noble/hashes/utils.js';
import { u16le } from '../../bytes.js';
import { isDataLocked, isSlotLocked, KEY_TYPE } from '../../configuration.js';
import { publicKeyDigest } from '../../digests.js';
import type { Command } from '../../frame.js';
import { isPrivateKey, publicKeyOf } from '../../p256.js';
import { ZONE } from '../../zone.js';
import {
  keyConfigOf,
  requireConfigLocked,
  requireSlotNumber,
  requireTempKey,
  serialOf,
  slotConfigOf,
  storedPrivateKey,
  storedPublicKey,
  useKey,
} from '../access.js';
import { allowIf, parseCheck, Refusal, type Answer, type Chip, type Handler } from '../chip.js';
import { plainTempKey } from '../volatile.js';

const MODE = { private: 0x04, digest: 0x08, publicDigest: 0x10 } as const;
/** Param2: the private key goes to, or comes from, TempKey. */
export const IN_TEMP_KEY = 0xffff;
const OTHER_DATA_SIZE = 3;
/** How often a random number may be no private key before the generator is called broken. */
const ATTEMPTS = 8;

/**
 * GenKey (40): the public key of a private one (mode 0), of a new one (mode 4), with its digest
 * going into TempKey (+8), or only the digest of a stored public key (mode 10, three bytes of
 * OtherData). A new key needs bit 1 of WriteConfig once the data zone is locked.
 */
export const genKey: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  requireConfigLocked(chip);
  if (p1 === MODE.publicDigest) return storedDigest(chip, command);
  parseCheck((p1 & ~(MODE.private | MODE.digest)) === 0 && data.length === 0);
  const create = (p1 & MODE.private) !== 0;
  if (p2 === IN_TEMP_KEY) {
    parseCheck((p1 & MODE.digest) === 0);
    return inTempKey(chip, create);
  }
  requireSlotNumber(p2);
  const key = create ? createKey(chip, p2) : readableKey(chip, p2);
  const publicKey = publicKeyOf(key);
  if ((p1 & MODE.digest) !== 0) intoTempKey(chip, p2, parameters(command), publicKey);
  return publicKey;
};

function createKey(chip: Chip, slot: number): Uint8Array {
  const { config } = chip.eeprom;
  const { isPrivate, keyType } = keyConfigOf(chip, slot);
  allowIf(isPrivate && keyType === KEY_TYPE.p256 && !isSlotLocked(config, slot));
  if (isDataLocked(config)) {
    allowIf((slotConfigOf(chip, slot).writeConfig & 2) !== 0);
    useCondition(chip, slot);
  }
  const key = newPrivateKey(chip);
  chip.eeprom.write(ZONE.data, slot, 0, concatBytes(new Uint8Array(4), key));
  return key;
}

/** GenKey is the one command that a cleared latch does not keep from a key. */
function useCondition(chip: Chip, slot: number): void {
  const key = keyConfigOf(chip, slot);
  allowIf(!key.requireAuthorisation || chip.volatile.authorisedBy === key.authorisingKey);
}

function readableKey(chip: Chip, slot: number): Uint8Array {
  allowIf(keyConfigOf(chip, slot).pubInfo);
  return storedPrivateKey(chip, slot);
}

function inTempKey(chip: Chip, create: boolean): Uint8Array {
  if (create) {
    chip.volatile.tempKey = { ...plainTempKey(newPrivateKey(chip), true), privateKey: true };
  }
  const { tempKey } = chip.volatile;
  allowIf(tempKey?.privateKey === true);
  return publicKeyOf(tempKey.value);
}

function newPrivateKey(chip: Chip): Uint8Array {
  for (let i = 0; i < ATTEMPTS; i++) {
    const key = chip.random(32);
    if (isPrivateKey(key)) return key;
  }
  throw new Refusal('health-test');
}

function storedDigest(chip: Chip, { p2, data }: Command): Answer {
  parseCheck(data.length === OTHER_DATA_SIZE);
  requireSlotNumber(p2);
  useKey(chip, p2);
  intoTempKey(chip, p2, data, storedPublicKey(chip, p2));
  return 'ok';
}

function intoTempKey(chip: Chip, slot: number, taken: Uint8Array, publicKey: Uint8Array): void {
  const tempKey = requireTempKey(chip);
  const value = publicKeyDigest(tempKey.value.subarray(0, 32), taken, serialOf(chip), publicKey);
  chip.volatile.tempKey = {
    ...tempKey,
    value,
    keyId: slot,
    genDigData: false,
    genKeyData: true,
    derived: true,
  };
}

function parameters({ p1, p2 }: Command): Uint8Array {
  return concatBytes(Uint8Array.of(p1), u16le(p2));
}

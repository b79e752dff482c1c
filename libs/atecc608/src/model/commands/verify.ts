import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { equalBytes, u16le } from '../../bytes.js';
import { x509Format } from '../../configuration.js';
import { validationMessage } from '../../digests.js';
import type { Command } from '../../frame.js';
import { OPCODE } from '../../opcode.js';
import { isPublicKey, verifyDigest } from '../../p256.js';
import { ZONE } from '../../zone.js';
import {
  holdsPublicKey,
  ioProtectionKey,
  isValidated,
  keyConfigOf,
  requireDataLocked,
  requireSlotNumber,
  requireTempKey,
  serialOf,
  slotConfigOf,
  storedPublicKey,
  useKey,
  VALIDITY,
} from '../access.js';
import { allowIf, parseCheck, type Answer, type Chip, type Handler } from '../chip.js';

const MODE = { stored: 0, validateExternal: 1, external: 2, validate: 3, invalidate: 7 } as const;
const FROM_BUFFER = 0x20;
const WITH_MAC = 0x80;
const P256 = 4;
const SIGNATURE_SIZE = 64;
const OTHER_DATA_SIZE = 19;

/**
 * Verify (45): external, stored, validate, invalidate and validate-external; the curve is P-256. A
 * malformed public key answers 0F. The message's source is used up (unverified on silicon).
 */
export const verify: Handler = (chip, command) => {
  parseCheck((command.p1 & ~(7 | FROM_BUFFER | WITH_MAC)) === 0);
  switch (command.p1 & 7) {
    case MODE.external:
      return external(chip, command);
    case MODE.stored:
      return stored(chip, command);
    case MODE.validateExternal:
      return validateExternal(chip, command);
    case MODE.validate:
      return validate(chip, command, false);
    case MODE.invalidate:
      return validate(chip, command, true);
    default:
      return 'parse';
  }
};

function external(chip: Chip, command: Command): Answer {
  const { p2, data } = command;
  parseCheck(p2 === P256 && data.length === SIGNATURE_SIZE + 64);
  const source = takeMessage(chip, command);
  const publicKey = data.subarray(SIGNATURE_SIZE);
  allowIf(isPublicKey(publicKey));
  return conclude(chip, command, source, publicKey);
}

function stored(chip: Chip, command: Command): Answer {
  const { p2, data } = command;
  requireSlotNumber(p2);
  parseCheck(data.length === SIGNATURE_SIZE);
  requireDataLocked(chip);
  const publicKey = storedPublicKey(chip, p2);
  allowIf(!keyConfigOf(chip, p2).pubInfo || isValidated(chip, p2));
  allowIf(isPublicKey(publicKey));
  useKey(chip, p2);
  return conclude(chip, command, takeMessage(chip, command), publicKey);
}

/**
 * The public key in a slot that wants validation, under the key that its ReadKey names. TempKey
 * must be GenKey's digest of that slot. That OtherData must say which of the two is meant is this
 * model's caution, unverified on silicon.
 */
function validate(chip: Chip, command: Command, invalidate: boolean): Answer {
  const { p1, p2, data } = command;
  requireSlotNumber(p2);
  parseCheck(data.length === SIGNATURE_SIZE + OTHER_DATA_SIZE && (p1 & FROM_BUFFER) === 0);
  requireDataLocked(chip);
  const tempKey = requireTempKey(chip);
  allowIf(tempKey.genKeyData && tempKey.keyId === p2);
  allowIf(holdsPublicKey(chip, p2) && keyConfigOf(chip, p2).pubInfo);
  const { parent, parentKey } = parentOf(chip, p2);
  const other = data.subarray(SIGNATURE_SIZE);
  allowIf(other[17] === (invalidate ? 1 : 0));
  useKey(chip, parent);
  chip.volatile.tempKey = undefined;
  const message = sha256(validationMessage(tempKey.value.subarray(0, 32), other, serialOf(chip)));
  const answer = conclude(chip, command, { message, nonce: bufferNonce(chip, 0) }, parentKey);
  if (answer !== 'miscompare') mark(chip, p2, invalidate ? VALIDITY.invalid : VALIDITY.valid);
  return answer;
}

/**
 * Validates the public key in a slot by a certificate that its parent signed. Where X509format has a
 * byte for the slot, the digest must come from SHA in this chip, with the slot's key as the block and in
 * the number of blocks that it says; where it has none, any message of the parent's counts. Names
 * and fields are those of the vendor's library; that silicon does so is unverified.
 */
function validateExternal(chip: Chip, command: Command): Answer {
  const { p2, data } = command;
  requireSlotNumber(p2);
  parseCheck(data.length === SIGNATURE_SIZE);
  requireDataLocked(chip);
  allowIf(holdsPublicKey(chip, p2) && keyConfigOf(chip, p2).pubInfo);
  allowIf(isPublicKey(storedPublicKey(chip, p2)));
  const { parent, parentKey } = parentOf(chip, p2);
  const source = takeMessage(chip, command);
  allowIf(isLaidOut(chip, p2, source.message));
  useKey(chip, parent);
  const answer = conclude(chip, command, source, parentKey);
  if (answer !== 'miscompare') mark(chip, p2, VALIDITY.valid);
  return answer;
}

function isLaidOut(chip: Chip, slot: number, message: Uint8Array): boolean {
  const format = x509Format(chip.eeprom.config, keyConfigOf(chip, slot).x509Id);
  if (format === undefined) return true;
  const { certificate } = chip.volatile;
  return (
    certificate !== undefined &&
    equalBytes(certificate.digest, message) &&
    certificate.publicKey.slot === slot &&
    certificate.publicKey.position === format.publicPosition &&
    certificate.blocks === format.templateLength
  );
}

/** The key that vouches for the one in a slot: its ReadKey, itself valid where it must be. */
function parentOf(chip: Chip, slot: number): { parent: number; parentKey: Uint8Array } {
  const parent = slotConfigOf(chip, slot).readKey;
  const parentKey = storedPublicKey(chip, parent);
  allowIf(isPublicKey(parentKey));
  allowIf(!keyConfigOf(chip, parent).pubInfo || isValidated(chip, parent));
  return { parent, parentKey };
}

function mark(chip: Chip, slot: number, validity: number): void {
  const first = chip.eeprom.slot(slot)[0]! & 0x0f;
  chip.eeprom.write(ZONE.data, slot, 0, Uint8Array.of(first | (validity << 4)));
}

/** The message, and the host's nonce for a MAC: behind it in the buffer, or alone in the buffer. */
interface Source {
  readonly message: Uint8Array;
  readonly nonce: Uint8Array | undefined;
}

function takeMessage(chip: Chip, { p1 }: Command): Source {
  if ((p1 & FROM_BUFFER) === 0) {
    const message = requireTempKey(chip).value.slice(0, 32);
    chip.volatile.tempKey = undefined;
    return { message, nonce: bufferNonce(chip, 0) };
  }
  const { messageDigest } = chip.volatile;
  allowIf(messageDigest !== undefined);
  const nonce = bufferNonce(chip, 32);
  chip.volatile.messageDigest = undefined;
  return { message: messageDigest.slice(0, 32), nonce };
}

function bufferNonce(chip: Chip, offset: number): Uint8Array | undefined {
  const bytes = chip.volatile.messageDigest?.slice(offset, offset + 32);
  return bytes?.length === 32 ? bytes : undefined;
}

/** miscompare, or ok, or with the MAC flag a MAC that proves this answer to the host. */
function conclude(chip: Chip, command: Command, source: Source, publicKey: Uint8Array): Answer {
  const signature = command.data.subarray(0, SIGNATURE_SIZE);
  const macKey = (command.p1 & WITH_MAC) === 0 ? undefined : ioProtectionKey(chip);
  allowIf(macKey === undefined || source.nonce !== undefined);
  if (!verifyDigest(signature, source.message, publicKey)) return 'miscompare';
  if (macKey === undefined) return 'ok';
  const parameters = concatBytes(Uint8Array.of(OPCODE.verify, command.p1), u16le(command.p2));
  return sha256(
    concatBytes(macKey, source.message, source.nonce ?? new Uint8Array(0), signature, parameters),
  );
}

import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { u16le } from '../../bytes.js';
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

const MODE = { stored: 0, external: 2, validate: 3, invalidate: 7 } as const;
const FROM_BUFFER = 0x20;
const WITH_MAC = 0x80;
const P256 = 4;
const SIGNATURE_SIZE = 64;
const OTHER_DATA_SIZE = 19;

/**
 * Verify (45): external, stored, validate and invalidate; the curve is P-256. A malformed public
 * key answers 0F. ValidateExternal (mode 1) serves certificates parsed inside the chip and is
 * refused. The message's source is used up (unverified on silicon).
 */
export const verify: Handler = (chip, command) => {
  parseCheck((command.p1 & ~(7 | FROM_BUFFER | WITH_MAC)) === 0);
  switch (command.p1 & 7) {
    case MODE.external:
      return external(chip, command);
    case MODE.stored:
      return stored(chip, command);
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
  const parent = slotConfigOf(chip, p2).readKey;
  const parentKey = storedPublicKey(chip, parent);
  allowIf(isPublicKey(parentKey));
  allowIf(!keyConfigOf(chip, parent).pubInfo || isValidated(chip, parent));
  const other = data.subarray(SIGNATURE_SIZE);
  allowIf(other[17] === (invalidate ? 1 : 0));
  useKey(chip, parent);
  chip.volatile.tempKey = undefined;
  const message = sha256(validationMessage(tempKey.value.subarray(0, 32), other, serialOf(chip)));
  const answer = conclude(chip, command, { message, nonce: bufferNonce(chip, 0) }, parentKey);
  if (answer !== 'miscompare') {
    const first = chip.eeprom.slot(p2)[0]! & 0x0f;
    const validity = invalidate ? VALIDITY.invalid : VALIDITY.valid;
    chip.eeprom.write(ZONE.data, p2, 0, Uint8Array.of(first | (validity << 4)));
  }
  return answer;
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

import { sha256 } from '@noble/hashes/sha2.js';
import { internalMessage } from '../../digests.js';
import type { Command } from '../../frame.js';
import { signDigest } from '../../p256.js';
import {
  configurationOf,
  requireDataLocked,
  requireSlotNumber,
  requireTempKey,
  serialOf,
  slotConfigOf,
  storedPrivateKey,
  useKey,
} from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';
import { chipRandom } from './random.js';

const MODE = { invalidate: 0x01, messageDigest: 0x20, wholeSerial: 0x40, external: 0x80 } as const;

/**
 * Sign (41). External signs 32 bytes that the host chose, out of TempKey or the message digest
 * buffer; internal signs what GenDig or GenKey made of TempKey, together with the serial number
 * and the slot's configuration. A source is used up by it: Sign from TempKey leaves TempKey
 * invalid, Sign from the buffer leaves TempKey as it was and the buffer empty (unverified on
 * silicon, as is that GenDig over a counter counts as an internal message).
 */
export const sign: Handler = (chip, command) => {
  const { p1, p2, data } = command;
  parseCheck(data.length === 0 && (p1 & 0x1e) === 0);
  requireSlotNumber(p2);
  requireDataLocked(chip);
  const digest =
    (p1 & MODE.external) !== 0 ? externalDigest(chip, command) : internalDigest(chip, command);
  const key = storedPrivateKey(chip, p2);
  useKey(chip, p2);
  if ((p1 & MODE.messageDigest) !== 0) chip.volatile.messageDigest = undefined;
  else chip.volatile.tempKey = undefined;
  return signDigest(digest, key, chipRandom(chip));
};

function externalDigest(chip: Chip, { p1, p2 }: Command): Uint8Array {
  parseCheck((p1 & (MODE.invalidate | MODE.wholeSerial)) === 0);
  allowIf(slotConfigOf(chip, p2).externalSign);
  if ((p1 & MODE.messageDigest) === 0) return requireTempKey(chip).value.slice(0, 32);
  const { messageDigest } = chip.volatile;
  allowIf(messageDigest !== undefined);
  return messageDigest.slice(0, 32);
}

function internalDigest(chip: Chip, { p1, p2 }: Command): Uint8Array {
  parseCheck((p1 & MODE.messageDigest) === 0);
  allowIf(slotConfigOf(chip, p2).internalSign);
  const tempKey = requireTempKey(chip);
  allowIf(tempKey.derived);
  return sha256(
    internalMessage({
      tempKey: tempKey.value.subarray(0, 32),
      flags: tempKey,
      mode: p1,
      keyId: p2,
      configuration: configurationOf(chip, tempKey.keyId),
      serial: serialOf(chip),
    }),
  );
}

import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { equalBytes, u16le, xorBytes } from '../../bytes.js';
import { secureBootConfig, type SecureBootConfig } from '../../configuration.js';
import type { Command } from '../../frame.js';
import { OPCODE } from '../../opcode.js';
import { isPublicKey, verifyDigest } from '../../p256.js';
import { ZONE } from '../../zone.js';
import {
  ioProtectionKey,
  keyConfigOf,
  requireDataLocked,
  requireTempKey,
  storedPublicKey,
} from '../access.js';
import { allowIf, parseCheck, type Chip, type Handler } from '../chip.js';

const MODE = { full: 5, fullStore: 6, fullCopy: 7 } as const;
const PROHIBIT = 0x40;
const ENCRYPTED = 0x80;
const STORES = { none: 1, signature: 2, digest: 3 } as const;
const DIGEST_SIZE = 32;
const SIGNATURE_SIZE = 64;

/**
 * SecureBoot (80): whether a digest of code is signed by the key that the configuration names
 * (Full, and FullCopy which also keeps digest or signature in a slot) or is the one kept
 * (FullStore). With the IO protection key the digest arrives encrypted and the answer is a MAC.
 * A success sets the persistent latch where the configuration says so, and the prohibit flag lasts
 * until the power goes. These three modes are all that the vendor's library and public data sheets
 * name; others are refused. What is here agrees with the vendor's host functions, not with silicon.
 */
export const secureBoot: Handler = (chip, command) => {
  const { p1, data } = command;
  const mode = p1 & 7;
  parseCheck((p1 & 0x38) === 0 && mode >= MODE.full);
  parseCheck(data.length === DIGEST_SIZE || data.length === DIGEST_SIZE + SIGNATURE_SIZE);
  requireDataLocked(chip);
  const boot = secureBootConfig(chip.eeprom.config);
  allowIf(boot.mode !== 0 && !chip.powered.secureBootProhibited);
  const tempKey = boot.requireRandom ? requireTempKey(chip) : undefined;
  allowIf(tempKey?.fixedNonce !== true);
  const { digest, macKey } = openDigest(chip, command);
  const signature = data.slice(DIGEST_SIZE);
  if (!accepted(chip, mode, boot, digest, signature)) return 'miscompare';
  if (mode === MODE.fullCopy) keep(chip, boot, digest, signature);
  if (boot.setsLatch) chip.powered.latch = true;
  if ((p1 & PROHIBIT) !== 0) chip.powered.secureBootProhibited = true;
  return macKey === undefined ? 'ok' : mac(command, boot, macKey, digest);
};

function openDigest(
  chip: Chip,
  { p1, data }: Command,
): { digest: Uint8Array; macKey: Uint8Array | undefined } {
  const sent = data.slice(0, DIGEST_SIZE);
  if ((p1 & ENCRYPTED) === 0) return { digest: sent, macKey: undefined };
  const tempKey = requireTempKey(chip);
  const macKey = sha256(concatBytes(ioProtectionKey(chip), tempKey.value.subarray(0, 32)));
  chip.volatile.tempKey = undefined;
  return { digest: xorBytes(sent, macKey), macKey };
}

function accepted(
  chip: Chip,
  mode: number,
  boot: SecureBootConfig,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const kept = chip.eeprom.slot(boot.storeSlot);
  if (mode === MODE.fullStore) {
    allowIf(boot.mode !== STORES.none);
    if (boot.mode === STORES.digest) return equalBytes(kept.subarray(0, DIGEST_SIZE), digest);
    return signedBy(chip, boot, digest, kept.slice(0, SIGNATURE_SIZE));
  }
  parseCheck(signature.length === SIGNATURE_SIZE);
  return signedBy(chip, boot, digest, signature);
}

function signedBy(
  chip: Chip,
  boot: SecureBootConfig,
  digest: Uint8Array,
  signature: Uint8Array,
): boolean {
  const publicKey = storedPublicKey(chip, boot.publicKeySlot);
  allowIf(isPublicKey(publicKey));
  return verifyDigest(signature, digest, publicKey);
}

function keep(chip: Chip, boot: SecureBootConfig, digest: Uint8Array, signature: Uint8Array): void {
  allowIf(boot.mode !== STORES.none && !keyConfigOf(chip, boot.storeSlot).isPrivate);
  const bytes = boot.mode === STORES.digest ? digest : signature;
  allowIf(bytes.length <= chip.eeprom.slot(boot.storeSlot).length);
  chip.eeprom.write(ZONE.data, boot.storeSlot, 0, bytes);
}

function mac(
  { p1, p2, data }: Command,
  boot: SecureBootConfig,
  macKey: Uint8Array,
  digest: Uint8Array,
): Uint8Array {
  const bare = (p1 & 7) === MODE.fullStore && boot.mode === STORES.digest;
  const signature = bare ? new Uint8Array(0) : data.subarray(DIGEST_SIZE);
  const parameters = concatBytes(Uint8Array.of(OPCODE.secureBoot, p1), u16le(p2));
  return sha256(concatBytes(macKey, digest, signature, parameters));
}

import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { xorBytes } from './bytes.js';
import { keyConfigValue, isSlotLocked, serialNumber, slotConfigValue } from './configuration.js';
import {
  counterDigest,
  internalMessage,
  keyedDigest,
  nonceDigest,
  type KeyConfiguration,
} from './digests.js';
import { INTO_MESSAGE_BUFFER, requireLength } from './session-arguments.js';
import { OPCODE } from './opcode.js';
import type { Atecc608Session } from './session.js';
import { encodeAddress, ZONE } from './zone.js';

/**
 * What a host does with keys in the chip. Signatures are r‖s, public keys X‖Y, digests SHA-256 of
 * the message: the chip cannot hash and sign in one command.
 */

const FROM_MESSAGE_BUFFER = 0xa0;

/** The public key of the private key in a slot. */
export function publicKey(session: Atecc608Session, slot: number): Promise<Uint8Array> {
  return session.data(OPCODE.genKey, 0, slot, 64);
}

/** Makes a new private key in a slot; its public key. */
export function generateKey(session: Atecc608Session, slot: number): Promise<Uint8Array> {
  return session.data(OPCODE.genKey, 4, slot, 64);
}

/**
 * Signs a digest with the private key in a slot. Random comes first so that the generator's seed
 * is fresh, as the vendor's library does it; TempKey is left alone.
 */
export async function signDigest(
  session: Atecc608Session,
  slot: number,
  digest: Uint8Array,
): Promise<Uint8Array> {
  requireLength('digest', digest, 32);
  await session.random();
  await session.command(OPCODE.nonce, INTO_MESSAGE_BUFFER, 0, digest);
  return session.data(OPCODE.sign, FROM_MESSAGE_BUFFER, slot, 64);
}

/** Stores X‖Y in a slot the way Verify wants it: each half behind four bytes of padding. */
export async function writePublicKey(
  session: Atecc608Session,
  slot: number,
  key: Uint8Array,
): Promise<void> {
  requireLength('public key', key, 64);
  const padding = new Uint8Array(4);
  await session.writeSlot(
    slot,
    concatBytes(padding, key.subarray(0, 32), padding, key.subarray(32)),
  );
}

/** X‖Y of a stored public key. */
export async function readPublicKey(session: Atecc608Session, slot: number): Promise<Uint8Array> {
  const bytes = await session.readSlot(slot);
  return concatBytes(bytes.subarray(4, 36), bytes.subarray(40, 72));
}

/** The key that a slot names as its ReadKey or WriteKey, and its number. */
export interface AccessKey {
  readonly slot: number;
  readonly key: Uint8Array;
}

/** Random bytes of the host, 20 of them, which no recorded session can repeat. */
export type NumIn = Uint8Array;

/** Writes 32 bytes encrypted and authenticated under the slot's WriteKey. */
export async function writeEncrypted(
  session: Atecc608Session,
  place: { slot: number; offset: number },
  block: Uint8Array,
  access: AccessKey,
  numIn: NumIn,
): Promise<void> {
  requireLength('block', block, 32);
  const { serial, sessionKey } = await openSession(session, access, numIn);
  const p1 = ZONE.data | 0xc0;
  const p2 = encodeAddress(ZONE.data, place.slot, place.offset);
  const mac = keyedDigest(sessionKey, { opcode: OPCODE.write, p1, p2 }, serial, block);
  await session.command(OPCODE.write, p1, p2, concatBytes(xorBytes(block, sessionKey), mac));
}

/** Reads 32 bytes encrypted under the slot's ReadKey. Encrypted is not authenticated. */
export async function readEncrypted(
  session: Atecc608Session,
  place: { slot: number; offset: number },
  access: AccessKey,
  numIn: NumIn,
): Promise<Uint8Array> {
  const { sessionKey } = await openSession(session, access, numIn);
  return xorBytes(await session.readBlock(ZONE.data, place.slot, place.offset), sessionKey);
}

/** Random nonce and GenDig over the key: TempKey is then a key that both sides know. */
async function openSession(
  session: Atecc608Session,
  access: AccessKey,
  numIn: NumIn,
): Promise<{ serial: Uint8Array; sessionKey: Uint8Array }> {
  requireLength('numIn', numIn, 20);
  requireLength('key', access.key, 32);
  const serial = await session.serialNumber();
  const random = await session.data(OPCODE.nonce, 0, 0, 32, numIn);
  const tempKey = nonceDigest(random, numIn, 0, 0);
  await session.command(OPCODE.genDig, 2, access.slot);
  const parameters = { opcode: OPCODE.genDig, p1: 2, p2: access.slot };
  return { serial, sessionKey: keyedDigest(access.key, parameters, serial, tempKey) };
}

/** A counter's value, signed by the chip together with its serial number and a nonce. */
export interface CounterAttestation {
  readonly counter: number;
  readonly value: number;
  readonly signature: Uint8Array;
}

/** Everything a verifier needs to say what the chip signed. */
export interface CounterStatement {
  readonly serial: Uint8Array;
  readonly counter: number;
  readonly value: number;
  /** 32 bytes that the asker chose. */
  readonly nonce: Uint8Array;
  readonly signingSlot: number;
  /** Of slot 0, whose configuration the message takes in. */
  readonly slot0: KeyConfiguration;
}

/**
 * The SHA-256 digest behind a counter attestation: Nonce(nonce), GenDig(counter), Sign(internal
 * with the whole serial number). Rebuilt as the vendor's host functions do it; that silicon signs
 * this is unverified.
 */
export function counterAttestationDigest(statement: CounterStatement): Uint8Array {
  const { serial, counter, value, nonce, signingSlot, slot0 } = statement;
  return sha256(
    internalMessage({
      tempKey: counterDigest(counter, value, serial, nonce),
      flags: { keyId: 0, fixedNonce: true, genDigData: false, genKeyData: false, noMac: false },
      mode: 0x40,
      keyId: signingSlot,
      configuration: slot0,
      serial,
    }),
  );
}

/** Reads a counter and has the chip sign it; the slot must allow internal signatures. */
export async function attestCounter(
  session: Atecc608Session,
  signingSlot: number,
  counter: number,
  nonce: Uint8Array,
): Promise<CounterAttestation> {
  requireLength('nonce', nonce, 32);
  const value = await session.counter(counter);
  await session.command(OPCODE.nonce, 3, 0, nonce);
  await session.command(OPCODE.genDig, 4, counter);
  const signature = await session.data(OPCODE.sign, 0x40, signingSlot, 64);
  return { counter, value, signature };
}

/** The part of a configuration zone that CounterStatement wants, and the serial number. */
export function attestationContext(config: Uint8Array): {
  serial: Uint8Array;
  slot0: KeyConfiguration;
} {
  return {
    serial: serialNumber(config),
    slot0: {
      slotConfig: slotConfigValue(config, 0),
      keyConfig: keyConfigValue(config, 0),
      unlocked: !isSlotLocked(config, 0),
    },
  };
}

import { concatBytes } from '@noble/hashes/utils.js';
import { readU16le } from './bytes.js';
import { CONFIG_SIZE } from './zone.js';

/** Offsets in the configuration zone. */
export const CONFIG = {
  revision: 4,
  aesEnable: 13,
  i2cAddress: 16,
  countMatch: 18,
  chipMode: 19,
  slotConfig: 20,
  counters: 52,
  useLock: 68,
  volatileKeyPermission: 69,
  secureBoot: 70,
  kdfIvLocation: 72,
  kdfIvString: 73,
  userExtra: 84,
  userExtraAdd: 85,
  lockValue: 86,
  lockConfig: 87,
  slotLocked: 88,
  chipOptions: 90,
  x509Format: 92,
  keyConfig: 96,
} as const;

const USE_LOCK_ENABLED = 0x0a;

/** LockValue and LockConfig while their zone can be written. */
export const UNLOCKED = 0x55;

/** SlotConfig: how a slot's content may be read, written and used. */
export interface SlotConfig {
  /** The key of encrypted reads; for a private key the four permissions below. */
  readonly readKey: number;
  readonly noMac: boolean;
  readonly limitedUse: boolean;
  readonly encryptRead: boolean;
  readonly isSecret: boolean;
  readonly writeKey: number;
  /** Four bits that Write, DeriveKey, GenKey and PrivWrite each read their own way. */
  readonly writeConfig: number;
  readonly externalSign: boolean;
  readonly internalSign: boolean;
  readonly ecdh: boolean;
  /** ECDH puts its secret into the next slot instead of answering it. */
  readonly ecdhToSlot: boolean;
}

export function slotConfigValue(config: Uint8Array, slot: number): number {
  return readU16le(config, CONFIG.slotConfig + slot * 2);
}

export function parseSlotConfig(value: number): SlotConfig {
  return {
    readKey: value & 15,
    noMac: (value & 0x10) !== 0,
    limitedUse: (value & 0x20) !== 0,
    encryptRead: (value & 0x40) !== 0,
    isSecret: (value & 0x80) !== 0,
    writeKey: (value >>> 8) & 15,
    writeConfig: (value >>> 12) & 15,
    externalSign: (value & 1) !== 0,
    internalSign: (value & 2) !== 0,
    ecdh: (value & 4) !== 0,
    ecdhToSlot: (value & 8) !== 0,
  };
}

export const KEY_TYPE = { p256: 4, aes: 6, other: 7 } as const;

/** KeyConfig: what a slot holds and what must be done before it is used. */
export interface KeyConfig {
  readonly isPrivate: boolean;
  /** For a private key: its public key may be had. For a public key: it must be validated. */
  readonly pubInfo: boolean;
  readonly keyType: number;
  readonly lockable: boolean;
  readonly requireRandom: boolean;
  readonly requireAuthorisation: boolean;
  readonly authorisingKey: number;
  /** Unusable while the persistent latch is clear. */
  readonly persistentDisable: boolean;
  /** Which byte of X509format says how certificates over this public key are laid out. */
  readonly x509Id: number;
}

export function keyConfigValue(config: Uint8Array, slot: number): number {
  return readU16le(config, CONFIG.keyConfig + slot * 2);
}

export function parseKeyConfig(value: number): KeyConfig {
  return {
    isPrivate: (value & 1) !== 0,
    pubInfo: (value & 2) !== 0,
    keyType: (value >>> 2) & 7,
    lockable: (value & 0x20) !== 0,
    requireRandom: (value & 0x40) !== 0,
    requireAuthorisation: (value & 0x80) !== 0,
    authorisingKey: (value >>> 8) & 15,
    persistentDisable: (value & 0x1000) !== 0,
    x509Id: value >>> 14,
  };
}

/** How a certificate is laid out whose key the chip is to validate, in blocks of 64 bytes. */
export interface X509Format {
  /** The block that is the public key itself. */
  readonly publicPosition: number;
  /** All blocks, that of the key among them; the last may be short. */
  readonly templateLength: number;
}

/** Undefined when any message will do. */
export function x509Format(config: Uint8Array, id: number): X509Format | undefined {
  const value = config[CONFIG.x509Format + id]!;
  return value === 0 ? undefined : { publicPosition: value & 15, templateLength: value >>> 4 };
}

/** UseLock: the slot whose key must be proven before any other is used; undefined when off. */
export function useLockKey(config: Uint8Array): number | undefined {
  const value = config[CONFIG.useLock]!;
  return (value & 15) === USE_LOCK_ENABLED ? value >>> 4 : undefined;
}

export interface ChipOptions {
  readonly ioKeyEnabled: boolean;
  readonly kdfAesEnabled: boolean;
  /** 0 clear output allowed, 1 only encrypted, 2 no output. */
  readonly ecdhProtection: number;
  readonly kdfProtection: number;
  readonly ioKeySlot: number;
}

export function chipOptions(config: Uint8Array): ChipOptions {
  const value = readU16le(config, CONFIG.chipOptions);
  return {
    ioKeyEnabled: (value & 2) !== 0,
    kdfAesEnabled: (value & 4) !== 0,
    ecdhProtection: (value >>> 8) & 3,
    kdfProtection: (value >>> 10) & 3,
    ioKeySlot: value >>> 12,
  };
}

export interface SecureBootConfig {
  /** 0 disabled, 1 FullBoth, 2 FullSig (signature stored), 3 FullDig (digest stored). */
  readonly mode: number;
  /** A success sets the persistent latch, on which keys can be made to hang. */
  readonly setsLatch: boolean;
  readonly requireRandom: boolean;
  readonly storeSlot: number;
  readonly publicKeySlot: number;
}

export function secureBootConfig(config: Uint8Array): SecureBootConfig {
  const value = readU16le(config, CONFIG.secureBoot);
  return {
    mode: value & 3,
    setsLatch: (value & 8) !== 0,
    requireRandom: (value & 0x10) !== 0,
    storeSlot: (value >>> 8) & 15,
    publicKeySlot: value >>> 12,
  };
}

/** The nine bytes of the serial number, which stand in two places. */
export function serialNumber(config: Uint8Array): Uint8Array {
  return concatBytes(config.subarray(0, 4), config.subarray(8, 13));
}

export const isConfigLocked = (config: Uint8Array): boolean =>
  config[CONFIG.lockConfig] !== UNLOCKED;
export const isDataLocked = (config: Uint8Array): boolean => config[CONFIG.lockValue] !== UNLOCKED;
export const isSlotLocked = (config: Uint8Array, slot: number): boolean =>
  (readU16le(config, CONFIG.slotLocked) & (1 << slot)) === 0;

/** SlotConfig as a chip leaves the factory, slot by slot. */
const FACTORY_SLOT_CONFIG =
  '83 20 87 20 8f 20 c4 8f 8f 8f 8f 8f 9f 8f 0f 0f c4 44 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f 0f af 8f';
const FACTORY_KEY_CONFIG =
  '33 00 33 00 33 00 1c 00 1c 00 1c 00 1c 00 1c 00 3c 00 3c 00 3c 00 3c 00 3c 00 3c 00 3c 00 1c 00';

/**
 * The configuration zone of a chip fresh from the factory: both zones unlocked. The policy bits
 * are those of an ATECC508A/608 engineering sample as they can be read in public; a customer's own
 * configuration replaces them before locking.
 */
export function factoryConfiguration(serial: Uint8Array): Uint8Array {
  const config = new Uint8Array(CONFIG_SIZE);
  config.set(serial.subarray(0, 4), 0);
  config.set([0x00, 0x00, 0x60, 0x03], CONFIG.revision);
  config.set(serial.subarray(4, 9), 8);
  config.set([0x01, 0x01, 0x00, 0xc0], CONFIG.aesEnable);
  config.set(hex(FACTORY_SLOT_CONFIG), CONFIG.slotConfig);
  config.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff], CONFIG.counters);
  config.set([UNLOCKED, UNLOCKED, 0xff, 0xff], CONFIG.lockValue);
  config.set(hex(FACTORY_KEY_CONFIG), CONFIG.keyConfig);
  return config;
}

function hex(text: string): Uint8Array {
  return Uint8Array.from(text.split(' '), (byte) => Number.parseInt(byte, 16));
}

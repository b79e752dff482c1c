import type { Sha256State } from '../sha256-state.js';

/** TempKey: 32 or 64 bytes, and where they came from. */
export interface TempKey {
  readonly value: Uint8Array;
  /** The slot that GenDig or GenKey took in; 0 otherwise. */
  readonly keyId: number;
  /** SourceFlag: true when no number of the chip's own generator went in. */
  readonly fixedNonce: boolean;
  /** GenDig took in a data slot. */
  readonly genDigData: boolean;
  /** GenKey took in a public key. */
  readonly genKeyData: boolean;
  /** GenDig took in a slot whose NoMac bit is set. */
  readonly noMac: boolean;
  /** GenDig or GenKey made the value, whatever it took in. */
  readonly derived: boolean;
  /** The value is a private key that GenKey put there; nothing but ECDH and GenKey may use it. */
  readonly privateKey: boolean;
}

/** A running SHA or HMAC computation. */
export interface ShaRun {
  readonly state: Sha256State;
  /** For HMAC: the key, wanted again at the end. */
  readonly hmacKey?: Uint8Array;
}

/** What is lost on sleep, and kept on idle. */
export interface Volatile {
  tempKey: TempKey | undefined;
  /** 32 or 64 bytes. */
  messageDigest: Uint8Array | undefined;
  alternateKey: Uint8Array | undefined;
  sha: ShaRun | undefined;
  /** The slot whose key the host has proved to know through CheckMac. */
  authorisedBy: number | undefined;
}

export function freshVolatile(): Volatile {
  return {
    tempKey: undefined,
    messageDigest: undefined,
    alternateKey: undefined,
    sha: undefined,
    authorisedBy: undefined,
  };
}

/** A TempKey that Nonce, SHA or KDF filled. */
export function plainTempKey(value: Uint8Array, fixedNonce: boolean): TempKey {
  return {
    value,
    keyId: 0,
    fixedNonce,
    genDigData: false,
    genKeyData: false,
    noMac: false,
    derived: false,
    privateKey: false,
  };
}

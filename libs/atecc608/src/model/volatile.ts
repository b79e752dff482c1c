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
  /** Blocks taken so far, as long as all were whole. */
  readonly blocks: number;
  /** The slot whose public key was taken in, and as which block. */
  readonly publicKey?: { readonly slot: number; readonly position: number };
}

/** Where a digest came from that may be a certificate's. */
export interface CertificateDigest {
  readonly digest: Uint8Array;
  readonly blocks: number;
  readonly publicKey: { readonly slot: number; readonly position: number };
}

/** What is lost on sleep, and kept on idle. */
export interface Volatile {
  tempKey: TempKey | undefined;
  /** 32 or 64 bytes. */
  messageDigest: Uint8Array | undefined;
  alternateKey: Uint8Array | undefined;
  sha: ShaRun | undefined;
  /** The last digest that a stored public key went into; what it was left in may be gone. */
  certificate: CertificateDigest | undefined;
  /** The slot whose key the host has proved to know through CheckMac. */
  authorisedBy: number | undefined;
}

export function freshVolatile(): Volatile {
  return {
    tempKey: undefined,
    messageDigest: undefined,
    alternateKey: undefined,
    sha: undefined,
    certificate: undefined,
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

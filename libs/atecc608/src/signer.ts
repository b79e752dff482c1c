import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes } from '@noble/hashes/utils.js';
import { publicKeyFromRaw, type Signer } from '@touchstone/note';
import { encodeSignature } from './certificate/der.js';
import type { Atecc608Session } from './session.js';
import { publicKey, signDigest } from './session-keys.js';

/**
 * The private key in a slot as a signer of notes, envelopes and certificates: the host hashes with
 * SHA-256, the chip signs, the signature is DER. The chip knows no other algorithm than
 * ecdsa-p256-sha256.
 *
 * @throws Atecc608Error when the slot does not give its public key
 */
export async function chipSigner(session: Atecc608Session, slot: number): Promise<Signer> {
  const raw = concatBytes(Uint8Array.of(4), await publicKey(session, slot));
  return {
    publicKey: publicKeyFromRaw('ecdsa-p256-sha256', raw),
    sign: async (message) => encodeSignature(await signDigest(session, slot, sha256(message))),
  };
}

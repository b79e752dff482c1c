import { createHash } from 'node:crypto';
import { rawSignature } from '@touchstone/atecc608';

/** A message and its DER signature, as a chip takes them. */
export function p256Raw(
  message: Uint8Array,
  der: Uint8Array,
): { digest: Uint8Array; signature: Uint8Array } {
  const digest = new Uint8Array(createHash('sha256').update(message).digest());
  return { digest, signature: rawSignature(der) };
}

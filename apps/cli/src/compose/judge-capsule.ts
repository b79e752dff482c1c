import { verifyCapsule, type CapsuleReport, type VerifyCapsuleOptions } from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import { sha256 } from '../native-hash.js';

/** Verifies a capsule with the platform's hashes and signatures. */
export async function judgeCapsule(
  content: Uint8Array,
  whom: Omit<VerifyCapsuleOptions, 'verify' | 'sha256'>,
): Promise<CapsuleReport> {
  return verifyCapsule(content, { ...whom, verify: nodeVerifier, sha256 });
}

/** What a capsule is proved by, in a word each. */
export function placeOf({
  checkpoint,
  attestation,
  keyless,
  revoked,
}: CapsuleReport): Pick<CapsuleReport, 'checkpoint' | 'attestation' | 'keyless' | 'revoked'> {
  return { checkpoint, attestation, keyless, revoked };
}

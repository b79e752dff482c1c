import type { SigstoreLog } from '@touchstone/attest';
import type { PrivateKey } from '@touchstone/keys';
import type { LogEnvironment } from '../environment.js';
import type { Log } from '../log.js';
import { readKey } from '../secret.js';

/** The log as sigstore's clients know it. */
export interface Sigstore {
  readonly log: SigstoreLog;
  /** Signs for clients of Rekor v1; without it there is no v1 API. */
  readonly v1Signer: PrivateKey | undefined;
  /** Where clients reach the log; undefined means where the request came in. */
  readonly publicUrl: string | undefined;
  /** Whom clients count as one when they want several logs. */
  readonly operator: string;
}

/**
 * Clients of Rekor v1 accept ECDSA alone for entry timestamps, so the log's own key signs them
 * only when it is of that kind; else LOG_V1_KEY does.
 */
export async function openSigstore(environment: LogEnvironment, log: Log): Promise<Sigstore> {
  const { v1Key, validFrom, publicUrl } = environment;
  const v1Signer = v1Key
    ? await readKey(v1Key)
    : log.key.publicKey.algorithm === 'ecdsa-p256-sha256'
      ? log.key
      : undefined;
  if (v1Signer && v1Signer.publicKey.algorithm !== 'ecdsa-p256-sha256') {
    throw new Error('LOG_V1_KEY_FILE: Rekor v1 knows ECDSA P-256 keys only; make one of that kind');
  }
  return {
    log: {
      origin: log.origin,
      publicKey: log.key.publicKey,
      validFrom,
      ...(v1Signer && { v1Key: v1Signer.publicKey }),
    },
    v1Signer,
    publicUrl,
    operator: environment.operator ?? log.origin,
  };
}

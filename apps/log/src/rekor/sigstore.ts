import type { SigstoreLog } from '@touchstone/attest';
import { readSecretKey } from '@touchstone/keys';
import type { PrivateKey } from '@touchstone/keys';
import { parseVerifierKey } from '@touchstone/note';
import type { LogEnvironment } from '../environment.js';
import type { Log } from '../log.js';

/** The log as sigstore's clients know it. */
export interface Sigstore {
  /** As of now: keys come and go. */
  readonly log: () => SigstoreLog;
  /** Signs for clients of Rekor v1, as of now. */
  readonly v1Signer: (() => PrivateKey) | undefined;
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
  const { validFrom, publicUrl } = environment;
  const v1Signer = await openV1Signer(environment, log);
  const own = environment.v1Key === undefined;
  return {
    log: () => ({
      origin: log.origin,
      publicKey: log.key.publicKey,
      validFrom: startOf(log, log.vkey, validFrom),
      ...(v1Signer && { v1Key: v1Signer().publicKey }),
      ...(!own && { v1ValidFrom: validFrom }),
      others: otherKeys(log, validFrom, v1Signer !== undefined && own),
    }),
    v1Signer,
    publicUrl,
    operator: environment.operator ?? log.origin,
  };
}

async function openV1Signer(
  { v1Key }: LogEnvironment,
  log: Log,
): Promise<(() => PrivateKey) | undefined> {
  if (v1Key) {
    const key = await readSecretKey(v1Key);
    if (isForV1(key)) return () => key;
    throw new Error('LOG_V1_KEY_FILE: Rekor v1 knows ECDSA P-256 keys only; make one of that kind');
  }
  if (!isForV1(log.key)) return undefined;
  const next = log.keys.successor ?? log.keys.staged;
  if (next && !isForV1(next)) {
    throw new Error(
      'LOG_NEXT_KEY_FILE: the key of this log signs for clients of Rekor v1 too, so the next one ' +
        'must be ECDSA P-256; or set LOG_V1_KEY_FILE to a key for them',
    );
  }
  return () => log.key;
}

function isForV1({ publicKey }: PrivateKey): boolean {
  return publicKey.algorithm === 'ecdsa-p256-sha256';
}

function startOf(log: Log, vkey: string, validFrom: string): string {
  return log.keys.life.keys.find((term) => term.vkey === vkey)?.since?.at ?? validFrom;
}

/** Keys beside the one that speaks for the log: retired ones, and the next one. */
function otherKeys(log: Log, validFrom: string, v1: boolean): NonNullable<SigstoreLog['others']> {
  return log.keys.life.keys
    .filter(({ vkey }) => vkey !== log.vkey)
    .map(({ vkey, since, until }) => {
      const { publicKey } = parseVerifierKey(vkey);
      return {
        publicKey,
        v1: v1 && publicKey.algorithm === 'ecdsa-p256-sha256',
        validFrom: since?.at ?? validFrom,
        ...(until && { validUntil: until.at }),
      };
    });
}

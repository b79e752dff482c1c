import { sha256 } from '@noble/hashes/sha2.js';
import { fullKeyHash, toBase64, type PublicKey } from '@touchstone/note';
import { keyDetails } from '../public-key.js';

/** What sigstore's clients must know of a log. */
export interface SigstoreLog {
  /** Origin of the checkpoints. */
  readonly origin: string;
  /** Signs the checkpoints. */
  readonly publicKey: PublicKey;
  /** Signs what Rekor v1's clients get: entry timestamps, and checkpoints in their form. */
  readonly v1Key?: PublicKey;
  /** RFC 3339; since when the keys are in use. */
  readonly validFrom: string;
}

/** Sigstore's name of a log in v1: the SHA-256 of its SubjectPublicKeyInfo. */
export function v1LogId(key: PublicKey): Uint8Array {
  return sha256(key.spki);
}

/**
 * Sigstore's trusted root (protobuf-specs `TrustedRoot`, JSON mapping) for one log. Verifiers look
 * for the name that signs the checkpoint in `baseUrl`, sigstore-go for the origin as its host
 * name; so it is made of the origin, wherever the log may be reached. `checkpointKeyId` is left
 * out: `logId` is the whole key hash already, and equal to that of the entries.
 */
export function trustedRootDocument(log: SigstoreLog): object {
  const { publicKey, v1Key } = log;
  const v2 = instance(log, publicKey, fullKeyHash(log.origin, publicKey));
  const v1 = v1Key && toBase64(v1LogId(v1Key)) !== v2.logId.keyId;
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs: v1 ? [v2, instance(log, v1Key, v1LogId(v1Key))] : [v2],
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  };
}

function instance(
  { origin, validFrom }: SigstoreLog,
  { algorithm, spki }: PublicKey,
  logId: Uint8Array,
): { logId: { keyId: string } } {
  const document = {
    baseUrl: `https://${origin}`,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: toBase64(spki),
      keyDetails: keyDetails(algorithm),
      validFor: { start: validFrom },
    },
    logId: { keyId: toBase64(logId) },
  };
  return document;
}

/** Sigstore's signing config (protobuf-specs `SigningConfig` 0.2, JSON mapping): where to write. */
export function signingConfigDocument(options: {
  readonly url: string;
  readonly operator: string;
  readonly validFrom: string;
  /** Newest first: clients take the newest they know. */
  readonly apiVersions: readonly number[];
}): object {
  const { url, operator, validFrom } = options;
  return {
    mediaType: 'application/vnd.dev.sigstore.signingconfig.v0.2+json',
    caUrls: [],
    oidcUrls: [],
    rekorTlogUrls: options.apiVersions.map((majorApiVersion) => ({
      url,
      majorApiVersion,
      validFor: { start: validFrom },
      operator,
    })),
    tsaUrls: [],
    rekorTlogConfig: { selector: 'ANY' },
  };
}

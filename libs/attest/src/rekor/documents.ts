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
  /** Since when that one is in use, when it is a key of its own. */
  readonly v1ValidFrom?: string;
  /** RFC 3339; since when the keys are in use. */
  readonly validFrom: string;
  /** Keys that signed for the log before, or will: while keys are rotated both stand here. */
  readonly others?: readonly {
    readonly publicKey: PublicKey;
    /** Whether it signs for Rekor v1's clients too. */
    readonly v1: boolean;
    readonly validFrom: string;
    readonly validUntil?: string;
  }[];
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
  const { origin, publicKey, v1Key, others = [] } = log;
  const term = { start: log.validFrom };
  const all = [instance(origin, publicKey, fullKeyHash(origin, publicKey), term)];
  if (v1Key)
    all.push(instance(origin, v1Key, v1LogId(v1Key), { start: log.v1ValidFrom ?? log.validFrom }));
  for (const { publicKey: key, v1, validFrom: start, validUntil: end } of others) {
    const served = { start, ...(end !== undefined && { end }) };
    all.push(instance(origin, key, fullKeyHash(origin, key), served));
    if (v1) all.push(instance(origin, key, v1LogId(key), served));
  }
  // The two names of an ECDSA key are one.
  const tlogs = all.filter(
    ({ logId }, at) => all.findIndex((one) => one.logId.keyId === logId.keyId) === at,
  );
  return {
    mediaType: 'application/vnd.dev.sigstore.trustedroot+json;version=0.1',
    tlogs,
    certificateAuthorities: [],
    ctlogs: [],
    timestampAuthorities: [],
  };
}

function instance(
  origin: string,
  { algorithm, spki }: PublicKey,
  logId: Uint8Array,
  validFor: { start: string; end?: string },
): { logId: { keyId: string } } {
  const document = {
    baseUrl: `https://${origin}`,
    hashAlgorithm: 'SHA2_256',
    publicKey: {
      rawBytes: toBase64(spki),
      keyDetails: keyDetails(algorithm),
      validFor,
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

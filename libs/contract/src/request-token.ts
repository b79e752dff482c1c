import { z } from 'zod';
import { Sha256Hex } from './source.js';
import { RebuilderId } from './coordinator-api.js';

/** The longest time a request token may live, in seconds. */
export const REQUEST_TOKEN_LIFETIME = 60;

/**
 * Claims of the JWT (RFC 7519) that a rebuilder signs for one single request. As DPoP (RFC 9449)
 * does, it binds method and path; it binds the body too, and its `jti` is accepted once.
 * `alg` is EdDSA or ES256, `kid` the key id (hex SHA-256 of the key's SubjectPublicKeyInfo).
 */
export const RequestTokenClaims = z.object({
  /** The rebuilder's id. */
  iss: RebuilderId,
  /** The coordinator's audience name. */
  aud: z.string().min(1).max(512),
  iat: z.number().int(),
  exp: z.number().int(),
  jti: z.string().regex(/^[\x21-\x7e]{16,64}$/),
  htm: z.string().max(8),
  /** Path with query, e.g. `/v1/leases`. */
  htu: z.string().max(2048),
  /** SHA-256 of the request's body bytes, lower-case hex. */
  bod: Sha256Hex,
});

export type RequestTokenClaims = z.infer<typeof RequestTokenClaims>;

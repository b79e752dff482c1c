import { createHash, createPrivateKey, randomUUID } from 'node:crypto';
import { REQUEST_TOKEN_LIFETIME, type RequestTokenClaims } from '@touchstone/contract';
import type { PrivateKey } from '@touchstone/keys';
import { keyId } from '@touchstone/note';
import { SignJWT } from 'jose';

const JWT_ALGORITHM = { ed25519: 'EdDSA', 'ecdsa-p256-sha256': 'ES256' } as const;

/** Signs request tokens: one JWT (RFC 7519) per request, bound to method, path and body. */
export function requestTokenSigner(options: {
  readonly key: PrivateKey;
  readonly rebuilderId: string;
  readonly audience: string;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
}): (request: { method: string; path: string; body: Uint8Array }) => Promise<string> {
  const { key, rebuilderId, audience, now } = options;
  const keyObject = createPrivateKey(key.toPem());
  const header = { alg: JWT_ALGORITHM[key.publicKey.algorithm], kid: keyId(key.publicKey) };
  return ({ method, path, body }) => {
    const issuedAt = Math.floor(now() / 1000);
    const claims: RequestTokenClaims = {
      iss: rebuilderId,
      aud: audience,
      iat: issuedAt,
      exp: issuedAt + REQUEST_TOKEN_LIFETIME,
      jti: randomUUID(),
      htm: method,
      htu: path,
      bod: createHash('sha256').update(body).digest('hex'),
    };
    return new SignJWT({ ...claims }).setProtectedHeader(header).sign(keyObject);
  };
}

import { createHash, createPublicKey } from 'node:crypto';
import { REQUEST_TOKEN_LIFETIME, RequestTokenClaims } from '@touchstone/contract';
import {
  findRebuilder,
  spendRequestToken,
  type Database,
  type RebuilderRow,
} from '@touchstone/store';
import { compactVerify, decodeJwt, decodeProtectedHeader } from 'jose';
import { ProblemError } from './problem-error.js';

/** How far apart the clocks of rebuilder and coordinator may be, in seconds. */
export const CLOCK_SKEW = 5;

const JWT_ALGORITHMS: Readonly<Record<string, string>> = {
  ed25519: 'EdDSA',
  'ecdsa-p256-sha256': 'ES256',
};

/** The request that a token must be bound to, but for its body. */
export interface BoundRequest {
  readonly method: string;
  /** Path with query, as it was sent. */
  readonly url: string;
}

/** What a token says and whose it is, before the body was looked at. */
export interface TokenHead {
  readonly claims: RequestTokenClaims;
  readonly rebuilder: RebuilderRow;
}

/**
 * Checks a rebuilder's request token (RFC 7519, bound to its request as RFC 9449 does) as far as
 * that goes without the body, so that nobody's body is read who has no key.
 *
 * @throws ProblemError `token-malformed`, `rebuilder-unknown`, `token-signature`,
 *   `rebuilder-withdrawn`, `token-audience`, `token-expired`, `token-binding`
 */
export async function checkTokenHead(
  token: string,
  request: BoundRequest,
  context: { db: Database; audience: string; now: Date },
): Promise<TokenHead> {
  const { header, claims } = readToken(token);
  const rebuilder = await findRebuilder(context.db, claims.iss);
  if (rebuilder === null) {
    throw new ProblemError('rebuilder-unknown', `rebuilder ${claims.iss} is not enrolled`);
  }
  await checkSignature(token, header, rebuilder);
  if (rebuilder.withdrawnAt !== null) {
    throw new ProblemError('rebuilder-withdrawn', `rebuilder ${rebuilder.id} was withdrawn`);
  }
  if (claims.aud !== context.audience) {
    throw new ProblemError(
      'token-audience',
      `the token is made out to ${claims.aud}; this coordinator is ${context.audience}`,
    );
  }
  checkTime(claims, Math.floor(context.now.getTime() / 1000));
  checkBinding(claims, request);
  return { claims, rebuilder };
}

/**
 * Checks that a token is for this very body, and spends it: the same token never passes twice. It
 * is spent last, when nothing else can refuse it.
 *
 * @throws ProblemError `token-binding`, `token-replayed`
 */
export async function spendToken(
  db: Database,
  { claims, rebuilder }: TokenHead,
  body: Uint8Array,
): Promise<void> {
  if (claims.bod !== createHash('sha256').update(body).digest('hex')) {
    throw new ProblemError('token-binding', 'the token is for another body than the one sent');
  }
  const fresh = await spendRequestToken(db, {
    rebuilderId: rebuilder.id,
    jti: claims.jti,
    expiresAt: new Date((claims.exp + CLOCK_SKEW) * 1000),
  });
  if (!fresh) {
    throw new ProblemError('token-replayed', 'the token was used before; sign one per request');
  }
}

interface Header {
  readonly alg?: string | undefined;
  readonly kid?: string | undefined;
}

function readToken(token: string): { header: Header; claims: RequestTokenClaims } {
  try {
    const { alg, kid } = decodeProtectedHeader(token);
    return { header: { alg, kid }, claims: RequestTokenClaims.parse(decodeJwt(token)) };
  } catch (cause) {
    throw new ProblemError(
      'token-malformed',
      'the bearer token is no request token: a signed JWT with iss, aud, iat, exp, jti, htm, htu, bod',
      undefined,
      { cause },
    );
  }
}

/** The algorithm is that of the enrolled key, whatever the token says (RFC 8725 section 3.1). */
async function checkSignature(
  token: string,
  header: Header,
  rebuilder: RebuilderRow,
): Promise<void> {
  const algorithm = JWT_ALGORITHMS[rebuilder.algorithm] ?? '';
  const key = createPublicKey({ key: Buffer.from(rebuilder.spki), format: 'der', type: 'spki' });
  try {
    if (header.kid !== rebuilder.keyId) throw new Error('another key is named');
    await compactVerify(token, key, { algorithms: [algorithm] });
  } catch (cause) {
    throw new ProblemError(
      'token-signature',
      `the token is not signed with the key that ${rebuilder.id} is enrolled with`,
      undefined,
      { cause },
    );
  }
}

function checkTime({ iat, exp }: RequestTokenClaims, now: number): void {
  if (exp <= now - CLOCK_SKEW) {
    throw new ProblemError('token-expired', 'the token has expired; check the clock');
  }
  if (iat > now + CLOCK_SKEW) {
    throw new ProblemError('token-expired', 'the token is from the future; check the clock');
  }
  if (exp <= iat || exp - iat > REQUEST_TOKEN_LIFETIME) {
    throw new ProblemError(
      'token-expired',
      `the token must expire within ${REQUEST_TOKEN_LIFETIME} seconds of its issue`,
    );
  }
}

function checkBinding(claims: RequestTokenClaims, { method, url }: BoundRequest): void {
  if (claims.htm !== method || claims.htu !== url) {
    throw new ProblemError(
      'token-binding',
      `the token is for ${claims.htm} ${claims.htu}, not for ${method} ${url}`,
    );
  }
}

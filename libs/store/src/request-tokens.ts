import type { Queries } from './database.js';

/**
 * Notes that a request token was used. Durable, so that neither a restart nor another coordinator
 * on the same database lets it pass again.
 *
 * @returns false when it was used before
 */
export async function spendRequestToken(
  queries: Queries,
  token: { rebuilderId: string; jti: string; expiresAt: Date },
): Promise<boolean> {
  const inserted = await queries.$executeRaw`
    INSERT INTO request_token (rebuilder_id, jti, expires_at)
    VALUES (${token.rebuilderId}, ${token.jti}, ${token.expiresAt})
    ON CONFLICT DO NOTHING`;
  return inserted === 1;
}

/** Forgets tokens that expired before `time` and so cannot pass any more. */
export async function forgetRequestTokens(queries: Queries, time: Date): Promise<number> {
  return (await queries.requestToken.deleteMany({ where: { expiresAt: { lt: time } } })).count;
}

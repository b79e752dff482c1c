import { z } from 'zod';
import { defineRoutes } from './route.js';

const Mark = z.strictObject({
  /** Index of the leaf. */
  index: z.number(),
  /** RFC 3339, as the log says. */
  at: z.string(),
});

/** What a log has said of itself. The leaves prove it; the rest is what they come to. */
export const LifeAnswer = z.strictObject({
  origin: z.string(),
  /** Oldest first; a key without `until` is in service. */
  keys: z.array(
    z.strictObject({
      vkey: z.string(),
      since: Mark.exactOptional(),
      until: Mark.exactOptional(),
    }),
  ),
  frozen: z.union([Mark, z.null()]),
  /** The leaves, base64. */
  events: z.array(z.strictObject({ index: z.number(), leaf: z.string() })),
});

/** Both ends of a rotation; the key is the one the log was started with as its next. */
export const RotateRequest = z.strictObject({ step: z.enum(['announce', 'retire']) });

/** Names the log, so that none is frozen by mistake: this cannot be undone. */
export const FreezeRequest = z.strictObject({ origin: z.string().min(1).max(256) });

/** Routes for the life of a log. */
export const lifeRoutes = defineRoutes({
  life: {
    method: 'GET',
    path: '/v1/log/life',
    summary:
      'Keys of the log with their terms, and whether it is frozen; with the leaves that say so',
    auth: 'none',
    response: LifeAnswer,
  },
  rotate: {
    method: 'POST',
    path: '/v1/log/rotate',
    summary: 'Announce the next key of the log, or retire the one before it',
    auth: 'admin',
    body: RotateRequest,
    response: LifeAnswer,
  },
  freeze: {
    method: 'POST',
    path: '/v1/log/freeze',
    summary: 'Log the last leaf of this log; nothing is written after it',
    auth: 'admin',
    body: FreezeRequest,
    response: LifeAnswer,
  },
});

export type LifeAnswer = z.infer<typeof LifeAnswer>;

import { z } from 'zod';
import { defineRoutes } from './route.js';

/** A checkpoint of the log as C2SP signed-note, with the cosignatures that were carried here. */
export const CosignatureRequest = z.strictObject({ note: z.string().min(1).max(65_536) });

/** The newest checkpoint that each witness cosigned out of reach of the network. */
export const CosignaturesAnswer = z.strictObject({
  items: z.array(
    z.strictObject({
      /** Name of the witness in the log's policy. */
      witness: z.string(),
      size: z.number(),
      /** Seconds since the epoch, as the witness says. */
      timestamp: z.number(),
      /** Signed by the log and by this witness. */
      note: z.string(),
    }),
  ),
});

/** Cosignatures that somebody carries from a witness to its log. */
export const cosignatureRoutes = defineRoutes({
  cosignatures: {
    method: 'GET',
    path: '/v1/cosignatures',
    summary: 'The newest checkpoint of each witness whose cosignature was carried here',
    auth: 'none',
    response: CosignaturesAnswer,
  },
  bringCosignature: {
    method: 'POST',
    path: '/v1/cosignatures',
    summary: 'Bring a checkpoint of this log that a witness of its policy cosigned',
    auth: 'log-writer',
    body: CosignatureRequest,
    response: CosignaturesAnswer,
  },
});

export type CosignaturesAnswer = z.infer<typeof CosignaturesAnswer>;

import { z } from 'zod';
import { base64Text } from '../base64-text.js';
import { MAX_SIGNATURE_BASE64 } from './hashedrekord.js';

const MAX_ENVELOPE_CHARS = 16 * 1024 * 1024;
const pem = base64Text(128 * 1024).min(1);
const hash = (algorithms: [string, ...string[]]) =>
  z.object({ algorithm: z.enum(algorithms), value: z.string().regex(/^(?:[0-9a-f]{2}){32,64}$/) });

/** Unknown fields are dropped, as Rekor v1 does: its clients send empty ones of the answer. */
const HashedRekordV1 = z.object({
  apiVersion: z.literal('0.0.1'),
  kind: z.literal('hashedrekord'),
  spec: z.object({
    data: z.object({ hash: hash(['sha256', 'sha384', 'sha512']) }),
    signature: z.object({
      content: base64Text(MAX_SIGNATURE_BASE64).min(1),
      publicKey: z.object({ content: pem }),
    }),
  }),
});

/** What an entry has and a proposal may not: the log makes it, and a claim of it could be another. */
const madeByLog = z
  .union([z.null(), z.tuple([])], { error: 'stands in entries; the log makes it itself' })
  .optional();

const DsseV1 = z.object({
  apiVersion: z.literal('0.0.1'),
  kind: z.literal('dsse'),
  spec: z.object({
    proposedContent: z.object({
      /** The envelope's JSON text: its digest is part of the entry. */
      envelope: z.string().max(MAX_ENVELOPE_CHARS),
      verifiers: z.array(pem).min(1).max(16),
    }),
    envelopeHash: madeByLog,
    payloadHash: madeByLog,
    signatures: madeByLog,
  }),
});

/** Base64 of what is base64 in the envelope already: so the field has been since version 0.0.2. */
const IntotoV2 = z.object({
  apiVersion: z.literal('0.0.2'),
  kind: z.literal('intoto'),
  spec: z.object({
    content: z.object({
      envelope: z.object({
        payload: base64Text(MAX_ENVELOPE_CHARS).min(1),
        payloadType: z.string().min(1).max(256),
        signatures: z
          .array(
            z.object({
              sig: base64Text(2 * MAX_SIGNATURE_BASE64).min(1),
              publicKey: pem,
              keyid: z.string().max(256).optional(),
            }),
          )
          .min(1)
          .max(16),
      }),
      /** Digest of the client's own rendering of the envelope; nobody can check it. */
      hash: hash(['sha256']),
    }),
  }),
});

/** A proposed entry of Rekor v1, of the kinds and versions that this log takes. */
export const V1Request = z.discriminatedUnion('kind', [HashedRekordV1, DsseV1, IntotoV2]);
export type V1Request = z.infer<typeof V1Request>;
export type HashedRekordV1 = z.infer<typeof HashedRekordV1>;
export type DsseV1 = z.infer<typeof DsseV1>;
export type IntotoV2 = z.infer<typeof IntotoV2>;

import { SearchAnswer } from '@touchstone/attest';
import { z } from 'zod';
import { defineRoutes } from './route.js';

/** Decimal in a query string, so a number or its digits; a safe integer. */
const Count = z
  .union([
    z.number(),
    z
      .string()
      .regex(/^(?:0|[1-9][0-9]{0,15})$/, 'must be a decimal number')
      .transform(Number),
  ])
  .refine((value) => Number.isSafeInteger(value) && value >= 0, 'must be at most 2^53-1');

/** Characters of a name that is asked for: a URL holds no more. */
const MAX_NAME = 2048;

/** What is searched for, one of the five; and which part of the answer. */
export const SearchQuery = z
  .strictObject({
    /** Such as `sha256:` and 64 hex digits; any algorithm of in-toto. */
    digest: z
      .string()
      .regex(/^[A-Za-z0-9_]{1,32}:(?:[0-9a-f]{2}){16,64}$/, 'must be algorithm:hex')
      .optional(),
    /** Hex SHA-256 of the signer's SubjectPublicKeyInfo. */
    signer: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
      .optional(),
    /** Name of a subject, as the statement writes it. */
    name: z.string().min(1).max(MAX_NAME).optional(),
    /** Type of a statement's predicate. */
    predicateType: z.string().min(1).max(MAX_NAME).optional(),
    /** Key id of a signer: its entries that name a digest whose bytes the log does not have. */
    unreadOf: z
      .string()
      .regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits')
      .optional(),
    /** Page of the list, 256 indices each. */
    page: Count.optional(),
    /** Page of the list of leaves that the index could not read whole. */
    unreadPage: Count.optional(),
    /** treeSize of the commitment to answer from; the newest unless told. */
    size: Count.optional(),
  })
  .refine(
    ({ digest, signer, name, predicateType, unreadOf }) =>
      [digest, signer, name, predicateType, unreadOf].filter((target) => target !== undefined)
        .length === 1,
    { message: 'give one of digest, signer, name, predicateType and unreadOf' },
  );

const TimesQuery = z.strictObject({
  /** Seconds of the Unix epoch: the first that counts. */
  since: Count.optional(),
  /** The first that counts no more. */
  until: Count.optional(),
});

/** Leaves [from, to) of the published tree are those that the log took in that time, by its word. */
export const TimesAnswer = z.strictObject({ from: z.int().min(0), to: z.int().min(0) });
export type TimesAnswer = z.infer<typeof TimesAnswer>;

/** Routes of the verifiable index. */
export const mapRoutes = defineRoutes({
  times: {
    method: 'GET',
    path: '/v1/times',
    summary: 'Which leaves the log took between two times',
    auth: 'none',
    query: TimesQuery,
    response: TimesAnswer,
  },
  search: {
    method: 'GET',
    path: '/v1/search',
    summary:
      'The entries that speak of a digest, subject name or predicate type, or of a signer; with proof',
    auth: 'none',
    query: SearchQuery,
    response: SearchAnswer,
  },
});

export type SearchQuery = z.infer<typeof SearchQuery>;

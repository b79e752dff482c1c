import { V1Request } from '@touchstone/attest';
import { z } from 'zod';
import { defineRoutes } from './route.js';

/** Hex digits, and base64, of no particular length. */
const Hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const Text = z.string();
const Count = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
/** Of the tree that is meant; there is one here. */
const TreeId = z.string().max(64);
const CountText = z.string().regex(/^(?:0|[1-9][0-9]{0,15})$/, 'must be a decimal number');

/** One entry in Rekor v1's answers. */
export const RekorEntry = z.object({
  body: Text,
  integratedTime: Count,
  logID: Hex,
  logIndex: Count,
  attestation: z.object({ data: Text }).exactOptional(),
  verification: z.object({
    inclusionProof: z.object({
      checkpoint: Text,
      hashes: z.array(Hex),
      logIndex: Count,
      rootHash: Hex,
      treeSize: Count,
    }),
    signedEntryTimestamp: Text,
  }),
});
export type RekorEntry = z.infer<typeof RekorEntry>;

/** Entries by their ids; Rekor v1 answers one entry as a map of one. */
export const RekorEntries = z.record(Text, RekorEntry);
export type RekorEntries = z.infer<typeof RekorEntries>;

export const RekorLogInfo = z.object({
  rootHash: Hex,
  treeSize: Count,
  signedTreeHead: Text,
  treeID: Text,
  inactiveShards: z.array(z.unknown()),
});
export type RekorLogInfo = z.infer<typeof RekorLogInfo>;

export const RekorProof = z.object({ rootHash: Hex, hashes: z.array(Hex) });
export type RekorProof = z.infer<typeof RekorProof>;

/** How many entries one `retrieve` may ask for. */
export const MAX_REKOR_QUERIES = 10;

const listOf = <S extends z.ZodType>(schema: S): z.ZodOptional<z.ZodNullable<z.ZodArray<S>>> =>
  z.array(schema).max(1000).nullable().optional();

export const RekorQuery = z.object({
  entryUUIDs: listOf(z.string().max(80)),
  logIndexes: listOf(Count),
  entries: listOf(V1Request),
});

/** A digest with or without its algorithm before it. */
const SearchHash = z
  .string()
  .regex(/^(?:sha(?:1|256|384|512):)?[0-9a-fA-F]{40,128}$/, 'must be the hex of a digest');

export const RekorSearch = z.object({
  email: z.string().min(1).max(320).optional(),
  subject: z.string().min(1).max(320).optional(),
  hash: SearchHash.optional(),
  publicKey: z
    .object({ format: z.literal('x509'), content: z.string().max(128 * 1024) })
    .optional(),
  operator: z.enum(['and', 'or', '']).optional(),
});
export type RekorSearch = z.infer<typeof RekorSearch>;

/** Rekor v1's API, for clients that know no other. Its errors are `{ code, message }`. */
export const rekorRoutes = defineRoutes({
  rekorAddEntry: {
    method: 'POST',
    path: '/api/v1/log/entries',
    summary: 'Log an entry (Rekor v1); 409 and its Location when the log has it already',
    auth: 'log-writer',
    body: V1Request,
    response: RekorEntries,
    status: 201,
  },
  rekorEntryByIndex: {
    method: 'GET',
    path: '/api/v1/log/entries',
    summary: 'The entry at an index, with its proof',
    auth: 'none',
    query: z.object({ logIndex: CountText }),
    response: RekorEntries,
  },
  rekorEntry: {
    method: 'GET',
    path: '/api/v1/log/entries/{entryUUID}',
    summary: 'The entry with this id or leaf hash, with its proof',
    auth: 'none',
    params: z.object({ entryUUID: z.string().max(80) }),
    response: RekorEntries,
  },
  rekorRetrieve: {
    method: 'POST',
    path: '/api/v1/log/entries/retrieve',
    summary: 'Several entries by id, index or content; those that are not there are left out',
    auth: 'none',
    body: RekorQuery,
    response: z.array(RekorEntries),
  },
  rekorLogInfo: {
    method: 'GET',
    path: '/api/v1/log',
    summary: 'Size, root and checkpoint in the form of Rekor v1',
    auth: 'none',
    response: RekorLogInfo,
  },
  rekorProof: {
    method: 'GET',
    path: '/api/v1/log/proof',
    summary: 'Consistency proof between two sizes',
    auth: 'none',
    query: z.object({
      firstSize: CountText.optional(),
      lastSize: CountText,
      treeID: TreeId.optional(),
    }),
    response: RekorProof,
  },
  rekorPublicKey: {
    method: 'GET',
    path: '/api/v1/log/publicKey',
    summary: 'The key that signs for clients of Rekor v1, as PEM; pin it out of band',
    auth: 'none',
    query: z.object({ treeID: TreeId.optional() }),
    response: 'text',
  },
  rekorSearch: {
    method: 'POST',
    path: '/api/v1/index/retrieve',
    summary: 'Ids of entries by digest, signer, or name in a certificate',
    auth: 'none',
    body: RekorSearch,
    response: z.array(Text),
  },
});

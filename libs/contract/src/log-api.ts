import { DsseRequestBody, HashedRekordRequest } from '@touchstone/attest';
import { z } from 'zod';
import { cosignatureRoutes } from './cosignatures-api.js';
import { lifeRoutes } from './life-api.js';
import { mapRoutes } from './map-api.js';
import { defineRoutes } from './route.js';

/** The largest body of a write to the log that is accepted unless the log is told otherwise. */
export const MAX_LOG_BODY_BYTES = 2 * 1024 * 1024;

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

const Base64 = z
  .string()
  .max(128 * 1024)
  .regex(BASE64, 'must be base64 with padding');

/** A 64-bit integer as protobuf's JSON mapping writes it. */
const Int64 = z.string().regex(/^(?:0|[1-9][0-9]{0,15})$/, 'must be a decimal number in a string');

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

/** Body of a write: a DSSE envelope, as Rekor v2's request version 0.0.2. */
export const DsseRequest = z.strictObject({ dsseRequestV002: DsseRequestBody });

const HashedRekord = z.strictObject({ hashedRekordRequestV002: HashedRekordRequest });

/** Body of a write: one of Rekor v2's requests. */
export const EntryRequest = z.union([HashedRekord, DsseRequest], {
  error: 'must have hashedRekordRequestV002 or dsseRequestV002, and nothing else',
});

/** The schema of the request that a body means to be: it can say what is wrong within. */
export function entryRequestOf(body: unknown): z.ZodType<EntryRequest> {
  if (typeof body !== 'object' || body === null) return EntryRequest;
  if ('dsseRequestV002' in body) return DsseRequest;
  return 'hashedRekordRequestV002' in body ? HashedRekord : EntryRequest;
}

/** Sigstore's TransparencyLogEntry (protobuf-specs, JSON mapping), as Rekor v2 fills it. */
export const TransparencyLogEntry = z.strictObject({
  logIndex: Int64,
  /** All 32 bytes of the hash whose first four are the key hash of the log's verifier key. */
  logId: z.strictObject({ keyId: Base64 }),
  kindVersion: z.strictObject({ kind: z.string(), version: z.string() }),
  /** Zero unless there is a promise: Rekor v2 entries carry no time of their own. */
  integratedTime: Int64,
  /** Rekor v1's signed entry timestamp, over the time, the index and the body. */
  inclusionPromise: z.strictObject({ signedEntryTimestamp: Base64 }).exactOptional(),
  inclusionProof: z.strictObject({
    logIndex: Int64,
    rootHash: Base64,
    treeSize: Int64,
    hashes: z.array(Base64).max(64),
    checkpoint: z.strictObject({ envelope: z.string() }),
  }),
  /** The leaf. */
  canonicalizedBody: Base64,
});

const ProofHashes = z.array(Base64).max(64);

/** The same as it stands in the bundles of others: protobuf's printers leave out zeros and empty lists. */
export const BundledEntry = TransparencyLogEntry.extend({
  logIndex: Int64.default('0'),
  integratedTime: Int64.default('0'),
  inclusionProof: TransparencyLogEntry.shape.inclusionProof.extend({
    logIndex: Int64.default('0'),
    hashes: ProofHashes.default([]),
  }),
});

export const InclusionAnswer = z.strictObject({
  index: z.number(),
  size: z.number(),
  root: Base64,
  hashes: ProofHashes,
  /** The signed note; there when the proof is for the size published last. */
  checkpoint: z.string().optional(),
});

export const ConsistencyAnswer = z.strictObject({
  from: z.number(),
  to: z.number(),
  hashes: ProofHashes,
  /** The signed note; there when the proof leads to the size published last. */
  checkpoint: z.string().optional(),
});

export const LogInfo = z.strictObject({
  origin: z.string(),
  /** Verifier key (C2SP signed-note). */
  vkey: z.string(),
  size: z.number(),
});

/** A document of another project's making; see its specification. */
const JsonDocument = z.looseObject({ mediaType: z.string() });

const EntryParams = z.strictObject({
  index: z.string().regex(/^(?:0|[1-9][0-9]{0,15})$/, 'must be a decimal number'),
});

const AttestationParams = z.strictObject({
  digest: z.string().regex(/^sha256:[0-9a-f]{64}$/, 'must be sha256: and 64 hex digits'),
});

/** Every route of the log but its health checks, metrics and OpenAPI document. */
export const logRoutes = defineRoutes({
  addEntry: {
    method: 'POST',
    path: '/api/v2/log/entries',
    summary: 'Log an entry (Rekor v2); answered once a published checkpoint covers it',
    auth: 'log-writer',
    body: EntryRequest,
    response: TransparencyLogEntry,
    status: 201,
  },
  checkpoint: {
    method: 'GET',
    path: '/checkpoint',
    summary: 'The signed checkpoint (C2SP tlog-checkpoint); also /api/v2/checkpoint',
    auth: 'none',
    response: 'text',
  },
  tile: {
    method: 'GET',
    path: '/tile/{level}/{index}',
    summary: 'A tile of hashes (C2SP tlog-tiles; the index may have slashes); also /api/v2/tile',
    auth: 'none',
    params: z.strictObject({ level: z.string(), index: z.string() }),
    response: 'bytes',
  },
  entries: {
    method: 'GET',
    path: '/tile/entries/{index}',
    summary: 'A bundle of entries (C2SP tlog-tiles); also /api/v2/tile/entries',
    auth: 'none',
    params: z.strictObject({ index: z.string() }),
    response: 'bytes',
  },
  inclusion: {
    method: 'GET',
    path: '/v1/proof/inclusion',
    summary: 'Inclusion proof of a leaf, at the published size unless told',
    auth: 'none',
    query: z.strictObject({ index: Count, size: Count.optional() }),
    response: InclusionAnswer,
  },
  consistency: {
    method: 'GET',
    path: '/v1/proof/consistency',
    summary: 'Consistency proof between two sizes, up to the published one unless told',
    auth: 'none',
    query: z.strictObject({ from: Count, to: Count.optional() }),
    response: ConsistencyAnswer,
  },
  ...mapRoutes,
  ...lifeRoutes,
  ...cosignatureRoutes,
  trustedRoot: {
    method: 'GET',
    path: '/trusted_root.json',
    summary: "This log as sigstore's clients want it in a trusted root; pin it out of band",
    auth: 'none',
    response: JsonDocument,
  },
  signingConfig: {
    method: 'GET',
    path: '/signing_config.json',
    summary: "Where sigstore's clients write; of both API versions unless one is asked for",
    auth: 'none',
    query: z.strictObject({ majorApiVersion: z.enum(['1', '2']).optional() }),
    response: JsonDocument,
  },
  entryBundle: {
    method: 'GET',
    path: '/v1/entries/{index}/bundle',
    summary: 'One entry as Sigstore bundle 0.3, with its attestation where the log keeps it',
    auth: 'none',
    params: EntryParams,
    query: z.strictObject({ payloadType: z.string().min(1).max(256).optional() }),
    response: JsonDocument,
  },
  entryProof: {
    method: 'GET',
    path: '/v1/entries/{index}/tlog-proof',
    summary: 'Proof of one entry for offline use (C2SP tlog-proof)',
    auth: 'none',
    params: EntryParams,
    response: 'text',
  },
  attestation: {
    method: 'GET',
    path: '/v1/attestations/{digest}',
    summary: 'An attestation that entries name by its digest',
    auth: 'none',
    params: AttestationParams,
    response: 'bytes',
  },
  keepAttestation: {
    method: 'PUT',
    path: '/v1/attestations/{digest}',
    summary: 'Keep an attestation, before the entry that names it is logged',
    auth: 'log-writer',
    params: AttestationParams,
    body: 'bytes',
    response: 'none',
    status: 204,
  },
  info: {
    method: 'GET',
    path: '/v1/log',
    summary: 'Origin, verifier key and published size; pin the key out of band',
    auth: 'none',
    response: LogInfo,
  },
});

export type DsseRequest = z.infer<typeof DsseRequest>;
export type EntryRequest = z.infer<typeof EntryRequest>;
export type TransparencyLogEntry = z.infer<typeof TransparencyLogEntry>;
export type InclusionAnswer = z.infer<typeof InclusionAnswer>;
export type ConsistencyAnswer = z.infer<typeof ConsistencyAnswer>;
export type LogInfo = z.infer<typeof LogInfo>;

import {
  DigestSet,
  DsseEnvelope,
  EnrolledRebuilder,
  Evidence,
  Outcome,
  TrustRoot,
  type Verdict as VerdictName,
} from '@touchstone/attest';
import { z } from 'zod';
import { Recipe } from './recipe.js';
import { defineRoutes } from './route.js';
import { siteRoutes } from './sites-api.js';
import { Sha256Hex } from './source.js';

/** The largest artifact that can be uploaded, in bytes. */
export const MAX_UPLOAD_BYTES = 16 * 1024 * 1024;

const Verdict: z.ZodType<VerdictName> = z.enum([
  'reproduced',
  'disputed',
  'different',
  'pending',
  'insufficient',
]);

const Timestamp = z.iso.datetime({ offset: false });

export const RebuilderId = EnrolledRebuilder.shape.id;

export const Organisation = EnrolledRebuilder.shape.organisation;

export const PublicKeyJson = z.strictObject({
  algorithm: z.enum(['ed25519', 'ecdsa-p256-sha256']),
  /** Base64 of the DER SubjectPublicKeyInfo. */
  spki: z.string().min(1).max(256),
});

export const Enrolment = z.strictObject({
  id: RebuilderId,
  organisation: Organisation,
  publicKey: PublicKeyJson,
});

export const Rebuilder = z.object({
  id: RebuilderId,
  organisation: Organisation,
  publicKey: PublicKeyJson,
  keyId: Sha256Hex,
  enrolledAt: Timestamp,
  /** From then on it gets no rebuilds, and nothing that it signs counts. */
  withdrawnAt: Timestamp.optional(),
});

/**
 * Where one rebuild stands. `reported`: durable at the coordinator, not yet in the log. `refused`:
 * the coordinator did not take what was reported, and would not however often. `withdrawn`: the
 * rebuilder was, before it spoke.
 */
export const RebuildState = z.enum([
  'queued',
  'leased',
  'reported',
  'logged',
  'refused',
  'withdrawn',
]);

export const Rebuild = z.object({
  id: z.uuid(),
  rebuilder: RebuilderId,
  organisation: Organisation,
  state: RebuildState,
  attempt: z.number().int().nonnegative(),
  outcome: Outcome.optional(),
  /** Index of the rebuild statement in the log, once it is there. */
  logIndex: z.number().int().nonnegative().optional(),
  /** Index of its bill of materials in the log, when it has one and once it is there. */
  sbomLogIndex: z.number().int().nonnegative().optional(),
  /** Why the rebuild failed or could not begin. */
  failure: z.object({ code: z.string(), message: z.string() }).optional(),
});

export const ModuleVerdict = z.object({
  name: z.string(),
  /** SHA-256 and bytes of the module as published; absent until somebody got so far as to look. */
  digest: DigestSet.optional(),
  size: z.number().int().nonnegative().optional(),
  verdict: Verdict,
  votes: z.array(z.object({ organisation: Organisation, outcome: Outcome })),
});

export const Publication = z.object({
  /** SHA-256 of the canonical recipe, lower-case hex; the recipe names the artifact by digest. */
  id: Sha256Hex,
  artifact: z.object({ uri: z.string(), digest: DigestSet }),
  recipe: Recipe,
  submittedAt: Timestamp,
  verdict: Verdict,
  modules: z.array(ModuleVerdict),
  rebuilds: z.array(Rebuild),
});

export const PublicationSummary = Publication.pick({
  id: true,
  artifact: true,
  submittedAt: true,
  verdict: true,
});

export const Page = z.object({
  items: z.array(PublicationSummary),
  /** Pass as `after` for the next page; absent on the last one. */
  next: z.string().optional(),
});

export const ListQuery = z.strictObject({
  /** Only publications with this digest: of the artifact, or of a module claimed in it. */
  digest: z
    .string()
    .regex(/^(?:sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/)
    .optional(),
  after: z.string().max(128).optional(),
  limit: z.coerce.number().int().min(1).max(200).default(50),
});

export const Lease = z.object({
  rebuildId: z.uuid(),
  /** Secret of this lease; heartbeats and the report must carry it. */
  leaseToken: z.string().min(22).max(128),
  expiresAt: Timestamp,
  attempt: z.number().int().positive(),
  recipeDigest: Sha256Hex,
  recipe: Recipe,
});

export const LeaseAnswer = z.object({ lease: Lease.nullable() });

export const LeaseRequest = z.strictObject({
  /** Seconds the coordinator may hold the request open while the queue is empty. */
  waitSeconds: z.number().int().min(0).max(20).default(0),
});

const LeaseToken = z.string().min(22).max(128);

export const Heartbeat = z.strictObject({ leaseToken: LeaseToken });

export const Report = z.strictObject({
  leaseToken: LeaseToken,
  outcome: Outcome,
  /** What the rebuilder saw: predicate `https://touchstone.dev/rebuild/v1`. */
  rebuild: DsseEnvelope,
  /** How it was built: predicate `https://slsa.dev/provenance/v1`; absent when nothing was built. */
  provenance: DsseEnvelope.optional(),
  /** What it was built with: predicate `https://cyclonedx.org/bom`, when the source has a lockfile. */
  sbom: DsseEnvelope.optional(),
});

const ById = z.strictObject({ id: Sha256Hex });
const ByRebuild = z.strictObject({ id: z.uuid() });
const ByRebuilder = z.strictObject({ id: RebuilderId });
const ByDigest = z.strictObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) });

/** Every route of the coordinator but its health checks, metrics and OpenAPI document. */
export const coordinatorRoutes = defineRoutes({
  ...siteRoutes,
  submit: {
    method: 'POST',
    path: '/v1/artifacts',
    summary: 'Submit a publication with its recipe; the same one again answers the first',
    auth: 'submitter',
    body: z.strictObject({ recipe: Recipe }),
    response: Publication,
    status: 201,
  },
  list: {
    method: 'GET',
    path: '/v1/artifacts',
    summary: 'List publications, oldest first, or find them by digest',
    auth: 'none',
    query: ListQuery,
    response: Page,
  },
  read: {
    method: 'GET',
    path: '/v1/artifacts/{id}',
    summary: 'One publication with its rebuilds and verdicts',
    auth: 'none',
    params: ById,
    response: Publication,
  },
  evidence: {
    method: 'GET',
    path: '/v1/artifacts/{id}/evidence',
    summary: 'All logged statements about a publication, with proofs against one checkpoint',
    auth: 'none',
    params: ById,
    response: Evidence,
  },
  upload: {
    method: 'PUT',
    path: '/v1/uploads/{digest}',
    summary: 'Upload an artifact by its digest',
    auth: 'submitter',
    params: ByDigest,
    body: 'bytes',
    response: 'none',
    status: 204,
  },
  download: {
    method: 'GET',
    path: '/v1/uploads/{digest}',
    summary: 'An uploaded artifact',
    auth: 'none',
    params: ByDigest,
    response: 'bytes',
  },
  enrol: {
    method: 'POST',
    path: '/v1/rebuilders',
    summary: 'Enrol a rebuilder of an organisation with its public key',
    auth: 'admin',
    body: Enrolment,
    response: Rebuilder,
    status: 201,
  },
  rebuilders: {
    method: 'GET',
    path: '/v1/rebuilders',
    summary: 'The enrolled rebuilders',
    auth: 'none',
    response: z.object({ items: z.array(Rebuilder) }),
  },
  rotateKey: {
    method: 'POST',
    path: '/v1/rebuilders/{id}/key',
    summary: 'Give a rebuilder another key; what the old one signed before stays',
    auth: 'admin',
    params: ByRebuilder,
    body: z.strictObject({ publicKey: PublicKeyJson }),
    response: Rebuilder,
  },
  withdraw: {
    method: 'POST',
    path: '/v1/rebuilders/{id}/withdraw',
    summary: 'Withdraw a rebuilder for good; what it said before stays',
    auth: 'admin',
    params: ByRebuilder,
    response: Rebuilder,
  },
  retry: {
    method: 'POST',
    path: '/v1/rebuilds/{id}/retry',
    summary: 'Have a rebuild made again whose report was refused',
    auth: 'admin',
    params: ByRebuild,
    response: 'none',
    status: 204,
  },
  trustRoot: {
    method: 'GET',
    path: '/v1/trust-root',
    summary: 'Log key, rebuilders and policy as this coordinator sees them; pin it out of band',
    auth: 'none',
    response: TrustRoot,
  },
  lease: {
    method: 'POST',
    path: '/v1/leases',
    summary: 'Lease the next rebuild of the calling rebuilder',
    auth: 'rebuilder',
    body: LeaseRequest,
    response: LeaseAnswer,
  },
  heartbeat: {
    method: 'POST',
    path: '/v1/rebuilds/{id}/heartbeat',
    summary: 'Keep a lease',
    auth: 'rebuilder',
    params: ByRebuild,
    body: Heartbeat,
    response: z.object({ expiresAt: Timestamp }),
  },
  release: {
    method: 'POST',
    path: '/v1/rebuilds/{id}/release',
    summary: 'Give a lease back unfinished, for example when the worker stops',
    auth: 'rebuilder',
    params: ByRebuild,
    body: Heartbeat,
    response: 'none',
    status: 204,
  },
  complete: {
    method: 'POST',
    path: '/v1/rebuilds/{id}/complete',
    summary: 'Report a rebuild; answered once the report is durable, the same one again likewise',
    auth: 'rebuilder',
    params: ByRebuild,
    body: Report,
    response: z.object({ state: RebuildState }),
  },
});

export type Enrolment = z.infer<typeof Enrolment>;
export type Rebuilder = z.infer<typeof Rebuilder>;
export type RebuildState = z.infer<typeof RebuildState>;
export type Rebuild = z.infer<typeof Rebuild>;
export type Publication = z.infer<typeof Publication>;
export type PublicationSummary = z.infer<typeof PublicationSummary>;
export type Page = z.infer<typeof Page>;
export type ListQuery = z.infer<typeof ListQuery>;
export type Lease = z.infer<typeof Lease>;
export type Report = z.infer<typeof Report>;
export type PublicKeyJson = z.infer<typeof PublicKeyJson>;

export { ComposeError, type ComposeErrorCode, type Finding } from './errors.js';
export { deriveGraph, type CompositionGraph, type GraphNode, type Port } from './graph.js';
export type { GraphEdge } from './edges.js';
export { readComposition } from './read.js';
export { parseClaims, type AnyManifest, type CompositionManifest } from './manifest.js';
export { composeManifest, embedManifest } from './write-manifest.js';
export { manifestOf, readManifests, type EmbeddedManifest } from './read-manifest.js';
export { COMPOSITION_PREDICATE_TYPE, compositionStatement } from './attestation.js';
export type { BundleReport, KeylessIdentity, NodeBundlesOptions } from './node-bundles.js';
export type { NodeProof } from './node-evidence.js';
export type { TimedCertificateJudge } from './node-signatures.js';
export {
  verifyComposition,
  type CompositionReport,
  type VerifyCompositionOptions,
} from './verify.js';
export { compose, type Composition } from './build/compose.js';
export { CompositionPlan, parsePlan, PLAN_SCHEMA } from './build/plan.js';
export {
  CAPSULE_SCHEMA,
  encodeCapsule,
  MAX_CAPSULE_BYTES,
  type Capsule,
} from './capsule/capsule.js';
export {
  verifyCapsule,
  type CapsuleReport,
  type VerifyCapsuleOptions,
} from './capsule/verify-capsule.js';
export type { AskedRevocations } from './capsule/capsule-searches.js';
export type { RevokerReport } from './revocation/check-revocations.js';
export { revokerTargets } from './revocation/logged-lists.js';
export { parseRevocationList, revocationStatement } from './revocation/revocation-list.js';
export { attestedSboms } from './sbom/attested-sboms.js';
export { compositionSbom, type NodeSbom } from './sbom/composition-sbom.js';

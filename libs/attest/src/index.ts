export {
  ArtifactDescriptor,
  artifactDescriptor,
  artifactDigest,
  artifactUri,
  sourceDescriptor,
  type RecipeArtifact,
} from './artifact.js';
export { canonicalJson, MAX_JSON_DEPTH } from './canonical-json.js';
export { decodeCbor, encodeCbor, type CborValue } from './cbor/cbor.js';
export { CBOR_LIMITS, cborItemLength, type CborLimits } from './cbor/item.js';
export { coseRequests, matchCoseEntry } from './cose/cose-log.js';
export {
  isCose,
  signCose,
  verifyCose,
  type CoseSignature,
  type VerifiedCose,
} from './cose/cose-sign.js';
export { readCborAsJson } from './cose/cbor-statement.js';
export { parseSigStructure } from './cose/sig-structure.js';
export { DigestSet, Sha256Digest, Sha256Hex } from './digest-set.js';
export {
  DsseEnvelope,
  paeBytes,
  parseEnvelope,
  signEnvelope,
  soleSigner,
  STATEMENT_PAYLOAD_TYPE,
  verifyEnvelope,
  type VerifiedEnvelope,
} from './dsse.js';
export { AttestError, type AttestErrorCode, type AttestErrorOptions } from './errors.js';
export {
  Evidence,
  EVIDENCE_SCHEMA,
  EvidenceEntry,
  MAX_EVIDENCE_BYTES,
  narrowEvidence,
  parseEvidence,
} from './evidence.js';
export {
  checkComplete,
  isAskedFor,
  publicationTargets,
  type SearchedLog,
} from './evidence-complete.js';
export { witnessedTime } from './evidence-log.js';
export { parseJson, rememberJson, type ReadJson } from './json.js';
export {
  dsseLogEntry,
  envelopeLogEntry,
  envelopeRequest,
  matchLogEntry,
  signedBytesRequest,
  type EnvelopeRequest,
} from './log-entry.js';
export {
  COMMITMENTS_KEY,
  digestKey,
  indexEntry,
  isDigest,
  isMapLeaf,
  MAX_ATTESTATION_BYTES,
  nameKey,
  predicateKey,
  signerKey,
  UNREAD_KEY,
  unreadKeyOf,
  type IndexedEntry,
  type ReadAttestation,
} from './map/index-keys.js';
export {
  MAP_COMMITMENT_SCHEMA,
  MapCommitment,
  mapCommitmentLeaf,
  MAX_ABSENT_RANGES,
  openMapCommitment,
} from './map/map-commitment.js';
export { encodeKeyAnswer, KeyAnswer, SearchAnswer } from './map/search-answer.js';
export {
  searchEntries,
  type EntrySearch,
  type FoundEntry,
  type SearchEntriesOptions,
} from './map/search-entries.js';
export {
  encodeSearchEvidence,
  MAX_SEARCH_EVIDENCE_BYTES,
  nameOfAsked,
  parseSearchEvidence,
  SEARCH_EVIDENCE_SCHEMA,
  SearchEvidence,
  type KeptAnswer,
  type ParsedSearchEvidence,
} from './map/search-evidence.js';
export { entryPayload } from './map/entry-payload.js';
export { SearchEvidenceSource } from './map/evidence-source.js';
export {
  mapKeyOf,
  type Asked,
  type MapQuery,
  type SearchSource,
  type SearchTarget,
  type TreeHead,
} from './map/search-source.js';
export {
  verifySearch,
  type VerifiedPage,
  type VerifiedSearch,
  type VerifySearchOptions,
} from './map/verify-search.js';
export {
  builderId,
  checkProvenancePayload,
  checkProvenanceStatement,
  PROVENANCE_PREDICATE_TYPE,
  ProvenancePredicate,
  provenanceStatement,
  RECIPE_BUILD_TYPE,
  recipeDigestOf,
  type CheckedProvenance,
  type ProvenanceExpectation,
  type ProvenanceInput,
} from './provenance.js';
export { keyDetails, publicKeyFromBase64 } from './public-key.js';
export {
  DifferenceCause,
  DifferenceSummary,
  failureMessage,
  FileDescriptor,
  ModuleOutcome,
  Outcome,
  REBUILD_PREDICATE_TYPE,
  RebuildEnvironment,
  RebuildPredicate,
  RebuiltModule,
  Variation,
} from './rebuild-predicate.js';
export {
  checkRebuildPayload,
  checkRebuildStatement,
  moduleSubjectName,
  outcomeOfModules,
  rebuildStatement,
  type CheckedRebuild,
  type RebuildExpectation,
} from './rebuild-statement.js';
export { sbomSerialNumber } from './sbom/serial-number.js';
export { checkSbomStatement, SBOM_PREDICATE_TYPE, sbomStatement } from './sbom/sbom-statement.js';
export {
  encodeStatement,
  MAX_PAYLOAD_BYTES,
  parseCanonicalStatement,
  parseForeignStatement,
  parseStatement,
  ResourceDescriptor,
  type ForeignStatement,
  Statement,
  STATEMENT_TYPE,
  Subject,
} from './statement.js';
export {
  advanceTrustRoot,
  cosignTrustRoot,
  signTrustRoot,
  TRUST_ROOT_PAYLOAD_TYPE,
} from './root-chain.js';
export {
  countsAt,
  EnrolledRebuilder,
  enrolledKeys,
  organisationsOf,
  parseTrustRoot,
  Policy,
  resolveTrustRoot,
  RootSigners,
  TRUST_ROOT_SCHEMA,
  TrustRoot,
  type EnrolledKey,
  type LogKey,
  type ResolvedTrustRoot,
  type TrustedLogKey,
} from './trust-root.js';
export { DsseRequestBody, dsseEntry } from './rekor/dsse-entry.js';
export { evidenceBundles, type EvidenceBundle } from './rekor/evidence-bundle.js';
export { BUNDLE_MEDIA_TYPE, parsePae, sigstoreBundle, type BundleParts } from './rekor/bundle.js';
export {
  signingConfigDocument,
  trustedRootDocument,
  v1LogId,
  type SigstoreLog,
} from './rekor/documents.js';
export { HASHEDREKORD_KIND, HashedRekordRequest, hashedRekordEntry } from './rekor/hashedrekord.js';
export {
  DER,
  derBits,
  derChildren,
  derPositive,
  expectDer,
  readDer,
  type DerElement,
} from './rekor/der.js';
export { readPemVerifier } from './rekor/pem-verifier.js';
export { readPem, writePem } from './rekor/pem.js';
export { readEntry, type EntrySigner, type EntryView } from './rekor/read-entry.js';
export { searchKeys } from './rekor/search-keys.js';
export { nameSearchKey, signerSearchKey } from './rekor/signer-search-key.js';
export type { NewEntry } from './rekor/new-entry.js';
export { v1Entry } from './rekor/v1-entries.js';
export {
  entryTimestampBytes,
  v1CheckpointText,
  v1EntryId,
  v1LeafHash,
  v1TreeId,
} from './rekor/v1-names.js';
export { V1Request } from './rekor/v1-requests.js';
export { EntryVerifier } from './rekor/verifier.js';
export {
  moduleVerdict,
  publicationVerdict,
  voteOf,
  type Electorate,
  type ModuleReport,
  type ModuleVote,
  type PublicationReport,
  type RebuildVote,
  type Verdict,
} from './verdict.js';
export { verificationSummary } from './verification-summary.js';
export {
  verifyEvidence,
  type VerificationStep,
  type VerificationStepName,
  type VerifiedEntry,
  type VerifiedEvidence,
  type VerifyEvidenceOptions,
} from './verify-evidence.js';
export type { PresentedFile } from './evidence-statements.js';
export { viewRecipe, type RecipeView } from './recipe-view.js';
export {
  isLifeLeaf,
  LifeEvent,
  lifeLeaf,
  lifeSigners,
  LOG_LIFE_SCHEMA,
  openLifeLeaf,
} from './life/life-leaf.js';
export {
  advanceLife,
  beginLife,
  keysForSize,
  keysInService,
  type LogLife,
} from './life/log-life.js';

export {
  ClientError,
  makeClient,
  type AbortSignalLike,
  type CallInput,
  type CallResult,
  type Client,
  type ClientErrorCode,
  type ClientOptions,
  type Fetch,
} from './client.js';
export {
  coordinatorRoutes,
  Enrolment,
  Lease,
  ListQuery,
  MAX_UPLOAD_BYTES,
  Organisation,
  Page,
  Publication,
  PublicationSummary,
  PublicKeyJson,
  Rebuild,
  Rebuilder,
  RebuilderId,
  RebuildState,
  Report,
} from './coordinator-api.js';
export { CosignatureRequest, CosignaturesAnswer } from './cosignatures-api.js';
export { FreezeRequest, LifeAnswer, RotateRequest } from './life-api.js';
export {
  ConsistencyAnswer,
  DsseRequest,
  EntryRequest,
  entryRequestOf,
  InclusionAnswer,
  LogInfo,
  logRoutes,
  MAX_LOG_BODY_BYTES,
  BundledEntry,
  TransparencyLogEntry,
} from './log-api.js';
export { mapRoutes, SearchQuery, TimesAnswer } from './map-api.js';
export { openApiDocument } from './openapi.js';
export { fieldPath, Problem, problem, ProblemCode } from './problem.js';
export { queueName, RebuildJob } from './queue.js';
export {
  ModuleLocation,
  Recipe,
  RECIPE_SCHEMA,
  RecipeDependencies,
  VaryWhen,
  RecipeModule,
  RecipeStep,
  ToolchainName,
} from './recipe.js';
export {
  Artifact,
  Composition,
  GitCommit,
  GitUrl,
  InnerPath,
  Integrity,
  NpmName,
  NpmTarball,
  NpmVersion,
  OciArtifact,
  Sha256Hex,
  Source,
  TarballAtUrl,
  UploadedFile,
} from './source.js';
export { recipeDigest } from './recipe-digest.js';
export { REQUEST_TOKEN_LIFETIME, RequestTokenClaims } from './request-token.js';
export { defineRoutes, type Route, type Routes } from './route.js';
export {
  MAX_REKOR_QUERIES,
  RekorEntries,
  RekorEntry,
  RekorLogInfo,
  RekorProof,
  RekorQuery,
  rekorRoutes,
  RekorSearch,
} from './rekor-api.js';
export { Site, siteRoutes } from './sites-api.js';

export { isPrivateAddress, publicLookup, type Lookup } from './address.js';
export {
  pushArtifact,
  readReferrers,
  REVISION_ANNOTATION,
  SOURCE_ANNOTATION,
  type NewArtifact,
} from './artifact.js';
export type { Credentials } from './auth.js';
export { dockerCredentials } from './credentials.js';
export { OciError, type OciErrorCode } from './errors.js';
export { Layout } from './layout.js';
export type { Descriptor, ImageManifest, Manifest } from './manifest.js';
export { formatReference, parseReference, type Reference } from './reference.js';
export { Repository, type RepositoryOptions } from './repository.js';
export type { ArtifactStore } from './store.js';
export type { TransportOptions } from './transport.js';

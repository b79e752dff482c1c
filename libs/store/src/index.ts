export {
  findAttestation,
  listLoggedAttestations,
  loggedVersion,
  recordLogged,
  type AttestationRow,
} from './attestations.js';
export { countRows, type StoreCounts } from './counts.js';
export { openDatabase, transaction, type Database, type Queries } from './database.js';
export { startEmbeddedPostgres, type EmbeddedPostgres } from './embedded.js';
export { StoreError, type StoreErrorCode } from './errors.js';
export {
  extendLease,
  findQueuedRebuild,
  grantLease,
  listQueuedRebuilds,
  lockLeasedRebuild,
  releaseLease,
  requeueLapsedLeases,
  type GrantedLease,
  type LeaseClaim,
  type QueuedRebuild,
} from './leases.js';
export { migrate, MIGRATIONS_DIR } from './migrate.js';
export { claimOutbox, postponeOutbox, settleOutbox, type OutboxRow } from './outbox.js';
export {
  findPinnedLog,
  keepCheckpoint,
  pinLog,
  recordFork,
  type PinnedLogRow,
  type SeenCheckpoint,
} from './pinned-log.js';
export {
  findPublication,
  findRecipe,
  listPublications,
  parseRecipe,
  submitPublication,
  type PublicationRow,
} from './publications.js';
export {
  enrolRebuilder,
  findRebuilder,
  listRebuilders,
  type NewRebuilder,
  type RebuilderRow,
} from './rebuilders.js';
export {
  listRetiredKeys,
  rotateRebuilderKey,
  withdrawRebuilder,
  type RetiredKey,
} from './rebuilder-life.js';
export { noteRefusal, retryRefused } from './refusals.js';
export { acceptReport, type AcceptedReport } from './reports.js';
export {
  addSite,
  findSite,
  keepAcknowledgement,
  listSites,
  type AcknowledgementRow,
  type NewSite,
  type SiteRow,
} from './sites.js';
export { forgetRequestTokens, spendRequestToken } from './request-tokens.js';
export { findUpload, hasUpload, saveUpload } from './uploads.js';
export { StoredLogIndex } from './log-index.js';

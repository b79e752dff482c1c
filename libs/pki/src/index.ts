export { readCertificate, type Certificate } from './certificate.js';
export { bundleJudge, type BundleJudge, type JudgedBundle } from './keyless/bundle-judge.js';
export { signedEntity } from './keyless/signed-entity.js';
export { trustMaterial } from './keyless/trust-material.js';
export { PkiError, type PkiErrorCode } from './errors.js';
export {
  issueAuthority,
  issueCertificate,
  issueRevocationList,
  issueRoot,
  type Authority,
  type NewCertificate,
} from './issue.js';
export { ROLES, roleOfStatement, type Role } from './roles.js';
export { certificateJudge, verifyPath, type PathOptions } from './verify-path.js';

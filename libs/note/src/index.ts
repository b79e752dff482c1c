export { fromBase64, toBase64 } from './base64.js';
export {
  formatCheckpoint,
  openCheckpoint,
  parseCheckpoint,
  type Checkpoint,
  type OpenedCheckpoint,
} from './checkpoint.js';
export {
  cosign,
  COSIGNATURE_TYPE,
  cosignerKey,
  formatCosignature,
  formatCosignerKey,
  parseAnyCosignerKey,
  parseCosignature,
  parseCosignerKey,
  verifyCosignature,
  type Cosignature,
  type CosignerKey,
  type UnsupportedCosignerKey,
} from './cosignature.js';
export { ecdsaDerFromRaw, ecdsaRawFromDer } from './ecdsa-form.js';
export { NoteError, type NoteErrorCode } from './errors.js';
export { nobleVerifier } from './noble-verifier.js';
export {
  distinctSignatures,
  formatNote,
  MAX_NOTE_SIZE,
  MAX_SIGNATURES,
  parseNote,
  type NoteSignature,
  type SignedNote,
} from './note.js';
export { openNote, type OpenedNote } from './open-note.js';
export { keyId, publicKeyFromRaw, publicKeyFromSpki, rawPublicKey } from './public-key.js';
export { noteSigner, signNote, type NoteSigner } from './sign-note.js';
export type { PublicKey, SignatureAlgorithm, SignatureVerifier, Signer } from './signature.js';
export {
  formatTlogProof,
  parseTlogProof,
  TLOG_PROOF_LIMITS,
  verifyTlogProof,
  type TlogProof,
  type TlogProofClaim,
} from './tlog-proof.js';
export { decodeUtf8, encodeUtf8 } from './utf8.js';
export {
  ECDSA_TYPE,
  ED25519_TYPE,
  formatVerifierKey,
  fullKeyHash,
  parseVerifierKey,
  verifierKey,
  type VerifierKey,
} from './verifier-key.js';
export {
  hasQuorum,
  parseWitnessPolicy,
  POLICY_LIMITS,
  type PolicyGroup,
  type PolicyLog,
  type PolicyMember,
  type PolicyWitness,
  type WitnessPolicy,
} from './witness-policy.js';
export {
  cosignatureTimes,
  verifyCosignatures,
  verifyWitnessed,
  type VerifiedCosignature,
  type WitnessedCheckpoint,
  type WitnessedOptions,
} from './witnessed.js';

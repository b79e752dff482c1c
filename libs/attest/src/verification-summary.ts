import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { encodeUtf8 } from '@touchstone/note';
import { canonicalJson } from './canonical-json.js';
import type { Evidence } from './evidence.js';
import { moduleSubjectName } from './rebuild-statement.js';
import { STATEMENT_TYPE, type Statement } from './statement.js';
import { TRUST_ROOT_SCHEMA, type TrustRoot } from './trust-root.js';
import type { VerifiedEvidence } from './verify-evidence.js';

/** SLSA v1.2, "Verification Summary Attestation": that somebody verified, and by which policy. */
const VERIFICATION_SUMMARY_TYPE = 'https://slsa.dev/verification_summary/v1';

/** A level of our own, as SLSA allows: enough organisations rebuilt every module byte for byte. */
const REPRODUCED = 'TOUCHSTONE_REPRODUCED';

interface SummaryInput {
  /** What was verified, and by what. */
  readonly evidence: Evidence;
  readonly trustRoot: TrustRoot;
  /** What came of it. */
  readonly verified: VerifiedEvidence;
  /** URI of who verified; who reads the summary must know its key. */
  readonly verifier: string;
  readonly version: Readonly<Record<string, string>>;
  /** RFC 3339, UTC. */
  readonly timeVerified: string;
}

/**
 * The verdict on evidence as a statement. It passes for `reproduced` and for nothing else; a SLSA
 * level is not claimed, since the publisher's own build platform was not looked at.
 */
export function verificationSummary(input: SummaryInput): Statement {
  const { evidence, trustRoot, verified, verifier, version, timeVerified } = input;
  const { artifact, modules, verdict } = verified;
  const passed = verdict === 'reproduced';
  return {
    _type: STATEMENT_TYPE,
    subject: [
      { name: artifact.uri, digest: artifact.digest },
      ...modules.flatMap(({ name, digest }) =>
        digest === undefined
          ? []
          : [{ name: moduleSubjectName(artifact, name), digest: { sha256: digest } }],
      ),
    ],
    predicateType: VERIFICATION_SUMMARY_TYPE,
    predicate: {
      verifier: { id: verifier, version: { ...version } },
      timeVerified,
      resourceUri: artifact.uri,
      policy: { uri: TRUST_ROOT_SCHEMA, digest: digestOf(trustRoot) },
      inputAttestations: evidence.entries.map(({ envelope }) => ({ digest: digestOf(envelope) })),
      verificationResult: passed ? 'PASSED' : 'FAILED',
      verifiedLevels: passed ? ['SLSA_BUILD_LEVEL_UNEVALUATED', REPRODUCED] : ['FAILED'],
      slsaVersion: '1.2',
    },
  };
}

/** Of a document's canonical JSON (RFC 8785). */
function digestOf(value: unknown): { sha256: string } {
  return { sha256: bytesToHex(sha256(encodeUtf8(canonicalJson(value)))) };
}

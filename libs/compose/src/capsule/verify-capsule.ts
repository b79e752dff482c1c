import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import {
  AttestError,
  isCose,
  parseEnvelope,
  parseEvidence,
  parseJson,
  parseSearchEvidence,
  parseTrustRoot,
  resolveTrustRoot,
  witnessedTime,
  type DsseEnvelope,
  type Evidence,
  type ParsedSearchEvidence,
  type TrustRoot,
} from '@touchstone/attest';
import {
  NoteError,
  parseCheckpoint,
  parseNote,
  type PublicKey,
  type SignatureVerifier,
} from '@touchstone/note';
import { ComposeError } from '../errors.js';
import type { CompositionGraph, Sha256 } from '../graph.js';
import type { TimedCertificateJudge } from '../node-signatures.js';
import { MAX_COMPONENTS, nestSbom } from '../sbom/nested-sbom.js';
import {
  verifyComposition,
  type CompositionReport,
  type VerifyCompositionOptions,
} from '../verify.js';
import { claimsPlace, isInLog, type Tree } from './attestation-place.js';
import {
  completenessOf,
  documentsIn,
  revocationsOf,
  revokedOf,
  type AskedRevocations,
  type Revoked,
} from './capsule-searches.js';
import { MAX_DOCUMENT_BYTES, parseCapsule, type Capsule } from './capsule.js';

export interface VerifyCapsuleOptions {
  /** Whom to trust: a trust root from elsewhere, or the hex SHA-256 of the one in the capsule. */
  readonly trust: TrustRoot | { readonly sha256: string };
  /** Of integrators whose word is taken; without them an attestation in the capsule counts for nothing. */
  readonly publicKeys?: readonly PublicKey[];
  /** Or judges the certificate that came with the attestation: must ask for an integrator. */
  readonly attestationJudge?: TimedCertificateJudge;
  /** Whose signatures in place count; without it they are not looked at. */
  readonly signatures?: VerifyCompositionOptions['signatures'];
  /** Whose Sigstore bundles count; without it those in the capsule are not looked at. */
  readonly bundles?: Omit<NonNullable<VerifyCompositionOptions['bundles']>, 'files'>;
  /** Who may take nodes back; without it nobody is asked. */
  readonly revocations?: AskedRevocations;
  /** What a log answered to the reader; where it is about something, it counts before the capsule's. */
  readonly search?: ParsedSearchEvidence;
  /** Refuse when it is not proved that no rebuild was left out of the evidence. */
  readonly mustBeComplete?: boolean;
  readonly verify: SignatureVerifier;
  readonly sha256?: Sha256;
}

export interface CapsuleReport extends CompositionReport {
  readonly capsule: Capsule;
  /** The one tree that everything in the capsule is proven to be in. */
  readonly checkpoint: { readonly origin: string; readonly size: number };
  /** Whether an attestation was there, whether it was checked, and where it is logged. */
  readonly attestation: 'none' | 'unchecked' | 'checked' | 'logged';
  /** Whether Sigstore bundles were there, and whether they were checked. */
  readonly keyless: 'none' | 'unchecked' | 'checked';
  readonly revoked: Revoked;
}

/**
 * Verifies a capsule offline. First what only a capsule can get wrong: form, whom to trust, one
 * checkpoint for all evidence, the place of the attestation in its tree. Then the composition in it,
 * every node against the evidence.
 *
 * @throws ComposeError `capsule-malformed`, `capsule-too-large`, `capsule-trust-root-unknown`,
 * `capsule-evidence-missing`, `capsule-checkpoints-differ`, `capsule-attestation-unproven`,
 * `claim-unknown-node`, `sbom-malformed`
 * @throws AttestError `checkpoint-malformed`, and those of `parseEvidence`, `parseSearchEvidence`,
 * `parseTrustRoot`, `parseEnvelope` and `parseJson`
 */
export async function verifyCapsule(
  content: Uint8Array,
  options: VerifyCapsuleOptions,
): Promise<CapsuleReport> {
  const { verify, sha256 = nobleSha256, signatures, bundles } = options;
  const capsule = parseCapsule(content);
  const trustRoot = trusted(capsule, options.trust, sha256);
  const evidence = capsule.evidence.map(parseEvidence);
  const searched = capsule.search && parseSearchEvidence(capsule.search, sha256);
  const checkpoint = oneCheckpoint(evidence, searched);
  const searches = [options.search, searched].filter((each) => each !== undefined);
  const revocations = revocationsOf(capsule, searches, options.revocations, trustRoot);
  const time = claimsPlace(capsule.attestation)
    ? await timeOf(evidence, trustRoot, verify)
    : undefined;
  const presented = presentedOf(capsule, options, time);
  const isLogged =
    presented !== undefined &&
    (await isInLog(capsule.attestation, presented, { checkpoint, sha256 }));
  const { content: file } = capsule.file;
  const report = await verifyComposition(file, {
    sha256,
    ...(presented && { attestation: presented }),
    ...(signatures && { signatures }),
    ...(bundles && { bundles: { ...bundles, files: documentsIn(capsule.bundles) } }),
    ...(revocations && { revocations }),
    evidence: {
      ...{ files: evidence, trustRoot, verify, sha256 },
      ...completenessOf(evidence, searches),
      mustBeSearched: options.mustBeComplete ?? false,
    },
    // What was logged names the file, or the report refuses it.
    ...(isLogged && time && { provenTimes: [{ sha256: bytesToHex(sha256(file)), time }] }),
  });
  if (report.graph !== undefined) checkSboms(capsule, report.graph);
  const { origin, size } = checkpoint;
  const keyless =
    bundles !== undefined ? 'checked' : capsule.bundles === undefined ? 'none' : 'unchecked';
  const attestation = standing(capsule, report, isLogged);
  const revoked = revokedOf(capsule, revocations);
  return { ...report, capsule, checkpoint: { origin, size }, attestation, keyless, revoked };
}

/** The attestation as it is to be checked; undefined when nobody says whose counts. */
function presentedOf(
  { attestation }: Capsule,
  { publicKeys = [], attestationJudge: judge, verify }: VerifyCapsuleOptions,
  time: Date | undefined,
): NonNullable<VerifyCompositionOptions['attestation']> | undefined {
  const chain = attestation?.certificates;
  const certificate = chain && judge && { chain, judge, ...(time && { loggedAt: time }) };
  if (attestation === undefined) return undefined;
  if (publicKeys.length === 0 && certificate === undefined) return undefined;
  const envelope = readEnvelope(attestation.envelope);
  return { envelope, publicKeys, verify, ...(certificate && { certificate }) };
}

/** By when the tree was there, as the trust root's witnesses say; the evidence is judged later. */
async function timeOf(
  [first]: readonly Evidence[],
  trustRoot: TrustRoot,
  verify: SignatureVerifier,
): Promise<Date | undefined> {
  try {
    const since =
      first && (await witnessedTime(first.checkpoint, resolveTrustRoot(trustRoot), verify));
    return since === undefined ? undefined : new Date(since * 1000);
  } catch (cause) {
    if (cause instanceof AttestError) return undefined;
    throw cause;
  }
}

function readEnvelope(envelope: Uint8Array): DsseEnvelope | Uint8Array {
  if (isCose(envelope)) return envelope;
  return parseEnvelope(parseJson(envelope, MAX_DOCUMENT_BYTES));
}

function trusted(
  { trustRoot }: Capsule,
  trust: VerifyCapsuleOptions['trust'],
  sha256: Sha256,
): TrustRoot {
  if (!('sha256' in trust)) return trust;
  const found = bytesToHex(sha256(trustRoot));
  if (found === trust.sha256) return parseTrustRoot(parseJson(trustRoot, MAX_DOCUMENT_BYTES));
  const message = `the trust root in the capsule is sha256:${found}, not the one that was named`;
  throw new ComposeError('capsule-trust-root-unknown', '/', 0, message);
}

/** Bills of materials are claims; but of nodes that are there, and in a form that can be read. */
function checkSboms({ sboms }: Capsule, { nodes }: CompositionGraph): void {
  const paths = new Set(nodes.map(({ path }) => path));
  const count = { left: MAX_COMPONENTS };
  for (const { node, document } of sboms) {
    if (!paths.has(node)) {
      throw new ComposeError('claim-unknown-node', node, 0, `the file has no node ${node}`);
    }
    nestSbom(document, node, count);
  }
}

/** Proofs against two trees could be of two histories. The signature is checked with the evidence. */
function oneCheckpoint(
  evidence: readonly Evidence[],
  searched: ParsedSearchEvidence | undefined,
): Tree {
  if (evidence.length === 0) {
    throw new ComposeError('capsule-evidence-missing', '/', 0, 'the capsule holds no evidence');
  }
  const proven = [...evidence, ...(searched ? [searched.evidence] : [])];
  const [first = '', ...others] = new Set(proven.map(({ checkpoint }) => checkpoint));
  if (others.length > 0) {
    const message = `the evidence leads to ${others.length + 1} checkpoints, not to one`;
    throw new ComposeError('capsule-checkpoints-differ', '/', 0, message);
  }
  try {
    return parseCheckpoint(parseNote(first).text);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    const message = `the checkpoint is no signed note of a log: ${cause.message}`;
    throw new AttestError('checkpoint-malformed', message, { cause });
  }
}

function standing(
  { attestation }: Capsule,
  { signers }: CompositionReport,
  isLogged: boolean,
): CapsuleReport['attestation'] {
  if (attestation === undefined) return 'none';
  // One that was refused has no signers, and the report says why.
  if (signers === undefined) return 'unchecked';
  return isLogged ? 'logged' : 'checked';
}

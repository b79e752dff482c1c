import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import {
  AttestError,
  isCose,
  matchLogEntry,
  parseEnvelope,
  parseEvidence,
  parseJson,
  parseTrustRoot,
  resolveTrustRoot,
  soleSigner,
  verifyEnvelope,
  witnessedTime,
  type DsseEnvelope,
  type Evidence,
  type TrustRoot,
} from '@touchstone/attest';
import { MerkleError, rfc6962, treeHasher, verifyInclusion } from '@touchstone/merkle';
import {
  NoteError,
  parseCheckpoint,
  parseNote,
  type PublicKey,
  type SignatureVerifier,
} from '@touchstone/note';
import { ComposeError } from '../errors.js';
import type { CompositionGraph, Sha256 } from '../graph.js';
import { MAX_COMPONENTS, nestSbom } from '../sbom/nested-sbom.js';
import {
  verifyComposition,
  type CompositionReport,
  type VerifyCompositionOptions,
} from '../verify.js';
import { parseCapsule, type Capsule } from './capsule.js';

const MAX_JSON_BYTES = 16 * 1024 * 1024;

export interface VerifyCapsuleOptions {
  /** Whom to trust: a trust root from elsewhere, or the hex SHA-256 of the one in the capsule. */
  readonly trust: TrustRoot | { readonly sha256: string };
  /** Of integrators whose word is taken; without them an attestation in the capsule counts for nothing. */
  readonly publicKeys?: readonly PublicKey[];
  /** Whose signatures in place count; without it they are not looked at. */
  readonly signatures?: VerifyCompositionOptions['signatures'];
  /** Whose Sigstore bundles count; without it those in the capsule are not looked at. */
  readonly bundles?: Omit<NonNullable<VerifyCompositionOptions['bundles']>, 'files'>;
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
}

/**
 * Verifies a capsule offline. First what only a capsule can get wrong: form, whom to trust, one
 * checkpoint for all evidence, the place of the attestation in its tree. Then the composition in it,
 * every node against the evidence.
 *
 * @throws ComposeError `capsule-malformed`, `capsule-too-large`, `capsule-trust-root-unknown`,
 * `capsule-evidence-missing`, `capsule-checkpoints-differ`, `capsule-attestation-unproven`,
 * `claim-unknown-node`, `sbom-malformed`
 * @throws AttestError `checkpoint-malformed`, and those of `parseEvidence`, `parseTrustRoot`,
 * `parseEnvelope` and `parseJson`
 */
export async function verifyCapsule(
  content: Uint8Array,
  options: VerifyCapsuleOptions,
): Promise<CapsuleReport> {
  const { verify, publicKeys = [], sha256 = nobleSha256, signatures, bundles } = options;
  const capsule = parseCapsule(content);
  const trustRoot = trusted(capsule, options.trust, sha256);
  const evidence = capsule.evidence.map(parseEvidence);
  const checkpoint = oneCheckpoint(evidence);
  const envelope =
    capsule.attestation === undefined || publicKeys.length === 0
      ? undefined
      : readEnvelope(capsule.attestation.envelope);
  const isLogged =
    envelope !== undefined &&
    (await isInLog(capsule.attestation, envelope, { publicKeys, verify, checkpoint, sha256 }));
  const time = isLogged ? await timeOf(evidence, trustRoot, verify) : undefined;
  const { content: file } = capsule.file;
  const report = await verifyComposition(file, {
    sha256,
    ...(envelope && { attestation: { envelope, publicKeys, verify } }),
    ...(signatures && { signatures }),
    ...(bundles && { bundles: { ...bundles, files: bundlesIn(capsule) } }),
    evidence: { files: evidence, trustRoot, verify, sha256 },
    // What was logged names the file, or the report refuses it.
    ...(time && { provenTimes: [{ sha256: bytesToHex(sha256(file)), time }] }),
  });
  if (report.graph !== undefined) checkSboms(capsule, report.graph);
  const { origin, size } = checkpoint;
  const keyless =
    bundles !== undefined ? 'checked' : capsule.bundles === undefined ? 'none' : 'unchecked';
  const attestation = standing(capsule, report, isLogged);
  return { ...report, capsule, checkpoint: { origin, size }, attestation, keyless };
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
  return parseEnvelope(parseJson(envelope, MAX_JSON_BYTES));
}

function bundlesIn({ bundles = [] }: Capsule): unknown[] {
  return bundles.map((bundle) => parseJson(bundle, MAX_JSON_BYTES));
}

function trusted(
  { trustRoot }: Capsule,
  trust: VerifyCapsuleOptions['trust'],
  sha256: Sha256,
): TrustRoot {
  if (!('sha256' in trust)) return trust;
  const found = bytesToHex(sha256(trustRoot));
  if (found === trust.sha256) return parseTrustRoot(parseJson(trustRoot, MAX_JSON_BYTES));
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

interface Tree {
  readonly origin: string;
  readonly size: number;
  readonly root: Uint8Array;
}

/** Proofs against two trees could be of two histories. The signature is checked with the evidence. */
function oneCheckpoint(evidence: readonly Evidence[]): Tree {
  const [first, ...others] = new Set(evidence.map(({ checkpoint }) => checkpoint));
  if (first === undefined) {
    throw new ComposeError('capsule-evidence-missing', '/', 0, 'the capsule holds no evidence');
  }
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

interface Log {
  readonly publicKeys: readonly PublicKey[];
  readonly verify: SignatureVerifier;
  readonly checkpoint: Tree;
  readonly sha256: Sha256;
}

/** Whether the attestation is signed by who is trusted, and logged as the capsule says. */
async function isInLog(
  attestation: Capsule['attestation'],
  envelope: DsseEnvelope | Uint8Array,
  { publicKeys, verify, ...log }: Log,
): Promise<boolean> {
  if (attestation === undefined) return false;
  if (envelope instanceof Uint8Array) {
    const { leaf, index, proof } = attestation;
    if ([leaf, index, proof].every((each) => each === undefined)) return false;
    throw unproven('a COSE message has no entry in a log');
  }
  let signer: PublicKey;
  try {
    signer = soleSigner(await verifyEnvelope(envelope, publicKeys, verify));
  } catch (cause) {
    if (cause instanceof AttestError) return false;
    throw cause;
  }
  return checkLogged(attestation, envelope, { signer, ...log });
}

/** Whether the capsule says that the attestation is logged; what it says of that must then hold. */
function checkLogged(
  { leaf, index, proof }: NonNullable<Capsule['attestation']>,
  envelope: DsseEnvelope,
  {
    signer,
    checkpoint: { size, root },
    sha256,
  }: Pick<Log, 'checkpoint' | 'sha256'> & { readonly signer: PublicKey },
): boolean {
  if (leaf === undefined && index === undefined && proof === undefined) return false;
  if (leaf === undefined || index === undefined || proof === undefined) {
    throw unproven('leaf, index and proof belong together');
  }
  const hasher = sha256 === nobleSha256 ? rfc6962 : treeHasher(sha256);
  try {
    matchLogEntry(leaf, envelope, signer);
    verifyInclusion({ index, size, leafHash: hasher.leaf(leaf), proof, root }, hasher);
  } catch (cause) {
    if (!(cause instanceof AttestError || cause instanceof MerkleError)) throw cause;
    throw unproven(cause.message, cause);
  }
  return true;
}

function unproven(message: string, cause?: Error): ComposeError {
  const text = `the attestation is not proven to be in the log: ${message}`;
  return new ComposeError('capsule-attestation-unproven', '/', 0, text, { cause });
}

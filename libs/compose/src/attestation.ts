import {
  AttestError,
  canonicalJson,
  parseForeignStatement,
  soleSigner,
  STATEMENT_TYPE,
  verifyCose,
  verifyEnvelope,
  type ForeignStatement,
  type Statement,
} from '@touchstone/attest';
import { keyId, type PublicKey, type SignatureVerifier } from '@touchstone/note';
import { at, rootOf } from './compare.js';
import { ComposeError, type Finding } from './errors.js';
import type { CompositionGraph } from './graph.js';
import { type TimedCertificateJudge } from './node-signatures.js';
import { parseManifest, type AnyManifest, type CompositionManifest } from './manifest.js';

export const COMPOSITION_PREDICATE_TYPE = 'https://touchstone.dev/composition/v1';

/** Ours, and what was written before it; read, never written. */
export const COMPOSITION_PREDICATE_TYPES: readonly string[] = [
  COMPOSITION_PREDICATE_TYPE,
  'https://wsc.dev/composition/v1',
  'https://wsc.dev/in-toto/composition/v1',
];

/** Follows the name in the subject that does without attestation sections. */
const CONTENT_SUFFIX = '#without-attestation-sections';

/**
 * The in-toto statement of a composition. Its subjects are the file and the same without attestation
 * sections; both must fit, so that it cannot be moved to another binary.
 */
export function compositionStatement(
  name: string,
  graph: CompositionGraph,
  manifest: CompositionManifest,
): Statement {
  const { digest, contentDigest } = rootOf(graph);
  return {
    _type: STATEMENT_TYPE,
    subject: [
      { name, digest: { ...digest } },
      { name: `${name}${CONTENT_SUFFIX}`, digest: { ...contentDigest } },
    ],
    predicateType: COMPOSITION_PREDICATE_TYPE,
    predicate: { manifest },
  };
}

/** A chain of certificates (DER, the signer's first), and who judges them. */
export interface AttestationCertificate {
  readonly chain: readonly Uint8Array[];
  /** Must ask for the role of who attests compositions. */
  readonly judge: TimedCertificateJudge;
  /** When the attestation is proven to have been there. */
  readonly loggedAt?: Date;
}

export interface CheckedAttestation {
  readonly findings: readonly Finding[];
  readonly manifest: AnyManifest;
  /** `keyId` of each key that signed: one in DSSE, one or more in COSE. */
  readonly signers: readonly string[];
  readonly predicateType: string;
}

/**
 * Checks an attestation against the bytes: signatures by keys that are given and no others; a
 * statement about a composition whose subjects are these bytes; the manifest that stands in the
 * file, if one does.
 *
 * @param envelope DSSE as parsed JSON, or the bytes of COSE_Sign
 * @throws AttestError of `verifyEnvelope`, `soleSigner` and `parseForeignStatement`, of `verifyCose`,
 * `statement-predicate-type`; ComposeError `manifest-malformed`, those of {@link attestingKeys}
 */
export async function checkAttestation(
  envelope: unknown,
  options: {
    readonly graph: CompositionGraph;
    readonly embedded: AnyManifest | undefined;
    readonly publicKeys: readonly PublicKey[];
    readonly certificate?: AttestationCertificate;
    readonly verify: SignatureVerifier;
  },
): Promise<CheckedAttestation> {
  const { graph, embedded, verify } = options;
  const publicKeys = await attestingKeys(options);
  const { statement, signers } = await openEnvelope(envelope, publicKeys, verify);
  const { predicateType, predicate } = statement;
  if (!COMPOSITION_PREDICATE_TYPES.includes(predicateType)) {
    const message = `the attestation is of ${JSON.stringify(predicateType)}; a composition was to be attested`;
    throw new AttestError('statement-predicate-type', message);
  }
  const isOurs = predicateType === COMPOSITION_PREDICATE_TYPE;
  const manifest = parseManifest(
    isOurs || 'manifest' in predicate ? predicate['manifest'] : predicate,
  );
  if (isOurs && manifest.form !== 'v1') {
    throw new ComposeError('manifest-malformed', '/', 0, 'the attestation has an older manifest');
  }
  const findings = [
    ...checkSubjects(statement, graph, manifest.form),
    ...checkSame(manifest, embedded, graph),
  ];
  return { findings, manifest, signers, predicateType };
}

/**
 * The keys whose word is taken: those that are given, and the one that a certificate vouches for.
 *
 * @throws ComposeError `certificate-…` of the judge
 */
export async function attestingKeys({
  publicKeys,
  certificate,
}: {
  readonly publicKeys: readonly PublicKey[];
  readonly certificate?: AttestationCertificate;
}): Promise<readonly PublicKey[]> {
  if (certificate === undefined) return publicKeys;
  const { chain, judge, loggedAt } = certificate;
  const judged = await judge(chain, loggedAt);
  if (!('code' in judged)) return [...publicKeys, judged.publicKey];
  const message = `the certificate of who attested: ${judged.message}`;
  throw new ComposeError(judged.code, '/', 0, message);
}

async function openEnvelope(
  envelope: unknown,
  publicKeys: readonly PublicKey[],
  verify: SignatureVerifier,
): Promise<{ statement: ForeignStatement; signers: string[] }> {
  if (envelope instanceof Uint8Array) {
    const { statement, signers } = await verifyCose(envelope, publicKeys, verify);
    return { statement, signers: signers.map(keyId) };
  }
  const verified = await verifyEnvelope(envelope, publicKeys, verify);
  const signer = soleSigner(verified);
  return { statement: parseForeignStatement(verified.payload), signers: [keyId(signer)] };
}

/** Older statements name the file alone; ours must name it with and without what attests it. */
function checkSubjects(
  { subject }: ForeignStatement,
  graph: CompositionGraph,
  form: AnyManifest['form'],
): Finding[] {
  const root = rootOf(graph);
  const { digest, contentDigest } = root;
  const named = subject.map((each) => each.digest['sha256']);
  const wanted = form === 'v1' ? [digest.sha256, contentDigest.sha256] : [digest.sha256];
  const fits =
    form === 'v1'
      ? named.length === 2 && wanted.every((one, i) => named[i] === one)
      : named.includes(digest.sha256);
  if (fits) return [];
  const message = `the attestation is about sha256:${named.join(', sha256:')}; this file is sha256:${wanted.join(', without attestation sections sha256:')}`;
  return [at(root, 'attestation-subject-mismatch', message)];
}

function checkSame(
  attested: AnyManifest,
  embedded: AnyManifest | undefined,
  graph: CompositionGraph,
): Finding[] {
  if (embedded === undefined) return [];
  if (canonicalJson(originalOf(attested)) === canonicalJson(originalOf(embedded))) return [];
  const message = 'the manifest that was attested is not the one that stands in the file';
  return [at(rootOf(graph), 'attestation-manifest-mismatch', message)];
}

function originalOf(manifest: AnyManifest): unknown {
  return manifest.form === 'v1' ? manifest.manifest : manifest.original;
}

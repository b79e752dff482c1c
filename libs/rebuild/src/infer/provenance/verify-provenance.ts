import { bundleFromJSON, isBundleWithDsseEnvelope } from '@sigstore/bundle';
import { Verifier, type Signer, type TrustMaterial } from '@sigstore/verify';
import type { GitCommit, NpmTarball } from '@touchstone/contract';
import { signedEntity } from '@touchstone/pki';
import { z } from 'zod';
import { refused, type ProvenanceOutcome, type Verified, type NotVerified } from './outcome.js';
import { attestedSource } from './statement.js';

const IN_TOTO = 'application/vnd.in-toto+json';

/** What a registry answers at `/-/npm/v1/attestations/NAME@VERSION`. */
const Attestations = z.object({
  attestations: z.array(z.object({ predicateType: z.string(), bundle: z.unknown() })).max(64),
});

/**
 * Whether a registry has SLSA provenance of a tarball that verifies, offline. Steps, for each:
 *
 * 1. the statement is of this tarball, by package URL and SHA-512
 * 2. the certificate chains to the root, was logged (RFC 6962) and valid at the time of the log
 *    entry; the entry is in the log and of this envelope; the signature is the certificate's
 *    (Sigstore client specification, 5.3)
 * 3. the certificate was issued to a workflow of the repository and commit that the statement names
 *
 * @param document as the registry answers it
 */
export function verifyProvenance(
  document: unknown,
  artifact: NpmTarball,
  root: TrustMaterial,
): ProvenanceOutcome {
  const parsed = Attestations.safeParse(document);
  if (!parsed.success) return refused('provenance-malformed', 'the registry answers otherwise');
  let first: NotVerified | undefined;
  for (const { predicateType, bundle } of parsed.data.attestations) {
    if (!predicateType.startsWith('https://slsa.dev/provenance/')) continue;
    const outcome = verifyBundle(bundle, artifact, root);
    if (outcome.state === 'verified') return outcome;
    first ??= outcome;
  }
  return first ?? { state: 'absent' };
}

function verifyBundle(
  json: unknown,
  artifact: NpmTarball,
  root: TrustMaterial,
): Verified | NotVerified {
  let bundle: ReturnType<typeof bundleFromJSON>;
  try {
    bundle = bundleFromJSON(json);
  } catch (error) {
    return refused('provenance-malformed', reasonOf(error));
  }
  if (!isBundleWithDsseEnvelope(bundle))
    return refused('provenance-malformed', 'the bundle has no envelope');
  const { payload, payloadType } = bundle.content.dsseEnvelope;
  if (payloadType !== IN_TOTO)
    return refused('provenance-malformed', 'the envelope holds no in-toto statement');
  const source = attestedSource(payload, artifact);
  if ('state' in source) return source;
  let signer: Signer;
  try {
    signer = new Verifier(root).verify(signedEntity(bundle, root));
  } catch (error) {
    return refused('provenance-signature', reasonOf(error));
  }
  return issuedFor(signer, source);
}

/** Extensions of Fulcio's certificates; https://github.com/sigstore/fulcio/blob/main/docs/oid-info.md */
const FULCIO = '1.3.6.1.4.1.57264.1.';
const SOURCE_URI = 12;
const SOURCE_DIGEST = 13;
/** As before 2023, of GitHub alone and without an ASN.1 type. */
const GITHUB_SHA = 3;
const GITHUB_REPOSITORY = 5;

function issuedFor(signer: Signer, source: GitCommit): Verified | NotVerified {
  const { subjectAlternativeName = '', extensions, oids = [] } = signer.identity ?? {};
  const raw = (number: number): Buffer | undefined =>
    oids.find(({ oid }) => oid?.id.join('.') === `${FULCIO}${number}`)?.value;
  const repository = raw(GITHUB_REPOSITORY)?.toString('utf8');
  const url =
    utf8String(raw(SOURCE_URI)) ??
    (repository === undefined ? undefined : `https://github.com/${repository}`);
  const commit = utf8String(raw(SOURCE_DIGEST)) ?? raw(GITHUB_SHA)?.toString('utf8');
  if (url !== source.url.replace(/\.git$/, '') || commit !== source.commit)
    return refused(
      'provenance-signer-mismatch',
      `it is signed for ${url ?? 'no repository'} at ${commit ?? 'no commit'}`,
    );
  const issuer = extensions?.issuer ?? '';
  return { state: 'verified', source, signer: { identity: subjectAlternativeName, issuer } };
}

/** The text of a DER UTF8String with a length of one byte, or of two. */
function utf8String(der: Buffer | undefined): string | undefined {
  if (der?.[0] !== 0x0c) return undefined;
  const start = (der[1] ?? 0) === 0x81 ? 3 : 2;
  return der.length - start === der[start - 1] ? der.toString('utf8', start) : undefined;
}

function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error ? `${String(error.code)}: ` : '';
  return `${code}${error.message}`.slice(0, 300);
}

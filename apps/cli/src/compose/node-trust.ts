import {
  MAX_SEARCH_EVIDENCE_BYTES,
  parseSearchEvidence,
  type ParsedSearchEvidence,
} from '@touchstone/attest';
import {
  COMPOSITION_PREDICATE_TYPE,
  type AskedRevocations,
  type KeylessIdentity,
  type TimedCertificateJudge,
  type VerifyCompositionOptions,
} from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import type { Command } from 'commander';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { rollingSha256, sha256 } from '../native-hash.js';
import { readPublicKey } from '../public-key-file.js';
import {
  addCertificateOptions,
  certificateJudgeOf,
  readTimedTrust,
  type TrustOptions,
} from '../signature-trust.js';

/** Whose signatures in the nodes count, and whose bundles about them. */
export interface NodeTrustOptions extends Omit<TrustOptions, 'publicKey'> {
  signerKey?: string[];
  detached?: string;
  sigstoreRoot?: string;
  identity?: string[];
  attestationRoot?: string[];
  revokerKey?: string[];
  revocation?: string[];
  search?: string;
  revocationsSearched?: boolean;
  complete?: boolean;
}

export function addNodeTrustOptions(command: Command): Command {
  return addCertificateOptions(
    command
      .option('--signer-key <file...>', 'keys (PEM) whose signatures in place count')
      .option('--detached <file>', 'a detached signature of the whole file')
      .option('--sigstore-root <file>', "Sigstore's trusted_root.json: whose bundles are believed")
      .option(
        '--identity <[node=]issuer=subject...>',
        'with --sigstore-root: whose bundles count, for every node or for one',
      )
      .option('--revoker-key <file...>', 'keys (PEM) of who may take a node back')
      .option('--revocation <file...>', 'with --revoker-key: lists of touchstone compose revoke')
      .option(
        '--search <file>',
        'what touchstone search --out kept of a log: of signer:<key id> who may take a node back,' +
          ' of sha512:<hex> or another digest of a publication',
      )
      .option('--complete', 'refuse when a log does not prove that no rebuild was left out')
      .option(
        '--revocations-searched',
        'refuse when no log’s answer is at hand that tells whether a list was withheld',
      )
      .option(
        '--attestation-root <file...>',
        'roots (PEM): the attestation counts when its certificate is an integrator’s',
      ),
  );
}

export async function signaturesOf(
  options: NodeTrustOptions,
): Promise<VerifyCompositionOptions['signatures']> {
  const { signerKey, root, crl, at, detached, attestationRoot } = options;
  const asked = [signerKey, root, detached, ...(attestationRoot ? [] : [crl, at])];
  if (asked.every((each) => each === undefined)) return undefined;
  if (signerKey === undefined && root === undefined) {
    throw new CliError('usage', 'give --signer-key or --root, whose signatures count', EXIT.usage);
  }
  const trust = await readTimedTrust({
    ...(signerKey && { publicKey: signerKey }),
    ...(root && { root }),
    ...(crl && { crl }),
    ...(at !== undefined && { at }),
  });
  const apart = detached === undefined ? {} : { detached: await readBounded(detached) };
  return { ...trust, ...apart, hash: rollingSha256 };
}

/** Judges the certificate of who attested; undefined when no root is named for it. */
export async function attestationJudgeOf({
  attestationRoot,
  crl,
  at,
}: NodeTrustOptions): Promise<TimedCertificateJudge | undefined> {
  if (attestationRoot === undefined) return undefined;
  return certificateJudgeOf(
    { root: attestationRoot, ...(crl && { crl }), ...(at !== undefined && { at }) },
    COMPOSITION_PREDICATE_TYPE,
  );
}

/** Who may take nodes back, and what is at hand of their lists. */
export async function revocationsOf({
  revokerKey,
  revocation = [],
  revocationsSearched: mustBeSearched = false,
}: NodeTrustOptions): Promise<AskedRevocations | undefined> {
  if (revokerKey === undefined) {
    if (revocation.length === 0 && !mustBeSearched) return undefined;
    const message = 'give --revoker-key: whose revocation lists count';
    throw new CliError('usage', message, EXIT.usage);
  }
  const revokers = await Promise.all(revokerKey.map(readPublicKey));
  const files = await Promise.all(revocation.map(readJson));
  return { files, revokers, mustBeSearched, verify: nodeVerifier, at: new Date() };
}

/** What was kept of a log's answers. */
export async function keptSearchOf({
  search,
}: NodeTrustOptions): Promise<ParsedSearchEvidence | undefined> {
  if (search === undefined) return undefined;
  return parseSearchEvidence(await readBounded(search, MAX_SEARCH_EVIDENCE_BYTES), sha256);
}

export type BundleTrust = Omit<NonNullable<VerifyCompositionOptions['bundles']>, 'files'>;

/** Who is believed about bundles; undefined when nobody is named. */
export async function bundleTrustOf({
  sigstoreRoot,
  identity = [],
}: NodeTrustOptions): Promise<BundleTrust | undefined> {
  if (sigstoreRoot === undefined && identity.length === 0) return undefined;
  if (sigstoreRoot === undefined || identity.length === 0) {
    throw new CliError('usage', '--sigstore-root and --identity belong together', EXIT.usage);
  }
  const trustedRoot = await readJson(sigstoreRoot);
  const identities = identity.map(readIdentity);
  // Loaded when it is asked for: it brings libraries that most commands do without.
  const { bundleJudge, PkiError } = await import('@touchstone/pki');
  try {
    return { judge: bundleJudge(trustedRoot), identities };
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    const message = `${sigstoreRoot}: ${cause.message}`;
    throw new CliError(cause.code, message, EXIT.usage, { cause });
  }
}

export async function readBundles(paths: readonly string[]): Promise<unknown[]> {
  return Promise.all(paths.map(readJson));
}

/** A node's path begins with a slash, and an issuer, which is a URL, does not. */
function readIdentity(text: string): KeylessIdentity & { node?: string } {
  const match = /^(?:(\/[^=]*)=)?(https?:\/\/[^=]+)=(.+)$/su.exec(text);
  if (match === null) {
    const message = `${text} is not of the form issuer=subject, or /node=issuer=subject`;
    throw new CliError('usage', message, EXIT.usage);
  }
  const [, node, issuer = '', subject = ''] = match;
  return { issuer, subject, ...(node !== undefined && { node }) };
}

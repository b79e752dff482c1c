import type { KeylessIdentity, VerifyCompositionOptions } from '@touchstone/compose';
import type { Command } from 'commander';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { rollingSha256 } from '../native-hash.js';
import { addCertificateOptions, readTimedTrust, type TrustOptions } from '../signature-trust.js';

/** Whose signatures in the nodes count, and whose bundles about them. */
export interface NodeTrustOptions extends Omit<TrustOptions, 'publicKey'> {
  signerKey?: string[];
  detached?: string;
  sigstoreRoot?: string;
  identity?: string[];
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
      ),
  );
}

export async function signaturesOf(
  options: NodeTrustOptions,
): Promise<VerifyCompositionOptions['signatures']> {
  const { signerKey, root, crl, at, detached } = options;
  if ([signerKey, root, crl, at, detached].every((each) => each === undefined)) return undefined;
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

import type { TimedCertificateJudge } from '@touchstone/compose';
import { nodeVerifier } from '@touchstone/keys';
import type { SignatureTrust } from '@touchstone/wasm';
import type { Command } from 'commander';
import { CliError, EXIT } from './failure.js';
import { readCertificates, readRevocationLists } from './pki/certificate-files.js';
import { readPublicKey } from './public-key-file.js';

export interface TrustOptions {
  publicKey?: string[];
  root?: string[];
  crl?: string[];
  at?: string;
}

export function addTrustOptions(command: Command): Command {
  return addCertificateOptions(
    command.option('--public-key <file...>', 'keys (PEM) of signers whom you trust'),
  );
}

export function addCertificateOptions(command: Command): Command {
  return command
    .option('--root <file...>', 'roots (PEM) of certificates that stand beside signatures')
    .option('--crl <file...>', 'with --root: revocation lists; then one of every issuer')
    .option(
      '--at <time>',
      'with --root: RFC 3339; when it was signed, if nothing that is given proves it',
    );
}

/** Whose signatures count. */
export async function readSignatureTrust(options: TrustOptions): Promise<SignatureTrust> {
  const { certificates, ...trust } = await readTimedTrust(options);
  return {
    ...trust,
    ...(certificates && { certificates: (chain) => certificates(chain, undefined) }),
  };
}

/** As {@link readSignatureTrust}, where the time of a signature may be proven. */
export async function readTimedTrust(
  options: TrustOptions,
): Promise<Omit<SignatureTrust, 'certificates'> & { certificates?: TimedCertificateJudge }> {
  const publicKeys = await Promise.all((options.publicKey ?? []).map(readPublicKey));
  const certificates = await certificatesOf(options);
  return { publicKeys, verify: nodeVerifier, ...(certificates && { certificates }) };
}

async function certificatesOf(options: TrustOptions): Promise<TimedCertificateJudge | undefined> {
  const { root, crl = [], at } = options;
  if (root === undefined) {
    if (crl.length === 0 && at === undefined) return undefined;
    throw new CliError('usage', '--crl and --at go with --root', EXIT.usage);
  }
  return certificateJudgeOf({ ...options, root });
}

/**
 * Judges certificates by the time that was given, else by one that is proven, else by the clock.
 *
 * @param predicateType of a statement, whose role is asked for; any role without it
 */
export async function certificateJudgeOf(
  { root, crl = [], at }: { root: string[]; crl?: string[]; at?: string },
  predicateType?: string,
): Promise<TimedCertificateJudge> {
  const given = at === undefined ? undefined : new Date(at);
  if (given !== undefined && Number.isNaN(given.getTime()))
    throw new CliError('usage', '--at is no time', EXIT.usage);
  // Loaded when it is asked for: it brings a library that most commands do without.
  const { certificateJudge, roleOfStatement, ROLES } = await import('@touchstone/pki');
  const role = predicateType === undefined ? undefined : roleOfStatement(predicateType);
  const roles = predicateType === undefined ? ROLES : role === undefined ? [] : [role];
  const roots = (await Promise.all(root.map(readCertificates))).flat();
  const revocationLists = (await Promise.all(crl.map(readRevocationLists))).flat();
  return (chain, loggedAt) => {
    const time = given ?? loggedAt ?? new Date();
    const judged = certificateJudge({ roots, at: time, roles, revocationLists })(chain);
    const by = given !== undefined ? 'given' : loggedAt !== undefined ? 'log' : 'clock';
    return 'code' in judged ? judged : { ...judged, at: { time, by } };
  };
}

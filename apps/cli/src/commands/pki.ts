import { mkdir, writeFile } from 'node:fs/promises';
import { generateKey, writePrivateKey } from '@touchstone/keys';
import {
  issueAuthority,
  issueCertificate,
  issueRoot,
  PkiError,
  readCertificate,
  ROLES,
  verifyPath,
  type Role,
} from '@touchstone/pki';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import {
  authorityFile,
  createAuthority,
  openAuthority,
  saveIssued,
  saveRevocationList,
} from '../pki/authority-folder.js';
import {
  certificatesPem,
  readCertificates,
  readRevocationLists,
} from '../pki/certificate-files.js';
import { countOf, isRoot, lifeOf, newCertificate, record, told } from '../pki/new-certificate.js';
import { registerVerifyEnvelope } from './pki-envelope.js';
import { readPublicKey } from '../public-key-file.js';

interface Common {
  json?: boolean;
}

interface Naming extends Common {
  name: string;
  organisation?: string;
  days: string;
}

interface InitOptions extends Naming {
  below?: string;
  role?: Role[];
  pathLength?: string;
}

interface IssueOptions extends Naming {
  role: Role;
  out: string;
  publicKey?: string;
  newKey?: string;
}

interface RevokeOptions extends Common {
  certificate: string;
  compromised?: boolean;
  days: string;
}

interface VerifyOptions extends Common {
  root: string[];
  role: Role[];
  at?: string;
  crl?: string[];
}

export function registerPki(program: Command, context: Context): void {
  const pki = program
    .command('pki')
    .description('certificates of a private PKI: owners, integrators, rebuilders, devices')
    .addHelpText('after', '\nExample:\n  touchstone pki init root --name "Plant root"');
  const named = (command: Command, days: string): Command =>
    command
      .requiredOption('--name <text>', 'common name')
      .option('--organisation <text>', 'organisation')
      .option('--days <count>', 'valid for so many days', days)
      .option('--json', 'print JSON');
  named(pki.command('init').argument('<folder>', 'a new folder'), '3650')
    .description('make a root, or an authority below another, with its key in the folder')
    .option('--below <folder>', 'the authority that issues; without it this is a root')
    .addOption(new Option('--role <role...>', 'issue these roles alone').choices(ROLES))
    .option('--path-length <count>', 'how many authorities may stand below')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone pki init root --name "Plant root"' +
        '\n  touchstone pki init devices --below root --role device --path-length 0 --name Devices',
    )
    .action((folder: string, options: InitOptions) => usable(init(folder, options, context)));
  named(pki.command('issue').argument('<folder>', 'an authority'), '365')
    .description('issue a certificate in a role; the chain is written as PEM')
    .addOption(
      new Option('--role <role>', 'what the key signs for').choices(ROLES).makeOptionMandatory(),
    )
    .option('--public-key <file>', 'PEM of a P-256 key, such as that of a chip')
    .option('--new-key <file>', 'make a key in this file of mode 0600')
    .requiredOption('-o, --out <file>', 'write the chain here, without the root')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone pki issue root --role owner --name Vendor --new-key vendor.key -o vendor.pem',
    )
    .action((folder: string, options: IssueOptions) => usable(issue(folder, options, context)));
  registerChecks(pki, context);
  registerVerifyEnvelope(pki, context);
}

function registerChecks(pki: Command, context: Context): void {
  pki
    .command('revoke')
    .argument('<folder>', 'the authority that issued')
    .description('revoke a certificate and write the revocation list anew')
    .requiredOption('--certificate <file>', 'PEM; the first certificate in it')
    .option('--compromised', 'the key is known to others: nothing it signed counts, whenever')
    .option('--days <count>', 'the list is good for so many days', '30')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone pki revoke root --certificate vendor.pem')
    .action((folder: string, options: RevokeOptions) => usable(revoke(folder, options, context)));
  pki
    .command('crl')
    .argument('<folder>', 'an authority')
    .description('write the revocation list anew, before the last one lapses')
    .option('--days <count>', 'the list is good for so many days', '30')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone pki crl root --days 90')
    .action((folder: string, options: RevokeOptions) => usable(renew(folder, options, context)));
  pki
    .command('verify')
    .argument('<chain>', "PEM: the signer's certificate, then those above it")
    .description('validate a path to a root (RFC 5280) at the time of a signature')
    .requiredOption('--root <file...>', 'PEM of roots that you trust')
    .addOption(
      new Option('--role <role...>', 'roles of which it must have one')
        .choices(ROLES)
        .default(ROLES, 'any'),
    )
    .option('--at <time>', 'RFC 3339; when it signed, as the log proves it (default: now)')
    .option('--crl <file...>', 'revocation lists; then one of every issuer must be there')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 it holds, 1 it does not, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone pki verify vendor.pem --root root/ca.pem --role owner --at 2026-11-29T08:00:00Z',
    )
    .action((chain: string, options: VerifyOptions) => usable(verify(chain, options, context)));
}

async function init(folder: string, options: InitOptions, { terminal }: Context): Promise<void> {
  const { below, role: roles, pathLength } = options;
  const above = below === undefined ? undefined : await openAuthority(below);
  await mkdir(folder, { recursive: true });
  const key = generateKey('ecdsa-p256-sha256');
  await writePrivateKey(authorityFile(folder, 'key'), key);
  const certificate = newCertificate(options, key.publicKey.spki);
  const constraints = {
    ...(roles && { roles }),
    ...(pathLength !== undefined && { pathLength: countOf(pathLength, '--path-length') }),
  };
  if (above !== undefined && below !== undefined) {
    await record(below, above.issued, certificate, 'authority');
  }
  const der =
    above === undefined
      ? await issueRoot(key.toPem(), certificate, constraints)
      : await issueAuthority(above.authority, certificate, constraints);
  await createAuthority(folder, [der, ...(above?.chain ?? [])]);
  const made = { folder, certificate: authorityFile(folder, 'chain'), ...told(der) };
  if (options.json === true) terminal.json(made);
  else terminal.print(`${folder}: ${made.subject}, key in ${authorityFile(folder, 'key')}`);
}

async function issue(folder: string, options: IssueOptions, { terminal }: Context): Promise<void> {
  const { publicKey, newKey, role, out } = options;
  if ((publicKey === undefined) === (newKey === undefined)) {
    throw new CliError('usage', 'give --public-key or --new-key', EXIT.usage);
  }
  const { authority, chain, issued } = await openAuthority(folder);
  const spki = newKey === undefined ? await spkiOf(publicKey ?? '') : await makeKey(newKey);
  const certificate = newCertificate(options, spki);
  await record(folder, issued, certificate, role);
  const der = await issueCertificate(authority, certificate, role);
  // A root comes to verifiers on a way of its own, and not with what it is to vouch for.
  const between = chain.filter((each) => !isRoot(each));
  await writeFile(out, certificatesPem([der, ...between]));
  if (options.json === true) terminal.json({ file: out, role, ...told(der) });
  else terminal.print(`${out}: ${told(der).subject} as ${role}`);
}

async function revoke(
  folder: string,
  options: RevokeOptions,
  { terminal }: Context,
): Promise<void> {
  const { authority, issued } = await openAuthority(folder);
  const [der] = await readCertificates(options.certificate);
  const { serial, subjectText } = readCertificate(der ?? new Uint8Array());
  const entry = issued.certificates.find((each) => each.serial === serial);
  if (entry === undefined) {
    throw new CliError('certificate-unknown', `${folder} did not issue ${serial}`, EXIT.absent);
  }
  const now = new Date();
  const at = entry.revoked?.at ?? now.toISOString();
  entry.revoked = {
    at,
    compromised: options.compromised === true || entry.revoked?.compromised === true,
  };
  await saveIssued(folder, issued);
  await saveRevocationList(folder, authority, issued, lifeOf(now, options.days));
  const file = authorityFile(folder, 'crl');
  if (options.json === true)
    terminal.json({ file, serial, subject: subjectText, ...entry.revoked });
  else terminal.print(`${file}: ${subjectText} is revoked since ${at}`);
}

async function renew(folder: string, options: RevokeOptions, { terminal }: Context): Promise<void> {
  const { authority, issued } = await openAuthority(folder);
  const life = lifeOf(new Date(), options.days);
  await saveRevocationList(folder, authority, issued, life);
  const file = authorityFile(folder, 'crl');
  if (options.json === true) terminal.json({ file, nextUpdate: life.until.toISOString() });
  else terminal.print(`${file}: good until ${life.until.toISOString()}`);
}

async function verify(chain: string, options: VerifyOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const certificates = await readCertificates(chain);
  const roots = (await Promise.all(options.root.map(readCertificates))).flat();
  const revocationLists = (await Promise.all((options.crl ?? []).map(readRevocationLists))).flat();
  const at = options.at === undefined ? new Date() : new Date(options.at);
  if (Number.isNaN(at.getTime())) throw new CliError('usage', '--at is no time', EXIT.usage);
  try {
    const path = verifyPath(certificates, { roots, at, roles: options.role, revocationLists });
    const { identity, role, serial } = path;
    if (options.json === true) terminal.json({ valid: true, identity, role, serial });
    else terminal.print(`${identity} is ${role}, certificate ${serial}`);
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    context.exitCode = EXIT.refuted;
    const { code, message } = error;
    if (options.json === true) terminal.json({ valid: false, error: { code, message } });
    else terminal.print(`${code}: ${message}`);
  }
}

async function spkiOf(file: string): Promise<Uint8Array> {
  const { algorithm, spki } = await readPublicKey(file);
  if (algorithm === 'ecdsa-p256-sha256') return spki;
  throw new CliError('certificate-curve', `${file} is not of P-256`, EXIT.usage);
}

async function makeKey(file: string): Promise<Uint8Array> {
  const key = generateKey('ecdsa-p256-sha256');
  await writePrivateKey(file, key);
  return key.publicKey.spki;
}

/** A certificate that cannot be read or issued is none to work with. */
async function usable(work: Promise<void>): Promise<void> {
  try {
    await work;
  } catch (error) {
    if (!(error instanceof PkiError)) throw error;
    throw new CliError(error.code, error.message, EXIT.usage, { cause: error });
  }
}

import {
  isCose,
  parseStatement,
  soleSigner,
  verifyCose,
  verifyEnvelope,
  type Statement,
} from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import type { PublicKey } from '@touchstone/note';
import { PkiError, roleOfStatement, ROLES, verifyPath } from '@touchstone/pki';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded, readJson } from '../input.js';
import { readCertificates, readRevocationLists } from '../pki/certificate-files.js';

interface Options {
  certificate: string;
  root: string[];
  at?: string;
  crl?: string[];
  json?: boolean;
}

export function registerVerifyEnvelope(pki: Command, context: Context): void {
  pki
    .command('verify-envelope')
    .argument('<file>', 'an in-toto statement in DSSE or COSE')
    .description('check a statement by the certificate of who signed it, in the role that it takes')
    .requiredOption('--certificate <file>', "PEM: the signer's certificate, then those above it")
    .requiredOption('--root <file...>', 'PEM of roots that you trust')
    .option('--at <time>', 'RFC 3339; when it signed, as the log proves it (default: now)')
    .option('--crl <file...>', 'revocation lists; then one of every issuer must be there')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nOwners revoke, integrators attest compositions, rebuilders rebuilds, devices acknowledge.' +
        '\n\nExit codes: 0 it holds, 1 it does not, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone pki verify-envelope app.dsse.json --certificate integrator.pem --root root/ca.pem',
    )
    .action((file: string, options: Options) => verify(file, options, context));
}

async function verify(file: string, options: Options, { terminal }: Context): Promise<void> {
  const chain = await readCertificates(options.certificate);
  const roots = (await Promise.all(options.root.map(readCertificates))).flat();
  const revocationLists = (await Promise.all((options.crl ?? []).map(readRevocationLists))).flat();
  const at = options.at === undefined ? new Date() : new Date(options.at);
  if (Number.isNaN(at.getTime())) throw new CliError('usage', '--at is no time', EXIT.usage);
  const { identity, role, publicKey } = judged(() =>
    verifyPath(chain, { roots, at, roles: ROLES, revocationLists }),
  );
  const { predicateType, subject } = await openBy(publicKey, file);
  const wanted = roleOfStatement(predicateType);
  if (role !== wanted) {
    const message = `${identity} is ${role}; a statement of ${predicateType} is for ${wanted ?? 'no role'}`;
    throw new CliError('certificate-role', message, EXIT.refuted);
  }
  if (options.json === true) {
    terminal.json({ file, valid: true, identity, role, predicateType, subject });
  } else terminal.print(`${file}: ${predicateType}, signed by ${identity} as ${role}`);
}

function judged<T>(judge: () => T): T {
  try {
    return judge();
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new CliError(cause.code, cause.message, EXIT.refuted, { cause });
  }
}

async function openBy(key: PublicKey, file: string): Promise<Statement> {
  const bytes = await readBounded(file);
  if (isCose(bytes))
    return (await verifyCose(new Uint8Array(bytes), [key], nodeVerifier)).statement;
  const verified = await verifyEnvelope(await readJson(file), [key], nodeVerifier);
  soleSigner(verified);
  return parseStatement(verified.payload);
}

import { randomBytes } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { readPrivateKey } from '@touchstone/keys';
import {
  readBinary,
  signBinary,
  signDetached,
  verifySignatures,
  walkNodes,
  WasmError,
  type SignatureFinding,
  type SignatureProfile,
  type SignatureReport,
  type SignOptions,
} from '@touchstone/wasm';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';
import { readCertificates } from '../pki/certificate-files.js';
import { rollingSha256 } from '../native-hash.js';
import { signatureLines, signatureView } from '../signature-view.js';
import { addTrustOptions, readSignatureTrust, type TrustOptions } from '../signature-trust.js';

const MAX_SIGNATURE_BYTES = 8 * 1024 * 1024;

interface ReadingOptions extends TrustOptions {
  detached?: string;
  json?: boolean;
}

interface VerifyingOptions extends ReadingOptions {
  profile: SignatureProfile;
}

interface SigningOptions {
  key: string;
  out: string;
  detached?: boolean;
  addTo?: string;
  certificate?: string;
  profile: SignatureProfile;
  json?: boolean;
}

const profileOption = (): Option =>
  new Option('--profile <name>', 'strict: the preamble and every byte; wasmsign2: all sections')
    .choices(['strict', 'wasmsign2'])
    .default('strict');

export function registerWasmSignatures(wasm: Command, context: Context): void {
  const signatures = wasm
    .command('signatures')
    .argument('<file>', 'a module or component')
    .description('list the signatures at every level: who signed which bytes')
    .option('--detached <file>', 'a detached signature of the whole file')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone wasm signatures app.wasm --public-key owner.pem integrator.pem',
    )
    .action((file: string, options: ReadingOptions) => list(file, options, context));
  const verify = wasm
    .command('verify-signature')
    .argument('<file>', 'a module or component')
    .description('check that somebody trusted signed the whole file, and nothing signed is altered')
    .option('--detached <file>', 'a detached signature of the whole file')
    .addOption(profileOption())
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nWhat is nested in the file is listed by touchstone wasm signatures, and held to roles by' +
        '\ntouchstone compose verify.' +
        '\n\nExit codes: 0 it is signed, 1 it is not, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone wasm verify-signature app.wasm --public-key integrator.pem',
    )
    .action((file: string, options: VerifyingOptions) => verifyFile(file, options, context));
  for (const command of [signatures, verify]) addTrustOptions(command);
  wasm
    .command('sign')
    .argument('<file>', 'a module or component')
    .description('sign a module or component; signatures that are in it stay good')
    .requiredOption('--key <file>', 'private key, Ed25519 or P-256 (touchstone keygen)')
    .requiredOption('-o, --out <file>', 'write the signed file, or the detached signature, here')
    .option('--detached', 'write the signature apart from the file')
    .option('--add-to <file>', 'with --detached: a detached signature that others made before')
    .option('--certificate <file>', 'chain (PEM) of the key, written beside the signature')
    .addOption(profileOption())
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone wasm sign app.wasm --key owner.key -o app.signed.wasm' +
        '\n  touchstone wasm sign app.wasm --key owner.key --detached -o app.wasm.sig',
    )
    .action((file: string, options: SigningOptions) => sign(file, options, context));
}

interface Result {
  signatures: SignatureReport[];
  findings: SignatureFinding[];
}

async function list(file: string, options: ReadingOptions, context: Context): Promise<void> {
  const { terminal } = context;
  const bytes = await readBounded(file);
  const detached = await readDetached(options.detached);
  const trust = await readSignatureTrust(options);
  const found = await refusing(file, EXIT.refuted, async () => {
    const results: Result[] = [];
    for (const node of walkNodes(readBinary(bytes))) {
      const apart = node.path === '/' && detached !== undefined ? { detached } : {};
      results.push(
        await verifySignatures(bytes, node, { ...trust, ...apart, hash: rollingSha256() }),
      );
    }
    return results;
  });
  const signatures = found.flatMap((each) => each.signatures);
  // A node that nobody signed is no news here; what is wrong with a signature is.
  const findings = found.flatMap((each) => (each.signatures.length > 0 ? each.findings : []));
  if (options.json === true) {
    terminal.json({ file, signatures: signatures.map(signatureView), findings });
    return;
  }
  if (signatures.length === 0) terminal.print('nobody signed anything in this file');
  for (const line of signatureLines(signatures, findings)) terminal.print(line);
}

async function verifyFile(
  file: string,
  options: VerifyingOptions,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const bytes = await readBounded(file);
  const detached = await readDetached(options.detached);
  const trust = await readSignatureTrust(options);
  const { signatures, findings } = await refusing(file, EXIT.refuted, () =>
    verifySignatures(bytes, readBinary(bytes), {
      ...trust,
      ...(detached && { detached }),
      ...{ profile: options.profile, hash: rollingSha256() },
    }),
  );
  const ok = findings.length === 0;
  if (!ok) context.exitCode = EXIT.refuted;
  if (options.json === true) {
    terminal.json({ file, ok, signatures: signatures.map(signatureView), findings });
    return;
  }
  for (const line of signatureLines(signatures, findings)) terminal.print(line);
  terminal.print(ok ? 'the file is signed' : 'the file is not signed as it must be');
}

async function sign(file: string, options: SigningOptions, { terminal }: Context): Promise<void> {
  if (options.addTo !== undefined && options.detached !== true) {
    throw new CliError('usage', '--add-to goes with --detached', EXIT.usage);
  }
  const bytes = await readBounded(file);
  const signer = await readPrivateKey(options.key);
  const certificates =
    options.certificate === undefined ? undefined : await readCertificates(options.certificate);
  const how: SignOptions = {
    ...{ signer, profile: options.profile, hash: rollingSha256 },
    ...(certificates && { certificates }),
  };
  const previous = await readDetached(options.addTo);
  const written = await refusing(file, EXIT.usage, () =>
    options.detached === true
      ? signDetached(bytes, how, previous)
      : signBinary(bytes, randomBytes(16), how),
  );
  await writeFile(options.out, written);
  const made = { file: options.out, size: written.length, profile: options.profile };
  if (options.json === true) terminal.json({ ...made, detached: options.detached === true });
  else terminal.print(`${options.out}: ${options.detached === true ? 'signature of ' : ''}${file}`);
}

async function readDetached(path: string | undefined): Promise<Uint8Array | undefined> {
  return path === undefined ? undefined : readBounded(path, MAX_SIGNATURE_BYTES);
}

async function refusing<T>(
  file: string,
  exit: (typeof EXIT)['refuted' | 'usage'],
  work: () => Promise<T>,
): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    throw new CliError(error.code, `${file}: ${error.message}`, exit, { cause: error });
  }
}

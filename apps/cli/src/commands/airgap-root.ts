import { writeFile } from 'node:fs/promises';
import {
  advanceTrustRoot,
  AttestError,
  cosignTrustRoot,
  parseEnvelope,
  parseJson,
  parseTrustRoot,
  signTrustRoot,
  type DsseEnvelope,
  type TrustRoot,
} from '@touchstone/attest';
import { nodeVerifier, readPrivateKey } from '@touchstone/keys';
import { fromBase64, keyId, toBase64, type Signer } from '@touchstone/note';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readJson, readTrustRoot } from '../input.js';

interface Options {
  key: string[];
  out: string;
  follows: string;
  json?: boolean;
}

/** `touchstone airgap sign-root`: the trust root that sites shall go by next. */
export function registerSignRoot(airgap: Command, context: Context): void {
  airgap
    .command('sign-root')
    .argument('<next>', 'the next trust root, or a file that others signed with this command')
    .description('sign the trust root that follows the one which sites have')
    .requiredOption('--follows <file>', 'the trust root before it; its signers must sign')
    .requiredOption('--key <file...>', 'private keys of signers')
    .requiredOption('-o, --out <file>', 'such as roots/root-2.json, for export --root-chain roots')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nIts version is one more. A threshold of the signers of the one before and of its own must sign,' +
        '\nhere or one after the other; what is missing is said, and the file can be handed on.' +
        '\n\nExit codes: 0 it follows, 1 it does not or signatures are missing, 2 usage, 3 not found.' +
        '\n\nExample:\n  touchstone airgap sign-root next.json --follows trust-root.json --key signer.pem -o roots/root-2.json',
    )
    .action((next: string, options: Options) => signRoot(next, options, context));
}

async function signRoot(file: string, options: Options, context: Context): Promise<void> {
  const current = await readTrustRoot(options.follows);
  const document = await readJson(file);
  const signed = isEnvelope(document) ? parseEnvelope(document) : undefined;
  const next = parseTrustRoot(
    signed === undefined ? document : parseJson(fromBase64(signed.payload), MAX_ROOT_BYTES),
  );
  refuseWhatCannotFollow(current, next);
  let envelope = signed;
  for (const key of await Promise.all(options.key.map(readPrivateKey))) {
    refuseStranger(key, [current, next]);
    envelope =
      envelope === undefined
        ? await signTrustRoot(next, key)
        : await cosignTrustRoot(envelope, key);
  }
  if (envelope === undefined) throw new CliError('usage', 'give --key', EXIT.usage);
  const lacking = await missingOf(current, envelope);
  await writeFile(options.out, `${JSON.stringify(envelope)}\n`);
  if (lacking !== undefined) context.exitCode = EXIT.refuted;
  const signatures = envelope.signatures.map(({ keyid }) => keyid);
  const follows = lacking === undefined;
  if (options.json === true) {
    context.terminal.json({ file: options.out, signatures, follows, ...(!follows && { lacking }) });
    return;
  }
  const standing = follows ? `follows version ${current.version}` : `not yet enough: ${lacking}`;
  context.terminal.print(`${options.out}: ${signatures.length} signatures, ${standing}`);
}

const MAX_ROOT_BYTES = 1_048_576;

/** What no further signature would mend. */
function refuseWhatCannotFollow(current: TrustRoot, next: TrustRoot): void {
  const why =
    next.version !== current.version + 1
      ? `version ${next.version} does not follow version ${current.version}; make it ${current.version + 1}`
      : [current, next].some(({ signers }) => signers === undefined)
        ? 'both trust roots must name `signers`: {threshold, keys}; without them a root is handed on by hand'
        : undefined;
  if (why !== undefined) throw new CliError('trust-root-chain', why, EXIT.usage);
}

function refuseStranger(key: Signer, roots: readonly TrustRoot[]): void {
  const spki = toBase64(key.publicKey.spki);
  if (roots.some(({ signers }) => signers?.keys.some((known) => known.spki === spki) === true)) {
    return;
  }
  const text = `neither trust root names the key ${keyId(key.publicKey)} among its signers`;
  throw new CliError('signer-unknown', text, EXIT.usage);
}

/** Which signatures are missing; undefined when the envelope follows. */
async function missingOf(current: TrustRoot, envelope: DsseEnvelope): Promise<string | undefined> {
  try {
    await advanceTrustRoot(current, envelope, nodeVerifier);
    return undefined;
  } catch (error) {
    if (error instanceof AttestError && SIGNATURES.has(error.code)) return error.message;
    throw error;
  }
}

const SIGNATURES: ReadonlySet<string> = new Set(['trust-root-chain', 'signer-unknown']);

function isEnvelope(document: unknown): boolean {
  return typeof document === 'object' && document !== null && 'payloadType' in document;
}

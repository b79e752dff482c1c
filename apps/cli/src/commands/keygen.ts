import { mkdir, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { generateKey, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import {
  formatVerifierKey,
  keyId,
  toBase64,
  verifierKey,
  type SignatureAlgorithm,
} from '@touchstone/note';
import { Option, type Command } from 'commander';
import type { Context } from '../context.js';

interface Options {
  out: string;
  algorithm: SignatureAlgorithm;
  name?: string;
  publicOut?: string;
  json?: boolean;
}

export function registerKeygen(program: Command, context: Context): void {
  program
    .command('keygen')
    .description('make a private key in a file of mode 0600 and print its public half')
    .requiredOption('--out <file>', 'file for the private key; refused when it exists')
    .addOption(
      new Option('--algorithm <name>', 'signature algorithm')
        .choices(['ed25519', 'ecdsa-p256-sha256'])
        .default('ed25519'),
    )
    .option('--public-out <file>', 'also write the public half there, as PEM')
    .option('--name <origin>', 'also print the C2SP verifier key of a log under this name')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExamples:\n  touchstone keygen --out keys/rebuilder.pem --json' +
        '\n  touchstone keygen --out owner.key --public-out owner.pem',
    )
    .action((options: Options) => keygen(options, context));
}

async function keygen(options: Options, { terminal }: Context): Promise<void> {
  const key = generateKey(options.algorithm);
  await mkdir(dirname(options.out), { recursive: true, mode: 0o700 });
  await writePrivateKey(options.out, key);
  const { publicKey } = key;
  const pem = publicKeyToPem(publicKey);
  if (options.publicOut !== undefined) await writeFile(options.publicOut, pem);
  const result = {
    file: options.out,
    algorithm: publicKey.algorithm,
    keyId: keyId(publicKey),
    spki: toBase64(publicKey.spki),
    ...(options.name === undefined
      ? {}
      : { verifierKey: formatVerifierKey(verifierKey(options.name, publicKey)) }),
  };
  if (options.json === true) {
    terminal.json(result);
    return;
  }
  terminal.print(`private key   ${result.file} (keep it; it is nowhere else)`);
  terminal.print(`key id        ${result.keyId}`);
  if (result.verifierKey !== undefined) terminal.print(`verifier key  ${result.verifierKey}`);
  terminal.print(pem.trimEnd());
}

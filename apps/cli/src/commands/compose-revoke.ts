import { writeFile } from 'node:fs/promises';
import { signEnvelope, soleSigner, verifyEnvelope } from '@touchstone/attest';
import { parseRevocationList, revocationStatement } from '@touchstone/compose';
import { nodeVerifier, readPrivateKey } from '@touchstone/keys';
import type { Signer } from '@touchstone/note';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readJson } from '../input.js';
import { countOf } from '../pki/new-certificate.js';

const DAY_MS = 86_400_000;

interface Options {
  key: string;
  out: string;
  after?: string;
  reason?: string;
  days: string;
  json?: boolean;
}

type Revoked = ReturnType<typeof parseRevocationList>['revoked'][number];

export function registerRevoke(compose: Command, context: Context): void {
  compose
    .command('revoke')
    .argument('[digest...]', 'sha256:<hex> of modules, components or files')
    .description('sign a list of what you take back; without a digest, that of before anew')
    .requiredOption('--key <file>', 'your private key')
    .requiredOption('-o, --out <file>', 'write the list here: an in-toto statement in DSSE')
    .option('--after <file>', 'your list of before, whose entries stay')
    .option('--reason <text>', 'why, for people')
    .option('--days <count>', 'the list is good for so many days', '30')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nIt is logged by touchstone log add --envelope, and found there by each digest in it.' +
        '\n\nExample:\n  touchstone compose revoke sha256:9f86d0...0a08 --key owner.key --reason CVE-2026-1 -o revoked.dsse.json',
    )
    .action((digests: string[], options: Options) => revoke(digests, options, context));
}

async function revoke(
  digests: readonly string[],
  options: Options,
  { terminal }: Context,
): Promise<void> {
  const signer = await readPrivateKey(options.key);
  const before = options.after === undefined ? [] : await listedIn(options.after, signer);
  const revoked = new Map(before.map((entry) => [entry.digest.sha256, entry]));
  for (const digest of digests.map(hexOf)) {
    const why = options.reason === undefined ? {} : { reason: options.reason };
    revoked.set(digest, { digest: { sha256: digest }, ...why });
  }
  const issuedOn = new Date();
  const nextUpdate = new Date(issuedOn.getTime() + countOf(options.days, '--days') * DAY_MS);
  const list = { issuedOn, nextUpdate, revoked: [...revoked.values()] };
  const envelope = await signEnvelope(revocationStatement(list), signer);
  await writeFile(options.out, `${JSON.stringify(envelope)}\n`);
  const until = nextUpdate.toISOString();
  if (options.json === true) {
    terminal.json({ file: options.out, revoked: [...revoked.keys()].sort(), nextUpdate: until });
  } else terminal.print(`${options.out}: ${revoked.size} revoked, in force until ${until}`);
}

/** The entries of one's own list. */
async function listedIn(path: string, { publicKey }: Signer): Promise<readonly Revoked[]> {
  const verified = await verifyEnvelope(await readJson(path), [publicKey], nodeVerifier);
  soleSigner(verified);
  return parseRevocationList(verified.payload).revoked;
}

function hexOf(text: string): string {
  const [, hex] = /^sha256:([0-9a-f]{64})$/u.exec(text) ?? [];
  if (hex !== undefined) return hex;
  throw new CliError('digest-malformed', `${text} is not sha256: and 64 hex digits`, EXIT.usage);
}

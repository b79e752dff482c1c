import { resolve } from 'node:path';
import { nodeVerifier, readPrivateKey } from '@touchstone/keys';
import {
  cosignerKey,
  formatCosignerKey,
  parseVerifierKey,
  type VerifierKey,
} from '@touchstone/note';
import {
  lockFolder,
  PosixWitnessStorage,
  Witness,
  type Lock,
  type WitnessAnswer,
} from '@touchstone/tlog';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import type { Terminal } from '../terminal.js';
import { startWitnessServer } from '../witness/witness-server.js';

interface Options {
  listen: string;
  key: string;
  name: string;
  state: string;
  log?: string[];
  showKey?: boolean;
  json?: boolean;
}

export function registerWitness(program: Command, context: Context): void {
  program
    .command('witness')
    .description('cosign the checkpoints of logs that only ever grow (C2SP tlog-witness)')
    .requiredOption('--name <name>', 'name to cosign under, such as witness.example/w1')
    .requiredOption('--key <file>', 'Ed25519 private key of this witness and nothing else')
    .option('--log <vkey...>', 'verifier key of a log to follow; its name is the origin')
    .option('--state <dir>', 'folder with the last checkpoint cosigned of each log', 'witness')
    .option('--listen <host:port>', 'address to serve', '127.0.0.1:7402')
    .option('--show-key', 'print the verifier key of the witness and end')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExample:\n  touchstone witness --name witness.example/w1 --key w1.pem --state w1 \\\n' +
        '    --log example.org/log+4e20dd4b+AbN...=',
    )
    .action((options: Options) => witness(options, context));
}

async function witness(options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const signer = await readPrivateKey(options.key);
  const verifierKey = formatCosignerKey(cosignerKey(options.name, signer.publicKey));
  if (options.showKey === true) {
    if (options.json === true) terminal.json({ verifierKey });
    else terminal.print(verifierKey);
    return;
  }
  const logs = (options.log ?? []).map(readLogKey);
  if (logs.length === 0) {
    throw new CliError('key-missing', 'give --log with the key of a log to follow', EXIT.usage);
  }
  const address = readAddress(options.listen);
  const dir = resolve(options.state);
  const lock = await lockFolder(dir);
  try {
    const opened = await Witness.open({
      name: options.name,
      signer,
      logs,
      storage: new PosixWitnessStorage(dir),
      verify: nodeVerifier,
      clock: () => Math.floor(Date.now() / 1000),
    });
    await serve(opened, { ...address, verifierKey, json: options.json === true, lock }, context);
  } finally {
    await lock.release();
  }
}

interface Serving {
  readonly host: string;
  readonly port: number;
  readonly verifierKey: string;
  readonly json: boolean;
  readonly lock: Lock;
}

async function serve(opened: Witness, options: Serving, context: Context): Promise<void> {
  const { terminal, stop } = context;
  const { host, port, verifierKey, json } = options;
  const account = new Account(terminal);
  const server = await startWitnessServer(opened, {
    host,
    port,
    observe: (answer) => {
      account.tell(answer);
    },
  });
  const { origins } = opened;
  if (json) terminal.json({ url: server.url, verifierKey, logs: origins });
  else {
    terminal.print(`listening     ${server.url}`);
    terminal.print(`verifier key  ${verifierKey}`);
    for (const origin of origins) terminal.print(`log           ${origin}`);
  }
  await new Promise<void>((done) => {
    if (stop.aborted) done();
    else stop.addEventListener('abort', () => done(), { once: true });
  });
  terminal.note('stopping');
  await server.close();
}

/** How long the same thing about the same log is not told again. */
const QUIET_MS = 60_000;

/**
 * Tells what happens, each thing once a minute: anyone can send the public checkpoints of a log
 * again and again, and must not fill the operator's disk with it.
 */
class Account {
  readonly #terminal: Terminal;
  readonly #told = new Map<string, number>();

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
  }

  tell(answer: WitnessAnswer | { readonly failure: unknown }): void {
    if ('failure' in answer) {
      const { failure } = answer;
      this.#once('failed', `: ${failure instanceof Error ? failure.message : String(failure)}`);
      return;
    }
    const { outcome, origin, body } = answer;
    // Only logs that are followed get this far, so there is a bound to what is remembered.
    if (origin === undefined || outcome === 'unknown-log' || outcome === 'bad-signature') return;
    const detail = outcome === 'cosigned' ? '' : `: ${body.trim()}`;
    this.#once(`${outcome} ${origin}`, detail);
  }

  #once(what: string, detail: string): void {
    const now = performance.now();
    if (now - (this.#told.get(what) ?? -Infinity) < QUIET_MS) return;
    this.#told.set(what, now);
    this.#terminal.note(what + detail);
  }
}

export function readLogKey(vkey: string): VerifierKey {
  try {
    return parseVerifierKey(vkey);
  } catch (cause) {
    throw new CliError('key-malformed', `${vkey} is no verifier key of a log`, EXIT.usage, {
      cause,
    });
  }
}

function readAddress(text: string): { host: string; port: number } {
  const [, host = '', digits = ''] = /^(.+):([0-9]{1,5})$/.exec(text) ?? [];
  const port = Number(digits);
  if (host === '' || port > 65_535) {
    throw new CliError('address-malformed', `${text} is not host:port`, EXIT.usage);
  }
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port };
}

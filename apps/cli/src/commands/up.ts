import { join, resolve } from 'node:path';
import { InvalidArgumentError, type Command } from 'commander';
import type { Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { readTrustRoot } from '../input.js';
import type { LocalRebuilder } from '../stack/network.js';

interface Options {
  data: string;
  rebuilders: number;
  quorum: number;
  coordinatorPort: number;
  logPort: number;
  origin?: string;
  logToken?: boolean;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

/** A bare host name: sigstore's clients compare it with that of a URL. Stands for this machine. */
const DEFAULT_ORIGIN = 'touchstone.localhost';

export function registerUp(program: Command, context: Context): void {
  program
    .command('up')
    .description('run a whole network in one folder: PostgreSQL, log, coordinator, rebuilders')
    .option('--data <dir>', 'data folder', '.touchstone')
    .option('--rebuilders <n>', 'local rebuilders to run', count, 3)
    .option('--quorum <k>', 'organisations that must agree', count, 2)
    .option('--coordinator-port <port>', 'port of the coordinator', count, 7400)
    .option('--log-port <port>', 'port of the log', count, 7401)
    .option(
      '--origin <name>',
      `origin of the log, the name it signs under (${DEFAULT_ORIGIN}, or that of the folder)`,
    )
    .option('--log-token', 'the log asks writers for the token in keys/log-write.token')
    .option('--allow-private-registries', 'rebuilders may fetch from addresses of this network')
    .option('--json', 'print the addresses as JSON once everything runs')
    .addHelpText(
      'after',
      '\nAll of it listens on 127.0.0.1 alone. Without --log-token every process of this machine may' +
        '\nwrite signed entries to the log, which is what cosign does: it sends no token.' +
        '\n\nExample:\n  touchstone up --data .touchstone --rebuilders 3 --quorum 2',
    )
    .action((options: Options) => up(options, context));
}

function count(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1 || value > 65_535) {
    throw new InvalidArgumentError('must be a whole number from 1');
  }
  return value;
}

async function up(options: Options, { terminal, stop }: Context): Promise<void> {
  if (options.quorum > options.rebuilders) {
    throw new CliError('quorum-unreachable', '--quorum is larger than --rebuilders', EXIT.usage);
  }
  const rebuilders: LocalRebuilder[] = Array.from({ length: options.rebuilders }, (_, index) => ({
    id: `local-${index + 1}`,
    organisation: `local-${index + 1}`,
    // Signs digests, so cosign verifies the statements too.
    algorithm: 'ecdsa-p256-sha256',
  }));
  const dir = resolve(options.data);
  // Loaded here: the database client takes longer to load than most commands take to run.
  const { startNetwork } = await import('../stack/network.js');
  const network = await startNetwork({
    dir,
    cacheDir: join(dir, 'cache'),
    origin: options.origin ?? (await keptOrigin(dir)) ?? DEFAULT_ORIGIN,
    quorum: options.quorum,
    openLog: options.logToken !== true,
    allowPrivateRegistries: options.allowPrivateRegistries === true,
    rebuilders,
    coordinatorPort: options.coordinatorPort,
    logPort: options.logPort,
    progress: (line) => {
      terminal.note(line);
    },
    stop,
  });
  try {
    const { coordinatorUrl, logUrl, trustRootFile } = network;
    if (options.json === true) terminal.json({ coordinatorUrl, logUrl, trustRootFile });
    else {
      terminal.print(`coordinator  ${coordinatorUrl}`);
      terminal.print(`log          ${logUrl}`);
      terminal.print(`trust root   ${trustRootFile}`);
    }
    terminal.note('running; stop it with Ctrl-C');
    await Promise.race([
      aborted(stop),
      ...[...network.services.values()].map(async (service) => {
        await service.exited();
        if (stop.aborted) return;
        const text = `${service.options.name} ended; ${await service.lastWords()}`;
        throw new CliError('service-ended', text, EXIT.absent);
      }),
    ]);
  } finally {
    terminal.note('stopping');
    await network.close();
  }
}

/** The name of the log that the folder holds; a log keeps its name for life. */
async function keptOrigin(dir: string): Promise<string | undefined> {
  try {
    return (await readTrustRoot(join(dir, 'trust-root.json'))).logs[0]?.origin;
  } catch (error) {
    if (error instanceof CliError && error.code === 'file-unreadable') return undefined;
    throw error;
  }
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else
      signal.addEventListener(
        'abort',
        () => {
          resolve();
        },
        { once: true },
      );
  });
}

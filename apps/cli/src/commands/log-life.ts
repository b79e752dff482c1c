import { randomBytes } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { logRoutes, makeClient, type Client, type LifeAnswer } from '@touchstone/contract';
import { PosixStorage, readState } from '@touchstone/tlog';
import type { Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { logFiles } from '../log-files.js';
import { freePort } from '../stack/free-port.js';
import { Service } from '../stack/service.js';
import { termOf } from './log-info.js';

interface Options {
  log: string;
  adminTokenFile?: string;
  key?: string;
  nextKey?: string;
  witnessPolicy?: string;
  json?: boolean;
}

interface RotateOptions extends Options {
  finish?: boolean;
}

type LogClient = Client<typeof logRoutes>;

/** The two commands that change what a log is; both leave a leaf that says so. */
export function registerLogLife(log: Command, context: Context): void {
  asOperator(log.command('rotate'), context)
    .option('--next-key <file>', 'of a folder: the private key that the log shall have next')
    .option('--finish', 'retire the old key; without it the next one is announced')
    .description('give a log its next key: announce it, later retire the old one')
    .addHelpText(
      'after',
      '\nFrom the announcement on both keys sign each checkpoint. A server must have been started' +
        '\nwith LOG_NEXT_KEY_FILE. Asked twice, each step is done once.' +
        '\n\nExamples:' +
        '\n  touchstone log rotate --log https://log.example.org --admin-token-file admin.token' +
        '\n  touchstone log rotate --log tiles/ --key old.pem --next-key new.pem' +
        '\n  touchstone log rotate --log tiles/ --key old.pem --next-key new.pem --finish',
    )
    .action((options: RotateOptions) => {
      const step = options.finish === true ? 'retire' : 'announce';
      return change(options, context, (client) => client.rotate({ body: { step } }));
    });
  asOperator(log.command('freeze'), context)
    .requiredOption('--origin <origin>', 'origin of the log, so that it is no other one')
    .description('end a log for good: one last leaf, then it takes no entry and serves on')
    .addHelpText(
      'after',
      '\nThis cannot be undone.' +
        '\n\nExample:\n  touchstone log freeze --origin log.example.org --admin-token-file admin.token',
    )
    .action((options: Options & { origin: string }) => {
      const { origin } = options;
      return change(options, context, (client) => client.freeze({ body: { origin } }));
    });
}

function asOperator(command: Command, { environment }: Context): Command {
  return command
    .option(
      '--log <url|folder>',
      'the log, or its folder while it is not running',
      environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG,
    )
    .option('--admin-token-file <file>', 'of a server; else TOUCHSTONE_LOG_ADMIN_TOKEN')
    .option('--key <file>', 'of a folder: the private key of the log')
    .option('--witness-policy <file>', 'of a folder: the policy that the log is run with')
    .option('--json', 'print JSON');
}

async function change(
  options: Options,
  context: Context,
  ask: (client: LogClient) => Promise<LifeAnswer>,
): Promise<void> {
  const { url, dir } = logFiles(options.log);
  const life =
    dir === undefined
      ? await ask(clientOf(url ?? '', await adminToken(options, context)))
      : await inFolder(dir, options, context, ask);
  const { terminal } = context;
  if (options.json === true) {
    const { origin, keys, frozen, events } = life;
    terminal.json({ origin, keys, frozen, events });
    return;
  }
  for (const key of life.keys) terminal.print(`key     ${key.vkey}${termOf(key)}`);
  if (life.frozen) terminal.print(`frozen  by leaf ${life.frozen.index}, ${life.frozen.at}`);
  else terminal.note('trust roots, witnesses and policies need every key that is in service');
}

function clientOf(baseUrl: string, token: string | undefined): LogClient {
  return makeClient(logRoutes, {
    baseUrl,
    fetch: fetch as never,
    authorize: () => (token === undefined ? undefined : `Bearer ${token}`),
  });
}

async function adminToken(
  { adminTokenFile: file }: Options,
  { environment }: Context,
): Promise<string | undefined> {
  if (file === undefined) return environment['TOUCHSTONE_LOG_ADMIN_TOKEN'];
  return (await readFile(file, 'utf8')).trim();
}

/** Runs the log on its folder for as long as it takes, where nobody else can reach it. */
async function inFolder(
  dir: string,
  options: Options,
  { stop }: Context,
  ask: (client: LogClient) => Promise<LifeAnswer>,
): Promise<LifeAnswer> {
  const state = await readState(new PosixStorage(dir));
  if (!state) throw new CliError('log-unreachable', `${dir} holds no log`, EXIT.absent);
  if (options.key === undefined) {
    throw new CliError('key-missing', 'give --key, the private key of the log', EXIT.usage);
  }
  const token = randomBytes(32).toString('hex');
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const scratch = await mkdtemp(join(tmpdir(), 'touchstone-log-'));
  const logFile = join(scratch, 'log.log');
  const { nextKey, witnessPolicy } = options;
  try {
    const service = await Service.start(
      {
        app: 'log',
        name: 'log',
        logFile,
        readyUrl: `${url}/readyz`,
        environment: {
          TILES_DIR: dir,
          LOG_ORIGIN: state.origin,
          LOG_KEY_FILE: options.key,
          ...(nextKey !== undefined && { LOG_NEXT_KEY_FILE: nextKey }),
          ...(witnessPolicy !== undefined && { LOG_WITNESS_POLICY_FILE: witnessPolicy }),
          LOG_ADMIN_TOKEN: token,
          LOG_WRITE_TOKEN: randomBytes(32).toString('hex'),
          LOG_SCRUB_RATE: '0',
          HOST: '127.0.0.1',
          PORT: String(port),
        },
      },
      stop,
    ).catch(async (cause: unknown) => {
      const said = (await readFile(logFile, 'utf8').catch(() => '')).trim().split('\n').at(-1);
      const message = `the log in ${dir} could not be opened: ${said ?? ''}`;
      throw new CliError('service-not-ready', message, EXIT.absent, { cause });
    });
    try {
      return await ask(clientOf(url, token));
    } finally {
      await service.stop();
    }
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

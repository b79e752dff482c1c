import { logRoutes, makeClient, type LifeAnswer } from '@touchstone/contract';
import { parseCheckpoint, parseNote } from '@touchstone/note';
import { PosixStorage, readState } from '@touchstone/tlog';
import type { Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { logFiles } from '../log-files.js';

interface Options {
  log: string;
  json?: boolean;
}

export function registerLogInfo(log: Command, context: Context): void {
  log
    .command('info')
    .option('--log <url|folder>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--json', 'print JSON')
    .description('what a log says of itself: origin, keys, size, end; pin the keys elsewhere')
    .addHelpText('after', '\nExample:\n  touchstone log info --log https://log.example.org --json')
    .action((options: Options) => info(options, context));
}

async function info(options: Options, context: Context): Promise<void> {
  const { url, dir } = logFiles(options.log);
  if (url !== undefined) await ofServer(url, options, context);
  else if (dir !== undefined) await ofFolder(dir, options, context);
}

async function ofServer(url: string, { json }: Options, { terminal }: Context): Promise<void> {
  const client = makeClient(logRoutes, { baseUrl: url, fetch: fetch as never });
  const { origin, vkey, size } = await client.info({});
  const { keys, frozen } = await client.life({});
  if (json === true) {
    terminal.json({ origin, vkey, size, keys, frozen });
    return;
  }
  terminal.print(`origin  ${origin}`);
  for (const key of keys) terminal.print(`key     ${key.vkey}${termOf(key)}`);
  terminal.print(`size    ${size}`);
  if (frozen) terminal.print(`frozen  by leaf ${frozen.index}, ${frozen.at}`);
}

/** When a key served, in words; nothing for the only one there ever was. */
export function termOf({ since, until }: LifeAnswer['keys'][number]): string {
  const began = since ? `  since leaf ${since.index}, ${since.at}` : '';
  return began + (until ? `  retired by leaf ${until.index}, ${until.at}` : '');
}

/** The folder has no key in it, so what it says is not checked here: fsck does that. */
async function ofFolder(dir: string, { json }: Options, { terminal }: Context): Promise<void> {
  const storage = new PosixStorage(dir);
  const state = await readState(storage);
  if (!state) throw new CliError('log-unreachable', `${dir} holds no log`, EXIT.absent);
  const bytes = await storage.read('checkpoint');
  const published = bytes ? parseCheckpoint(parseNote(bytes).text).size : 0;
  const { origin, range } = state;
  if (json === true) terminal.json({ origin, size: range.size, published });
  else {
    terminal.print(`origin     ${origin}`);
    terminal.print(`size       ${range.size}`);
    terminal.print(`published  ${published}`);
  }
}

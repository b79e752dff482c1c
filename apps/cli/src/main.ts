import { Command, CommanderError } from 'commander';
import type { Context } from './context.js';
import { CliError, EXIT, toCliError, type ExitCode } from './failure.js';
import { systemReason } from './system-error.js';
import { quoted, Terminal } from './terminal.js';
import { VERSION } from './version.js';

/** In the order of the help. A command line loads the one that it names, which starts quicker. */
const COMMANDS: Readonly<
  Record<string, () => Promise<(program: Command, context: Context) => void>>
> = {
  up: async () => (await import('./commands/up.js')).registerUp,
  demo: async () => (await import('./commands/demo.js')).registerDemo,
  keygen: async () => (await import('./commands/keygen.js')).registerKeygen,
  enrol: async () => (await import('./commands/enrol.js')).registerEnrol,
  rebuilder: async () => (await import('./commands/rebuilder.js')).registerRebuilder,
  submit: async () => (await import('./commands/submit.js')).registerSubmit,
  status: async () => (await import('./commands/status.js')).registerStatus,
  evidence: async () => (await import('./commands/evidence.js')).registerEvidence,
  verify: async () => (await import('./commands/verify.js')).registerVerify,
  rebuild: async () => (await import('./commands/rebuild.js')).registerRebuild,
  find: async () => (await import('./commands/find.js')).registerFind,
  attach: async () => (await import('./commands/attach.js')).registerAttach,
  infer: async () => (await import('./commands/infer.js')).registerInfer,
  diff: async () => (await import('./commands/diff.js')).registerDiff,
  log: async () => (await import('./commands/log.js')).registerLog,
  sbom: async () => (await import('./commands/sbom.js')).registerSbom,
  osv: async () => (await import('./commands/osv.js')).registerOsv,
  search: async () => (await import('./commands/search.js')).registerSearch,
  monitor: async () => (await import('./commands/monitor.js')).registerMonitor,
  toolchain: async () => (await import('./commands/toolchain.js')).registerToolchain,
  witness: async () => (await import('./commands/witness.js')).registerWitness,
  device: async () => (await import('./commands/device.js')).registerDevice,
  airgap: async () => (await import('./commands/airgap.js')).registerAirgap,
  compose: async () => (await import('./commands/compose.js')).registerCompose,
  wasm: async () => (await import('./commands/wasm.js')).registerWasm,
  pki: async () => (await import('./commands/pki.js')).registerPki,
};

/** Runs one command line and answers its exit code; never throws. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
  };
  process.stdout.on('error', endWithoutOutput);
  // What is said on the way is for whoever listens.
  process.stderr.on('error', () => undefined);
  process.once('SIGINT', onSignal);
  process.once('SIGTERM', onSignal);
  const terminal = new Terminal(process.stdout, process.stderr, process.env);
  const context: Context = {
    terminal,
    environment: process.env,
    stop: stop.signal,
    exitCode: EXIT.ok,
  };
  try {
    const program = await makeProgram(context, argv[0]);
    await program.parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    const interrupted = stop.signal.aborted;
    return fail(interrupted ? stopped(error) : error, argv.includes('--json'), terminal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/**
 * `touchstone … | head` closes the pipe when it has seen enough. The command goes on without a reader,
 * since its exit code may yet say that something is false: to end here with 0 would be to say it is true.
 */
function endWithoutOutput(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') return;
  const reason = systemReason(error)?.reason ?? error.message;
  process.stderr.write(`output-lost: standard output cannot be written: ${reason}\n`);
  process.exit(EXIT.absent);
}

/** The whole command line, or no more of it than the command that is named. */
export async function makeProgram(context: Context, named = ''): Promise<Command> {
  const program = new Command('touchstone')
    .description('Rebuild published WebAssembly, and prove what was seen')
    .version(VERSION)
    .showHelpAfterError('(touchstone <command> --help shows the options and an example)')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExit codes: 0 done and true, 1 checked and false, 2 wrong usage, 3 not reached or found.' +
        '\n\nExample:\n  touchstone rebuild apps/cli/recipes/siphash24-1.3.1.json',
    );
  const only = Object.hasOwn(COMMANDS, named) ? COMMANDS[named] : undefined;
  for (const load of only === undefined ? Object.values(COMMANDS) : [only]) {
    (await load())(program, context);
  }
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

/** What was told to stop did not fail of itself, whatever the step it was in says. */
function stopped(cause: unknown): CliError {
  const text = 'stopped by a signal before it was done; run it again to go on';
  return new CliError('interrupted', text, EXIT.absent, { cause });
}

function fail(error: unknown, json: boolean, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT.ok;
    // commander has told people on stderr by now.
    if (json) terminal.json({ error: { code: 'usage', message: usageMessage(error) } });
    return EXIT.usage;
  }
  const failure = toCliError(error);
  if (json) terminal.json({ error: { code: failure.code, message: failure.message } });
  else terminal.note(`${terminal.noteStyle('red', failure.code)}: ${quoted(failure.message)}`);
  return failure.exitCode;
}

function usageMessage({ code, message }: CommanderError): string {
  if (code === 'commander.help') return 'name a command; --help lists them';
  return message.replace(/^error: /u, '').replaceAll(/\s+/gu, ' ');
}

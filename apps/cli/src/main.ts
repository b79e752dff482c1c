import { Command, CommanderError } from 'commander';
import { registerAirgap } from './commands/airgap.js';
import { registerDemo } from './commands/demo.js';
import { registerDevice } from './commands/device.js';
import { registerDiff } from './commands/diff.js';
import { registerEnrol } from './commands/enrol.js';
import { registerEvidence } from './commands/evidence.js';
import { registerFind } from './commands/find.js';
import { registerInfer } from './commands/infer.js';
import { registerKeygen } from './commands/keygen.js';
import { registerLog } from './commands/log.js';
import { registerMonitor } from './commands/monitor.js';
import { registerOsv } from './commands/osv.js';
import { registerRebuild } from './commands/rebuild.js';
import { registerSbom } from './commands/sbom.js';
import { registerSearch } from './commands/search.js';
import { registerStatus } from './commands/status.js';
import { registerSubmit } from './commands/submit.js';
import { registerToolchain } from './commands/toolchain.js';
import { registerUp } from './commands/up.js';
import { registerVerify } from './commands/verify.js';
import { registerWasm } from './commands/wasm.js';
import { registerWitness } from './commands/witness.js';
import type { Context } from './context.js';
import { EXIT, toCliError, type ExitCode } from './failure.js';
import { quoted, Terminal } from './terminal.js';
import { VERSION } from './version.js';

/** Runs one command line and answers its exit code; never throws. */
export async function run(argv: readonly string[]): Promise<ExitCode> {
  const stop = new AbortController();
  const onSignal = (): void => {
    stop.abort();
  };
  process.stdout.on('error', endQuietlyOnBrokenPipe);
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
    await makeProgram(context).parseAsync(argv, { from: 'user' });
    return context.exitCode;
  } catch (error) {
    return fail(error, argv.includes('--json'), terminal);
  } finally {
    process.off('SIGINT', onSignal);
    process.off('SIGTERM', onSignal);
  }
}

/** `touchstone … | head` closes the pipe when it has seen enough; that is no failure of ours. */
function endQuietlyOnBrokenPipe(error: NodeJS.ErrnoException): void {
  if (error.code !== 'EPIPE') throw error;
  process.exit(EXIT.ok);
}

function makeProgram(context: Context): Command {
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
  for (const register of [
    registerUp,
    registerDemo,
    registerKeygen,
    registerEnrol,
    registerSubmit,
    registerStatus,
    registerEvidence,
    registerVerify,
    registerRebuild,
    registerFind,
    registerInfer,
    registerDiff,
    registerLog,
    registerSbom,
    registerOsv,
    registerSearch,
    registerMonitor,
    registerToolchain,
    registerWitness,
    registerDevice,
    registerAirgap,
    registerWasm,
  ]) {
    register(program, context);
  }
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

function fail(error: unknown, json: boolean, terminal: Terminal): ExitCode {
  if (error instanceof CommanderError) {
    return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
  }
  const failure = toCliError(error);
  if (json) terminal.json({ error: { code: failure.code, message: failure.message } });
  else terminal.note(`${terminal.noteStyle('red', failure.code)}: ${quoted(failure.message)}`);
  return failure.exitCode;
}

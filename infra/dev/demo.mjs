// `npm run demo [-- --json]`: sets up, compiles and runs `touchstone demo` with the arguments given.
// All chatter goes to standard error, so that standard output is the demo's alone.
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { buildProgram } from './build.mjs';
import { root } from './rooms.mjs';
import { setUp } from './setup.mjs';
import { keepStdoutClean, main } from './terminal.mjs';

/** Runs the demo in the foreground; an interrupt reaches it through the terminal's process group. */
function touchstoneDemo(args) {
  return new Promise((resolve, reject) => {
    const ignore = () => undefined;
    process.on('SIGINT', ignore);
    const child = spawn(
      process.execPath,
      [join(root, 'apps', 'cli', 'bin', 'touchstone.js'), 'demo', ...args],
      { stdio: 'inherit' },
    );
    process.on('SIGTERM', () => child.kill('SIGTERM'));
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
}

await main(
  async () => {
    keepStdoutClean();
    await setUp();
    await buildProgram();
    return touchstoneDemo(process.argv.slice(2));
  },
  { ownOptions: false },
);

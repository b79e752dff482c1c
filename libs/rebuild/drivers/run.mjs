// Runs a list of invocations of one driver, in order, in this one process:
//   node run.mjs DRIVER < '{"invocations":[{"command":"clang","args":["-c","a.c"]}]}'
// A driver is a module beside this one that exports `run(command, args): Promise<number>`, the
// exit code. The first invocation that fails ends the list, and its exit code is ours.
import { readFileSync } from 'node:fs';

const [driver] = process.argv.slice(2);
const { invocations } = JSON.parse(readFileSync(0, 'utf8'));
const { run } = await import(`./${driver}.mjs`);
for (const [index, { command, args }] of invocations.entries()) {
  const code = await run(command, args);
  if (code === 0) continue;
  const which = `${index + 1} of ${invocations.length}`;
  process.stderr.write(`invocation ${which} failed: ${[command, ...args].join(' ')}\n`);
  process.exitCode = code;
  break;
}

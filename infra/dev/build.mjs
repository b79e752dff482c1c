// Compiles the workspace: `node infra/dev/build.mjs [--program]`, with --program without the specs.
// Only what changed is compiled again.
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { setUpBuild } from './setup.mjs';
import { main, runBin, SetupError } from './terminal.mjs';

/** Compiles what the command-line program needs, which is every lib and app without their specs. */
export async function buildProgram() {
  await compile('apps/cli/tsconfig.lib.json');
}

/** Compiles everything, specs included. */
export async function buildAll() {
  await compile('tsconfig.json');
}

async function compile(project) {
  const code = await runBin('tsc', ['-b', project, ...(process.stdout.isTTY ? ['--pretty'] : [])]);
  if (code !== 0) {
    throw new SetupError('build-failed', 'TypeScript found errors; they are listed above.');
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  await main(async () => {
    const { values } = parseArgs({ options: { program: { type: 'boolean' } } });
    await setUpBuild();
    await (values.program ? buildProgram() : buildAll());
  });
}

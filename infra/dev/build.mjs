// Compiles the workspace: `node infra/dev/build.mjs [--program]`, with --program without the specs.
// Only what changed is compiled again. TypeScript 7 compiles; version 6, whose programming interface it
// does not have, is what lint and the editors' plugins read the sources with.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from './rooms.mjs';
import { setUpBuild } from './setup.mjs';
import { main, run, SetupError } from './terminal.mjs';

// By its path: both versions call their command `tsc`.
const TSC = join(root, 'node_modules/typescript-7/bin/tsc');

/** Compiles what the command-line program needs, which is every lib and app without their specs. */
export async function buildProgram() {
  await compile('apps/cli/tsconfig.lib.json');
}

/** Compiles everything, specs included. */
export async function buildAll() {
  await compile('tsconfig.json');
}

async function compile(project) {
  const pretty = process.stdout.isTTY ? ['--pretty'] : [];
  const code = await run(process.execPath, [TSC, '-b', project, ...pretty]);
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

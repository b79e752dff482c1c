import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { access, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from '@touchstone/contract';
import {
  assembleToolchain,
  BUILD_ENVIRONMENT,
  planSteps,
  readToolchainLock,
  unpackTarball,
  type RebuildOptions,
} from '@touchstone/rebuild';

/** The very same compiler, arguments and Node, run as plain processes. */
export async function bareCompiler(
  recipe: Recipe,
  { source, cache, work }: RebuildOptions,
): Promise<() => Promise<void>> {
  if (recipe.source.kind !== 'npm') throw new Error('only packages are compiled here');
  const lock = await readToolchainLock(recipe.toolchain);
  const { root, commands } = await assembleToolchain(lock, source, cache);
  const target = join(await mkdtemp(join(work ?? cache, 'bare-')), 'work');
  await unpackTarball(await source.tarball(recipe.source), target);
  const processes = await Promise.all(
    planSteps(recipe.steps, commands).map(async ({ argv, input }) => ({
      argv: await Promise.all(argv.map((word) => inRoot(root, word))),
      input: input ?? '',
    })),
  );
  const cwd = join(target, recipe.workdir);
  return async () => {
    for (const { argv, input } of processes) await runProcess(argv, input, cwd);
  };
}

/** What is a path of the root for the sandbox is one below it here. */
async function inRoot(root: string, word: string): Promise<string> {
  if (!word.startsWith('/')) return word;
  const path = join(root, word);
  return access(path).then(
    () => path,
    () => word,
  );
}

async function runProcess(argv: readonly string[], input: string, cwd: string): Promise<void> {
  const [file = '', ...args] = argv;
  // A session of its own, as in the sandbox: schedulers share a busy machine out by session.
  const child = spawn(file, args, {
    ...{ cwd, detached: true, env: BUILD_ENVIRONMENT },
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  child.stdin.end(input);
  const [code] = (await once(child, 'exit')) as [number | null];
  if (code !== 0) throw new Error(`the bare compiler ended with ${String(code)}`);
}

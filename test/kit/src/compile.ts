import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

/** The root of the workspace. */
export const ROOT = fileURLToPath(new URL('../../..', import.meta.url));

/**
 * Compiles an app, by its folder, with all that it is made of, so that what a test starts is what is
 * shipped. Quick when nothing changed.
 *
 * @throws Error with the compiler's words
 */
export async function compile(app: 'apps/cli' | 'apps/log'): Promise<void> {
  const tsc = join(ROOT, 'node_modules/typescript-7/bin/tsc');
  await promisify(execFile)(process.execPath, [tsc, '-b', join(app, 'tsconfig.lib.json')], {
    cwd: ROOT,
  });
}

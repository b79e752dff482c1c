import { constants } from 'node:fs';
import { chmod, lchown, lstat, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { RebuildError, systemCode } from './errors.js';

export const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const SLASH = Buffer.from('/');

/** Makes `uid` the owner of a tree, and nobody else able to enter it. */
export async function giveTree(root: string, uid: number): Promise<void> {
  // Names as bytes: what a build made in an earlier step need not be text.
  const visit = async (folder: Buffer): Promise<void> => {
    for (const entry of await readdir(folder, { withFileTypes: true, encoding: 'buffer' })) {
      const path = Buffer.concat([folder, SLASH, entry.name]);
      if (entry.isDirectory()) await visit(path);
      await lchown(path, uid, uid);
    }
  };
  await visit(Buffer.from(root));
  await lchown(root, uid, uid);
  await chmod(root, 0o700);
}

/**
 * Takes away what the source brings at the places where the build must write: a published file
 * that lies there already would pass for one that was built.
 */
export async function clearOutputs(folder: string, outputs: readonly string[]): Promise<void> {
  for (const output of outputs) await rm(join(folder, output), { recursive: true, force: true });
}

/**
 * Reads a built file once the build is over. Nothing on the way to it may be a link: a build must
 * not be able to pass off a file from elsewhere.
 * @throws RebuildError `output-missing`, `output-not-regular`, `output-too-large`
 */
export async function readOutput(
  folder: string,
  output: string,
  maxBytes = MAX_OUTPUT_BYTES,
): Promise<Uint8Array> {
  const parts = output.split('/');
  let path = folder;
  for (const [index, part] of parts.entries()) {
    path = join(path, part);
    const stat = await lstat(path).catch((error: unknown) => {
      if (['ENOENT', 'ENOTDIR'].includes(systemCode(error) ?? '')) return undefined;
      throw error;
    });
    if (stat === undefined)
      throw new RebuildError(
        'output-missing',
        `the steps ended well but left no ${output}: check the recipe's output and its arguments`,
      );
    const last = index === parts.length - 1;
    if (last ? !stat.isFile() : !stat.isDirectory())
      throw new RebuildError(
        'output-not-regular',
        `${output} is not a regular file, or lies behind a link`,
      );
  }
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const { size } = await file.stat();
    if (size > maxBytes)
      throw new RebuildError(
        'output-too-large',
        `${output} has ${size} bytes, more than ${maxBytes}`,
      );
    return await file.readFile();
  } finally {
    await file.close();
  }
}

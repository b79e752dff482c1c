import { RebuildError } from '../errors.js';
import { readOutput } from '../workspace.js';
import { MAX_LOCKFILE_BYTES } from './dependency-graph.js';
import { LOCKFILES } from './lockfile.js';

/** A lockfile of the source tree, as it stood before the build. */
export interface FoundLockfile {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** The file beside it that says more: Cargo.toml, go.sum. */
  readonly beside?: Uint8Array;
}

/** Which lockfile a build by a toolchain obeys, by a word of the toolchain's name (`debian-rust`). */
const OBEYED: readonly (readonly [RegExp, readonly string[]])[] = [
  [/(?:^|-)(?:rust|cargo)(?:-|$)/, ['Cargo.lock']],
  [/(?:^|-)(?:go|tinygo)(?:-|$)/, ['go.mod']],
  [/^/, ['npm-shrinkwrap.json', 'package-lock.json']],
];

/**
 * Looks for the lockfile of a build, from the folder it runs in upwards to `root`. What cannot be
 * read, or lies behind a link, is not there.
 */
export async function findLockfile(
  root: string,
  directory: string,
  toolchain: string,
): Promise<FoundLockfile | undefined> {
  const obeyed = OBEYED.find(([pattern]) => pattern.test(toolchain))?.[1];
  const candidates = LOCKFILES.filter(({ name }) => obeyed?.includes(name));
  const parts = directory.split('/').filter((part) => part !== '' && part !== '.');
  for (let depth = parts.length; depth >= 0; depth -= 1) {
    const folder = parts.slice(0, depth).map((part) => `${part}/`);
    const read = (name: string): Promise<Uint8Array | undefined> =>
      readIfThere(root, `${folder.join('')}${name}`);
    for (const { name, beside } of candidates) {
      const bytes = await read(name);
      if (bytes === undefined) continue;
      const second = beside === undefined ? undefined : await read(beside);
      return { name, bytes, ...(second === undefined ? {} : { beside: second }) };
    }
  }
  return undefined;
}

async function readIfThere(root: string, path: string): Promise<Uint8Array | undefined> {
  try {
    return await readOutput(root, path, MAX_LOCKFILE_BYTES);
  } catch (error) {
    if (error instanceof RebuildError) return undefined;
    throw error;
  }
}

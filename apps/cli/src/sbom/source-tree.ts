import { stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LOCKFILES, RebuildError, readLockfile, type DependencyGraph } from '@touchstone/rebuild';
import { CliError, EXIT } from '../failure.js';
import { readBounded } from '../input.js';

const MAX_LOCKFILE_BYTES = 32 * 1024 * 1024;

/** Reads the lockfile at `path`, or the first one of the folder there. */
export async function readTree(path: string): Promise<{ file: string; graph: DependencyGraph }> {
  const file = await lockfileAt(path);
  const name = basename(file);
  const beside = LOCKFILES.find((lockfile) => lockfile.name === name)?.beside;
  const second = beside === undefined ? undefined : join(dirname(file), beside);
  const bytes = await readBounded(file, MAX_LOCKFILE_BYTES);
  const more =
    second !== undefined && (await isFile(second))
      ? await readBounded(second, MAX_LOCKFILE_BYTES)
      : undefined;
  return { file, graph: usable(file, () => readLockfile(name, bytes, more)) };
}

async function lockfileAt(path: string): Promise<string> {
  if (await isFile(path)) return path;
  const folder = await stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
  if (!folder) {
    throw new CliError('lockfile-absent', `there is no file or folder ${path}`, EXIT.absent);
  }
  for (const { name } of LOCKFILES) {
    const file = join(path, name);
    if (await isFile(file)) return file;
  }
  const names = LOCKFILES.map(({ name }) => name).join(', ');
  throw new CliError('lockfile-absent', `${path} has none of ${names}`, EXIT.absent);
}

function isFile(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isFile(),
    () => false,
  );
}

/** A file that cannot be read as what it is given for is a usage error that names it. */
export function usable<T>(file: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unusable(file, error);
  }
}

export function unusable(file: string, error: unknown): unknown {
  if (!(error instanceof RebuildError)) return error;
  const message = error.message.includes(basename(file))
    ? error.message
    : `${file}: ${error.message}`;
  return new CliError(error.code, message, EXIT.usage, { cause: error });
}

/** The time that a document is dated with; none unless SOURCE_DATE_EPOCH is set. */
export function sourceDateEpoch(environment: Record<string, string | undefined>): {
  sourceDateEpoch?: number;
} {
  const text = environment['SOURCE_DATE_EPOCH'];
  if (text === undefined || text === '') return {};
  // Year 9999 at most: later times have no RFC 3339 form.
  const seconds = /^\d{1,12}$/.test(text) ? Number(text) : Number.NaN;
  if (!(seconds <= 253_402_300_799))
    throw new CliError(
      'source-date-epoch',
      `SOURCE_DATE_EPOCH is ${JSON.stringify(text)}, not seconds since 1970`,
      EXIT.usage,
    );
  return { sourceDateEpoch: seconds };
}

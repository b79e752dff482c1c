import { open } from 'node:fs/promises';
import { AttestError, parseJson, parseTrustRoot, type TrustRoot } from '@touchstone/attest';
import { fieldPath, Recipe } from '@touchstone/contract';
import { NoteError, parseWitnessPolicy, type WitnessPolicy } from '@touchstone/note';
import { CliError, EXIT } from './failure.js';
import { systemReason } from './system-error.js';

const MAX_JSON_BYTES = 64 * 1024 * 1024;
const MAX_FILE_BYTES = 256 * 1024 * 1024;

/** Reads a whole file, refusing one that is larger than `limit` bytes before it is in memory. */
export async function readBounded(path: string, limit = MAX_FILE_BYTES): Promise<Uint8Array> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    const why = systemReason(cause)?.reason;
    const text = `${path} cannot be read${why === undefined ? '' : `: ${why}`}`;
    throw new CliError('file-unreadable', text, EXIT.absent, { cause });
  });
  try {
    const { size } = await file.stat();
    if (size > limit) {
      throw new CliError('file-too-large', `${path} is over ${limit} bytes`, EXIT.usage);
    }
    return await file.readFile();
  } finally {
    await file.close();
  }
}

/** Reads a file as JSON, strictly; a file that is none is a usage error that names it. */
export async function readJson(path: string): Promise<unknown> {
  const bytes = await readBounded(path, MAX_JSON_BYTES);
  try {
    return parseJson(bytes, MAX_JSON_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new CliError('file-malformed', `${path}: ${cause.message}`, EXIT.usage, { cause });
  }
}

export async function readRecipe(path: string): Promise<Recipe> {
  const parsed = Recipe.safeParse(await readJson(path));
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = fieldPath(issue?.path ?? [], 'recipe');
  throw new CliError('recipe-malformed', `${path}: ${field}: ${issue?.message ?? ''}`, EXIT.usage);
}

/** Reads a trust root; throws AttestError when it cannot be counted by. */
export async function readTrustRoot(path: string): Promise<TrustRoot> {
  return parseTrustRoot(await readJson(path));
}

/** Reads a C2SP tlog-policy; one that cannot be read is a usage error that names the file. */
export async function readWitnessPolicy(path: string): Promise<WitnessPolicy> {
  const bytes = await readBounded(path, MAX_JSON_BYTES);
  try {
    return parseWitnessPolicy(bytes);
  } catch (cause) {
    if (!(cause instanceof NoteError)) throw cause;
    throw new CliError('policy-malformed', `${path}: ${cause.message}`, EXIT.usage, { cause });
  }
}

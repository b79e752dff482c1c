import { KeyError, publicKeyFromPem } from '@touchstone/keys';
import type { PublicKey } from '@touchstone/note';
import { CliError, EXIT } from './failure.js';
import { readBounded } from './input.js';

const MAX_PEM_BYTES = 65_536;

/** Reads a public key from a PEM file; a file that holds none is wrong usage and is named. */
export async function readPublicKey(path: string): Promise<PublicKey> {
  const pem = Buffer.from(await readBounded(path, MAX_PEM_BYTES)).toString('utf8');
  try {
    return publicKeyFromPem(pem);
  } catch (cause) {
    if (!(cause instanceof KeyError)) throw cause;
    throw new CliError(cause.code, `${path}: ${cause.message}`, EXIT.usage, { cause });
  }
}

import { constants } from 'node:fs';
import { open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { KeyError } from './errors.js';
import { privateKeyFromPem, type PrivateKey } from './private-key.js';

/** A PKCS#8 PEM of the keys spoken here has some 250 bytes. */
const MAX_KEY_FILE_SIZE = 16_384;

const OWNER_ONLY = 0o600;
const GROUP_AND_OTHERS = 0o077;

/**
 * Reads a private key from a PEM file that nobody but its owner may touch. What is checked and
 * what is read is the same open file, so it cannot be exchanged in between.
 *
 * @throws KeyError `key-file-*`, and as privateKeyFromPem does
 */
export async function readPrivateKey(file: string): Promise<PrivateKey> {
  const handle = await openForReading(file);
  try {
    const stat = await handle.stat();
    if (!stat.isFile() || stat.size > MAX_KEY_FILE_SIZE) {
      throw new KeyError(
        'key-file-not-regular',
        `${file} is no regular file of at most ${MAX_KEY_FILE_SIZE} bytes`,
      );
    }
    if ((stat.mode & GROUP_AND_OTHERS) !== 0) {
      const mode = (stat.mode & 0o777).toString(8).padStart(3, '0');
      throw new KeyError(
        'key-file-permissions',
        `the private key ${file} has mode ${mode}, so others than its owner can use it; ` +
          `run: chmod 600 ${file}`,
      );
    }
    return privateKeyFromPem(await handle.readFile('latin1'));
  } catch (error) {
    if (error instanceof KeyError) {
      throw error.code.startsWith('key-file-')
        ? error
        : new KeyError(error.code, `${file}: ${error.message}`);
    }
    throw new KeyError('key-file-unreadable', `cannot read ${file}`, { cause: error });
  } finally {
    await handle.close();
  }
}

/**
 * Writes a private key to a new file of mode 0600; it is on disk when this resolves.
 *
 * A file that exists is never overwritten, it may be the only copy of a key. A crash before the
 * end can leave a file without a whole key; reading it says so, and its owner removes it.
 *
 * @throws KeyError `key-file-exists`, `key-file-not-written`
 */
export async function writePrivateKey(file: string, key: PrivateKey): Promise<void> {
  const handle = await create(file);
  try {
    try {
      await handle.chmod(OWNER_ONLY);
      await handle.writeFile(key.toPem());
      await handle.sync();
    } finally {
      await handle.close();
    }
    await syncFolder(dirname(file));
  } catch (cause) {
    await rm(file, { force: true });
    throw new KeyError('key-file-not-written', `cannot write ${file}${why(cause)}`, { cause });
  }
}

async function openForReading(file: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer.
    return await open(file, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    if (codeOf(cause) === 'ENOENT') {
      throw new KeyError('key-file-missing', `there is no private key at ${file}`, { cause });
    }
    throw new KeyError('key-file-unreadable', `cannot open ${file}${why(cause)}`, { cause });
  }
}

async function create(file: string): Promise<FileHandle> {
  const { O_WRONLY, O_CREAT, O_EXCL } = constants;
  try {
    return await open(file, O_WRONLY | O_CREAT | O_EXCL, OWNER_ONLY);
  } catch (cause) {
    if (codeOf(cause) === 'EEXIST') {
      throw new KeyError('key-file-exists', `${file} exists and is not overwritten`, { cause });
    }
    throw new KeyError('key-file-not-written', `cannot create ${file}${why(cause)}`, { cause });
  }
}

/** A new name in a folder is durable only when the folder is. */
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, constants.O_RDONLY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** The system's name of what went wrong, such as ` (ENOSPC)`; messages of Node repeat the path. */
function why(cause: unknown): string {
  const code = codeOf(cause);
  return typeof code === 'string' ? ` (${code})` : '';
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}

import { randomBytes } from 'node:crypto';
import { open } from 'node:fs/promises';
import { CliError, EXIT } from '../failure.js';

/** The IO protection key: 32 bytes in hex, in a file of mode 0600. */

/** Reads the file, or makes it when there is none. @throws as readIoKey */
export async function makeIoKey(file: string): Promise<Uint8Array> {
  const made = await open(file, 'wx', 0o600).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return undefined;
    throw error;
  });
  if (made !== undefined) {
    try {
      await made.writeFile(`${randomBytes(32).toString('hex')}\n`);
      await made.sync();
    } finally {
      await made.close();
    }
  }
  return readIoKey(file);
}

/** @throws CliError `io-key` */
export async function readIoKey(file: string): Promise<Uint8Array> {
  const handle = await open(file, 'r').catch((cause: unknown) => {
    throw new CliError('io-key', `${file} cannot be read`, EXIT.absent, { cause });
  });
  try {
    const { mode, size } = await handle.stat();
    if ((mode & 0o077) !== 0) {
      throw new CliError('io-key', `${file} is open to others: chmod 600`, EXIT.usage);
    }
    const text = size > 256 ? '' : (await handle.readFile('utf8')).trim();
    if (!/^[0-9a-f]{64}$/.test(text)) {
      throw new CliError('io-key', `${file} is not 32 bytes in hex`, EXIT.usage);
    }
    return new Uint8Array(Buffer.from(text, 'hex'));
  } finally {
    await handle.close();
  }
}

import { resolve } from 'node:path';
import { logRoutes, makeClient } from '@touchstone/contract';
import { PosixStorage, TlogError } from '@touchstone/tlog';
import { CliError, EXIT } from './failure.js';
import { readTile } from './log-reader.js';

/** The files of a log, from a server by its URL or out of a folder by its path. */
export interface LogFiles {
  /** As it was given. */
  readonly name: string;
  /** The URL without a slash at its end; undefined for a folder. */
  readonly url: string | undefined;
  /** The folder; undefined for a server. */
  readonly dir: string | undefined;
  /** Undefined when the log does not have the file. */
  readonly read: (path: string) => Promise<Uint8Array | undefined>;
}

export function logFiles(name: string): LogFiles {
  if (/^https?:\/\//i.test(name)) {
    const url = name.replace(/\/+$/, '');
    return { name, url, dir: undefined, read: (path) => readTile(url, path) };
  }
  const dir = resolve(name);
  const storage = new PosixStorage(dir);
  const read = async (path: string): Promise<Uint8Array | undefined> => {
    try {
      return await storage.read(path);
    } catch (cause) {
      if (cause instanceof TlogError) throw cause;
      throw new CliError('log-unreachable', `${dir}/${path} cannot be read`, EXIT.absent, {
        cause,
      });
    }
  };
  return { name, url: undefined, dir, read };
}

/** The URL of a log that must be a server. */
export function serverOf(name: string): string {
  const { url } = logFiles(name);
  if (url !== undefined) return url;
  throw new CliError('usage', `${name} is a folder; this asks a server, give its URL`, EXIT.usage);
}

/** What a server says of its life, not verified. */
export async function lifeLeaves(url: string): Promise<{ index: number; leaf: Uint8Array }[]> {
  const { events } = await makeClient(logRoutes, { baseUrl: url, fetch: fetch as never }).life({});
  return events.map(({ index, leaf }) => ({ index, leaf: Buffer.from(leaf, 'base64') }));
}

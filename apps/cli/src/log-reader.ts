import { CliError, EXIT } from './failure.js';

const MAX_TILE_BYTES = 32 * 1024 * 1024;

/** Reads one file of a log over HTTP; undefined when the log does not have it. */
export async function readTile(baseUrl: string, path: string): Promise<Uint8Array | undefined> {
  const url = `${baseUrl.replace(/\/$/, '')}/${path}`;
  let bytes: Uint8Array;
  try {
    const answer = await fetch(url, { redirect: 'error' });
    if (answer.status === 404) return undefined;
    if (!answer.ok) throw new Error(`${url} answered ${answer.status}`);
    bytes = await readBody(answer);
  } catch (cause) {
    if (cause instanceof CliError) throw cause;
    throw new CliError('log-unreachable', `${url} could not be read`, EXIT.absent, { cause });
  }
  return bytes;
}

async function readBody(answer: Response): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  // The stream's element type is lost between the DOM's declaration and Node's.
  for await (const chunk of (answer.body ?? []) as AsyncIterable<Uint8Array>) {
    size += chunk.length;
    if (size > MAX_TILE_BYTES) {
      throw new CliError('answer-too-large', `${answer.url} is too large`, EXIT.refuted);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

export function bytesToHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}

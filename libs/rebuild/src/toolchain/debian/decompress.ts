import { spawn } from 'node:child_process';
import { promisify } from 'node:util';
import { gunzip } from 'node:zlib';
import { RebuildError, systemCode } from '../../errors.js';

/** Programs that take compressed bytes on standard input and need no file names. */
const PROGRAMS: Readonly<Record<string, readonly [string, ...string[]]>> = {
  xz: ['xz', '--decompress', '--stdout', '--memlimit-decompress=512MiB'],
  zst: ['zstd', '--decompress', '--stdout', '--quiet', '--memory=512MB'],
};

const inflate = promisify(gunzip);

/**
 * Decompresses with the system's own program; its output is cut off at the limit, so a bomb costs
 * no more than an honest file may.
 *
 * @param suffix how the file's name ends: `xz`, `zst`, `gz`, or empty for bytes as they are
 * @throws RebuildError `package-malformed`, `package-too-large`, `toolchain-tools`, `aborted`
 */
export async function decompress(
  bytes: Uint8Array,
  suffix: string,
  maxBytes: number,
  signal?: AbortSignal,
): Promise<Uint8Array> {
  if (suffix === '') return bytes;
  if (suffix === 'gz') return gunzipBounded(bytes, maxBytes);
  const program = PROGRAMS[suffix];
  if (program === undefined)
    throw new RebuildError('package-malformed', `compression .${suffix.slice(0, 16)} is not known`);
  return runProgram(program, bytes, maxBytes, signal);
}

async function gunzipBounded(bytes: Uint8Array, maxBytes: number): Promise<Uint8Array> {
  try {
    return await inflate(bytes, { maxOutputLength: maxBytes, chunkSize: 1 << 20 });
  } catch (error) {
    if (systemCode(error) === 'ERR_BUFFER_TOO_LARGE') throw tooLarge(maxBytes);
    throw new RebuildError('package-malformed', 'gzip data is malformed or cut off', {
      cause: error,
    });
  }
}

function tooLarge(maxBytes: number): RebuildError {
  return new RebuildError('package-too-large', `a package inflates past ${maxBytes} bytes`);
}

function runProgram(
  [command, ...args]: readonly [string, ...string[]],
  bytes: Uint8Array,
  maxBytes: number,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      stdio: ['pipe', 'pipe', 'pipe'],
      ...(signal === undefined ? {} : { signal, killSignal: 'SIGKILL' }),
    });
    const chunks: Uint8Array[] = [];
    let size = 0;
    let said = '';
    let excess: RebuildError | undefined;
    child.stdout.on('data', (chunk: Uint8Array) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else {
        excess ??= tooLarge(maxBytes);
        child.kill('SIGKILL');
      }
    });
    child.stderr.on('data', (chunk: Buffer) => {
      said = (said + chunk.toString('latin1')).slice(-500);
    });
    child.on('error', (error) => {
      reject(refusal(command, error, signal));
    });
    child.on('close', (code) => {
      if (excess !== undefined) reject(excess);
      else if (code === 0) resolve(Buffer.concat(chunks, size));
      else reject(new RebuildError('package-malformed', `${command}: ${said.trim()}`));
    });
    // A program that refuses its input ends before it has read all of it.
    child.stdin.on('error', () => undefined);
    child.stdin.end(bytes);
  });
}

function refusal(command: string, error: Error, signal: AbortSignal | undefined): RebuildError {
  if (signal?.aborted === true)
    return new RebuildError('aborted', 'unpacking was aborted', { cause: error });
  return new RebuildError(
    'toolchain-tools',
    `${command} is needed to unpack Debian's packages: install ${command === 'xz' ? 'xz-utils' : command}`,
    { cause: error },
  );
}

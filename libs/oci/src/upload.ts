import { OciError } from './errors.js';
import type { Answer, Ask } from './transport.js';

export interface PushOptions {
  /** Blobs larger than this are sent in pieces of this many bytes; 8 MiB unless told. */
  readonly chunkBytes?: number;
  /** A repository of the same registry that may hold the blob already. */
  readonly mountFrom?: string;
}

export interface Upload {
  /** `https://host/v2/name/` */
  readonly base: URL;
  readonly bytes: Uint8Array;
  readonly digest: string;
  readonly ask: (ask: Ask) => Promise<Answer>;
}

const CHUNK_BYTES = 8 * 1024 * 1024;
const MAX_CHUNK_BYTES = 256 * 1024 * 1024;
const MAX_ROUNDS = 100_000;

/**
 * Pushes one blob (distribution specification 1.1, "Pushing Blobs"): mounted from another
 * repository where that works, in one piece when it is small, in chunks otherwise.
 *
 * @throws OciError `denied`, `answer-unexpected`, `redirect-refused`, `unreachable`, `aborted`
 */
export async function pushBlob(
  upload: Upload,
  options: PushOptions,
  signal?: AbortSignal,
): Promise<void> {
  const start = new URL('blobs/uploads/', upload.base);
  if (options.mountFrom !== undefined) {
    start.searchParams.set('mount', upload.digest);
    start.searchParams.set('from', options.mountFrom);
  }
  const stop = signal === undefined ? {} : { signal };
  const begun = await upload.ask({ method: 'POST', url: start, ...stop });
  begun.body.destroy();
  if (begun.status === 201) return;
  expect(begun, 202);
  const least = Number(begun.headers['oci-chunk-min-length'] ?? 0);
  const chunk = Math.max(
    options.chunkBytes ?? CHUNK_BYTES,
    Number.isSafeInteger(least) && least > 0 && least <= MAX_CHUNK_BYTES ? least : 1,
  );
  let location = nextLocation(begun, upload.base);
  let rest = upload.bytes;
  if (upload.bytes.length > chunk) {
    location = await sendChunks(upload, chunk, location, stop);
    rest = new Uint8Array();
  }
  location.searchParams.set('digest', upload.digest);
  const done = await upload.ask({
    method: 'PUT',
    url: location,
    headers: { 'content-type': 'application/octet-stream' },
    body: rest,
    ...stop,
  });
  done.body.destroy();
  expect(done, 201);
}

async function sendChunks(
  upload: Upload,
  chunk: number,
  first: URL,
  stop: { signal?: AbortSignal },
): Promise<URL> {
  const { bytes } = upload;
  let location = first;
  let offset = 0;
  for (let round = 0; offset < bytes.length; round += 1) {
    if (round > MAX_ROUNDS)
      throw new OciError('answer-unexpected', `${upload.base.host} takes no progress from us`);
    const piece = bytes.subarray(offset, offset + chunk);
    const end = offset + piece.length - 1;
    const answer = await upload.ask({
      method: 'PATCH',
      url: location,
      headers: {
        'content-type': 'application/octet-stream',
        'content-range': `${offset}-${end}`,
      },
      body: piece,
      ...stop,
    });
    answer.body.destroy();
    if (answer.status === 416) {
      // It holds more or less than we think: it is asked how much.
      const status = await upload.ask({ method: 'GET', url: location, ...stop });
      status.body.destroy();
      expect(status, 204);
      location = nextLocation(status, upload.base);
      offset = received(status, bytes.length);
      continue;
    }
    expect(answer, 202);
    location = nextLocation(answer, upload.base);
    offset = Math.min(received(answer, bytes.length), end + 1);
  }
  return location;
}

/** `Range: 0-1023`: how much the registry holds. */
function received(answer: Answer, length: number): number {
  const last = /^(?:bytes=)?0-(\d{1,15})$/.exec(answer.headers.range?.toString() ?? '')?.[1];
  const size = last === undefined ? -1 : Number(last) + 1;
  if (size < 0 || size > length)
    throw new OciError('answer-unexpected', `${answer.url.host} says not what it received`);
  return size;
}

/** Where the upload goes on; never on another host, for it would be given our credentials. */
function nextLocation(answer: Answer, base: URL): URL {
  const { location } = answer.headers;
  if (location === undefined || !URL.canParse(location, answer.url.href))
    throw new OciError('answer-unexpected', `${base.host} names no place for the upload`);
  const url = new URL(location, answer.url);
  if (url.origin !== base.origin)
    throw new OciError('redirect-refused', `${base.host} sends the upload to ${url.host}`);
  return url;
}

function expect(answer: Answer, status: number): void {
  if (answer.status === status) return;
  const code = answer.status === 401 || answer.status === 403 ? 'denied' : 'answer-unexpected';
  throw new OciError(code, `the upload to ${answer.url.host} was answered HTTP ${answer.status}`);
}

import { createHash } from 'node:crypto';
import { promisify } from 'node:util';
import { fromBuffer, type Entry, type ZipFile } from 'yauzl';
import { RebuildError } from '../errors.js';

/** One line of go.sum: `MODULE VERSION[/go.mod] h1:BASE64`. */
export interface GoSum {
  readonly module: string;
  readonly version: string;
  /** The module's files, or its go.mod alone. */
  readonly of: 'zip' | 'mod';
  readonly hash: string;
}

const MAX_LINES = 20_000;
const MAX_FILES = 60_000;
const MAX_INFLATED = 512 * 1024 * 1024;
const LINE =
  /^((?:[A-Za-z0-9._~-]+\/)*[A-Za-z0-9._~-]+) (v\d+\.\d+\.\d+[0-9A-Za-z.+-]*)(\/go\.mod)? (h1:[A-Za-z0-9+/]{43}=)$/;

const openZip = promisify(
  (bytes: Buffer, done: (error: Error | null, zip: ZipFile) => void): void => {
    fromBuffer(bytes, { lazyEntries: true }, done);
  },
);

/** @throws RebuildError `dependencies-malformed` */
export function parseGoSum(text: string): GoSum[] {
  const lines = text.split('\n').filter((line) => line !== '');
  if (lines.length > MAX_LINES)
    throw new RebuildError('dependencies-malformed', `go.sum has over ${MAX_LINES} lines`);
  return lines.map((line) => {
    const [, module, version, mod, hash] = LINE.exec(line.trimEnd()) ?? [];
    const dots = module?.split('/').some((part) => part === '.' || part === '..') ?? true;
    if (module === undefined || version === undefined || hash === undefined || dots)
      throw new RebuildError(
        'dependencies-malformed',
        `go.sum: ${JSON.stringify(line.slice(0, 200))} is no line of module, version and h1: hash`,
      );
    return { module, version, of: mod === undefined ? 'zip' : 'mod', hash };
  });
}

/** Go's h1: SHA-256 over the sorted lines `<hex SHA-256>  <name>` of all files. */
export function hashFiles(files: readonly { name: string; sha256: string }[]): string {
  const sorted = [...files].sort((a, b) =>
    Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
  const hash = createHash('sha256');
  for (const { name, sha256 } of sorted) hash.update(`${sha256}  ${name}\n`);
  return `h1:${hash.digest('base64')}`;
}

/** @throws RebuildError `dependencies-malformed` */
export async function hashZip(bytes: Uint8Array): Promise<string> {
  const files: { name: string; sha256: string }[] = [];
  let inflated = 0;
  try {
    const zip = await openZip(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    if (zip.entryCount > MAX_FILES) throw new Error(`over ${MAX_FILES} files`);
    const readEntry = async (entry: Entry): Promise<void> => {
      if (entry.fileName.endsWith('/')) return;
      inflated += entry.uncompressedSize;
      if (inflated > MAX_INFLATED) throw new Error(`over ${MAX_INFLATED} bytes of files`);
      files.push({ name: entry.fileName, sha256: await hashEntry(zip, entry) });
    };
    await new Promise<void>((resolve, reject) => {
      zip.on('entry', (entry: Entry) => {
        readEntry(entry).then(() => zip.readEntry(), reject);
      });
      zip.on('end', resolve);
      zip.on('error', reject);
      zip.readEntry();
    });
  } catch (error) {
    throw new RebuildError(
      'dependencies-malformed',
      `a module's zip file is malformed: ${error instanceof Error ? error.message : String(error)}`,
      { cause: error },
    );
  }
  return hashFiles(files);
}

/** The size that the entry states is checked by the reader while it inflates. */
async function hashEntry(zip: ZipFile, entry: Entry): Promise<string> {
  const open = promisify(zip.openReadStream.bind(zip) as OpenStream);
  const hash = createHash('sha256');
  for await (const chunk of await open(entry)) hash.update(chunk as Uint8Array);
  return hash.digest('hex');
}

type OpenStream = (
  entry: Entry,
  done: (error: Error | null, stream: NodeJS.ReadableStream) => void,
) => void;

import { open, readdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import yauzl from 'yauzl';
import { RebuildError } from '../errors.js';
import { compareText } from '../sbom/dependency-graph.js';

const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
const MAX_ENTRIES = 4_000_000;
const MAX_DEPTH = 4;
const MAX_FILES = 1_000_000;

/** One entry of a dump: bytes that should be an advisory in JSON, or why they could not be had. */
export interface DumpEntry {
  /** Path of the file, with the name inside it for an archive. */
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly problem?: string;
}

/**
 * The entries of a dump: JSON files, and ZIP archives of them such as the `all.zip` that OSV publishes
 * for each ecosystem, in a folder and the folders below. Links are not followed.
 *
 * @param skip folders to leave out, by name; those of ecosystems that nobody asks for
 * @throws RebuildError `advisories-unreadable`, `advisories-too-large`
 */
export async function* dumpEntries(
  folder: string,
  skip: (folder: string) => boolean,
): AsyncGenerator<DumpEntry> {
  const files = await listFiles(folder, skip, 0);
  if (files.length > MAX_FILES) throw tooLarge(`over ${MAX_FILES} files`);
  let count = 0;
  for (const file of files.sort(compareText)) {
    const entries = file.endsWith('.zip') ? zipEntries(file) : [await readEntry(file)];
    for await (const entry of entries) {
      if ((count += 1) > MAX_ENTRIES) throw tooLarge(`over ${MAX_ENTRIES} entries`);
      yield entry;
    }
  }
}

function tooLarge(what: string): RebuildError {
  return new RebuildError('advisories-too-large', `the dump has ${what}`);
}

async function listFiles(
  folder: string,
  skip: (folder: string) => boolean,
  depth: number,
): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((cause: unknown) => {
    const message = `${folder} cannot be read as a folder`;
    throw new RebuildError('advisories-unreadable', message, { cause });
  });
  const files: string[] = [];
  for (const entry of entries) {
    const path = join(folder, entry.name);
    if (entry.isDirectory() && depth < MAX_DEPTH && !skip(entry.name))
      files.push(...(await listFiles(path, skip, depth + 1)));
    else if (entry.isFile() && /\.(?:json|zip)$/.test(entry.name)) files.push(path);
  }
  return files;
}

async function readEntry(name: string): Promise<DumpEntry> {
  const file = await open(name, 'r').catch(() => undefined);
  if (file === undefined) return { name, problem: 'cannot be read' };
  try {
    const { size } = await file.stat();
    if (size > MAX_ENTRY_BYTES) return { name, problem: `is over ${MAX_ENTRY_BYTES} bytes` };
    return { name, bytes: await file.readFile() };
  } finally {
    await file.close();
  }
}

async function* zipEntries(path: string): AsyncGenerator<DumpEntry> {
  const place = `${basename(dirname(path))}/${basename(path)}`;
  const zip = await openZip(path);
  const next = entryReader(zip);
  try {
    for (;;) {
      const entry = await next();
      if (entry === undefined) return;
      if (!entry.fileName.endsWith('.json')) continue;
      const name = `${place}:${entry.fileName}`;
      if (entry.uncompressedSize > MAX_ENTRY_BYTES)
        yield { name, problem: `is over ${MAX_ENTRY_BYTES} bytes` };
      else yield await inflate(zip, entry, name);
    }
  } catch (cause) {
    throw brokenZip(path, cause);
  } finally {
    zip.close();
  }
}

function brokenZip(path: string, cause: unknown): unknown {
  if (cause instanceof RebuildError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RebuildError('advisories-unreadable', `${path} is no sound ZIP archive: ${why}`, {
    cause,
  });
}

function openZip(path: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.open(path, { lazyEntries: true, autoClose: false }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(brokenZip(path, error) as Error);
    });
  });
}

/** Entries one at a time, undefined after the last. */
function entryReader(zip: yauzl.ZipFile): () => Promise<yauzl.Entry | undefined> {
  let settle:
    { resolve: (entry?: yauzl.Entry) => void; reject: (error: Error) => void } | undefined;
  zip.on('entry', (entry) => settle?.resolve(entry));
  zip.on('end', () => settle?.resolve());
  zip.on('error', (error: Error) => settle?.reject(error));
  return () =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      zip.readEntry();
    });
}

/** The size that an entry states was held against the limit, and yauzl holds its bytes to that. */
function inflate(zip: yauzl.ZipFile, entry: yauzl.Entry, name: string): Promise<DumpEntry> {
  return new Promise((resolve) => {
    zip.openReadStream(entry, (error, stream) => {
      if (error !== null) {
        resolve({ name, problem: error.message });
        return;
      }
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      stream.on('end', () => {
        resolve({ name, bytes: Buffer.concat(chunks) });
      });
      stream.on('error', (broken: Error) => {
        resolve({ name, problem: broken.message });
      });
    });
  });
}

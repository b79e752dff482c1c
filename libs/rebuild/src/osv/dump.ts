import { open, readdir, readFile, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { crc32, inflateRawSync } from 'node:zlib';
import yauzl from 'yauzl';
import { RebuildError } from '../errors.js';
import { compareText } from '../sbom/dependency-graph.js';

const MAX_ENTRY_BYTES = 16 * 1024 * 1024;
const MAX_ENTRIES = 4_000_000;
const MAX_DEPTH = 4;
const MAX_FILES = 1_000_000;
const MAX_ZIP_BYTES = 1024 * 1024 * 1024;

// ZIP, APPNOTE 6.3.10.
const LOCAL_HEADER = 30;
const STORED = 0;
const DEFLATED = 8;

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
  const { size } = await stat(path);
  if (size > MAX_ZIP_BYTES) throw tooLarge(`an archive of ${size} bytes: ${place}`);
  const archive = await readFile(path);
  const zip = await openZip(path, archive);
  const next = entryReader(zip);
  try {
    for (;;) {
      const entry = await next();
      if (entry === undefined) return;
      if (!entry.fileName.endsWith('.json')) continue;
      const name = `${place}:${entry.fileName}`;
      const bytes = inflateEntry(archive, entry);
      yield bytes === undefined ? { name, problem: 'cannot be unpacked' } : { name, bytes };
    }
  } catch (cause) {
    throw brokenZip(path, cause);
  }
}

function brokenZip(path: string, cause: unknown): RebuildError {
  if (cause instanceof RebuildError) return cause;
  const why = cause instanceof Error ? cause.message : String(cause);
  return new RebuildError('advisories-unreadable', `${path} is no sound ZIP archive: ${why}`, {
    cause,
  });
}

function openZip(path: string, archive: Buffer): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    yauzl.fromBuffer(archive, { lazyEntries: true }, (error, zip) => {
      if (error === null) resolve(zip);
      else reject(brokenZip(path, error));
    });
  });
}

/** Entries one at a time, undefined after the last. */
function entryReader(zip: yauzl.ZipFile): () => Promise<yauzl.Entry | undefined> {
  let settle:
    { resolve: (entry?: yauzl.Entry) => void; reject: (error: Error) => void } | undefined;
  zip.on('entry', (entry: yauzl.Entry) => settle?.resolve(entry));
  zip.on('end', () => settle?.resolve());
  zip.on('error', (error: Error) => settle?.reject(error));
  return () =>
    new Promise((resolve, reject) => {
      settle = { resolve, reject };
      zip.readEntry();
    });
}

/**
 * Bytes of an entry, held to the size and the CRC that it states; undefined when it is not sound. A
 * stream for each entry would take ten times as long, and there are hundreds of thousands.
 */
function inflateEntry(archive: Buffer, entry: yauzl.Entry): Uint8Array | undefined {
  const { relativeOffsetOfLocalHeader: header, compressedSize, uncompressedSize } = entry;
  if (uncompressedSize > MAX_ENTRY_BYTES || header + LOCAL_HEADER > archive.length)
    return undefined;
  const start =
    header + LOCAL_HEADER + archive.readUInt16LE(header + 26) + archive.readUInt16LE(header + 28);
  const packed = archive.subarray(start, start + compressedSize);
  if (packed.length !== compressedSize || entry.isEncrypted()) return undefined;
  try {
    const bytes =
      entry.compressionMethod === DEFLATED
        ? inflateRawSync(packed, { maxOutputLength: Math.max(1, uncompressedSize) })
        : packed;
    const sound = bytes.length === uncompressedSize && crc32(bytes) === entry.crc32;
    return sound && [STORED, DEFLATED].includes(entry.compressionMethod) ? bytes : undefined;
  } catch {
    return undefined;
  }
}

import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readdir, readFile, rename, rm, type FileHandle } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { canonicalJson } from '@touchstone/attest';
import { z } from 'zod';
import { CliError, EXIT } from '../failure.js';

/*
 * What one import brought: `imports/<counter>/`, never changed once it is there. Its manifest names
 * each file by digest and the manifest of the import before it; the newest one's digest stands in
 * the sealed state. So whatever is read later is held against the device's seal.
 */

const Hex = z.string().regex(/^[0-9a-f]{64}$/);
export const ImportManifest = z.strictObject({
  counter: z.int().min(1),
  /** SHA-256 of the manifest of the import before. */
  previous: Hex.nullable(),
  /** By path in the folder. */
  files: z.record(
    z.string().regex(/^[a-z0-9][a-z0-9./-]{0,160}$/),
    z.strictObject({ sha256: Hex, size: z.int().min(0) }),
  ),
});
export type ImportManifest = z.infer<typeof ImportManifest>;

const MANIFEST = 'manifest.json';
const BUFFERED = 4 * 1024 * 1024;

interface OpenFile {
  readonly handle: FileHandle;
  readonly hash: Hash;
  size: number;
}

/** Gathers an import under a name that nothing reads yet. */
export class ImportWriter {
  readonly #folder: string;
  readonly #open = new Map<string, OpenFile>();
  readonly #lines = new Map<string, string[]>();
  readonly #files = new Map<string, { sha256: string; size: number }>();
  #buffered = 0;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** @param folder emptied first: what a broken-off import left there was never named */
  static async open(folder: string): Promise<ImportWriter> {
    await rm(folder, { recursive: true, force: true });
    await mkdir(folder, { recursive: true });
    return new ImportWriter(folder);
  }

  /** Adds bytes to a file that stays open until {@link close}. */
  async append(path: string, bytes: Uint8Array): Promise<void> {
    const file = this.#open.get(path) ?? (await this.#create(path));
    file.hash.update(bytes);
    file.size += bytes.length;
    await file.handle.writeFile(bytes);
  }

  async close(path: string): Promise<void> {
    const file = this.#open.get(path);
    if (file === undefined) return;
    this.#open.delete(path);
    await file.handle.sync();
    await file.handle.close();
    this.#files.set(path, { sha256: file.hash.digest('hex'), size: file.size });
  }

  /** Adds a line to one of many files, of which few fit in memory and all in the folder. */
  async line(path: string, line: string): Promise<void> {
    const lines = this.#lines.get(path) ?? [];
    lines.push(line);
    this.#lines.set(path, lines);
    this.#buffered += line.length;
    if (this.#buffered > BUFFERED) await this.#flush();
  }

  /** All that was gathered, closed: nothing is added to these files any more. */
  async contents(): Promise<{ readonly path: string; readonly sha256: string }[]> {
    await this.#flush();
    for (const path of [...this.#open.keys()]) await this.close(path);
    return Array.from(this.#files, ([path, { sha256 }]) => ({ path, sha256 }));
  }

  /**
   * Closes all files, writes the manifest, and makes the folder durable under its temporary name.
   *
   * @returns SHA-256 of the manifest
   */
  async finish(counter: number, previous: string | null): Promise<string> {
    await this.contents();
    const files = Object.fromEntries([...this.#files].sort(([a], [b]) => (a < b ? -1 : 1)));
    const manifest = canonicalJson({ counter, previous, files });
    await this.append(MANIFEST, Buffer.from(manifest));
    await this.close(MANIFEST);
    for (const folder of await foldersIn(this.#folder)) await syncFolder(folder);
    return createHash('sha256').update(manifest).digest('hex');
  }

  /** Puts the folder in its place. What stood there was left by an import that never counted. */
  async moveTo(place: string): Promise<void> {
    await mkdir(dirname(place), { recursive: true });
    await rm(place, { recursive: true, force: true });
    await rename(this.#folder, place);
    await syncFolder(dirname(place));
  }

  async discard(): Promise<void> {
    for (const { handle } of this.#open.values()) await handle.close();
    this.#open.clear();
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #create(path: string): Promise<OpenFile> {
    const place = join(this.#folder, path);
    await mkdir(dirname(place), { recursive: true });
    const file = { handle: await open(place, 'wx', 0o644), hash: createHash('sha256'), size: 0 };
    this.#open.set(path, file);
    return file;
  }

  /** Files are reopened to be appended to; their digests run on. */
  async #flush(): Promise<void> {
    for (const [path, lines] of this.#lines) {
      await this.append(path, Buffer.from(lines.map((line) => `${line}\n`).join('')));
    }
    this.#lines.clear();
    this.#buffered = 0;
  }
}

/** The imports of a site, newest first, each manifest held against the one that names it. */
export async function* readManifests(
  imports: string,
  newest: { readonly counter: number; readonly manifest?: string },
): AsyncGenerator<ImportManifest & { readonly folder: string }> {
  let expected = newest.manifest ?? null;
  for (let counter = newest.counter; expected !== null; counter--) {
    const folder = join(imports, String(counter));
    const text = await readFile(join(folder, MANIFEST)).catch(() => Buffer.alloc(0));
    if (createHash('sha256').update(text).digest('hex') !== expected) throw damaged(folder);
    const manifest = ImportManifest.parse(JSON.parse(text.toString('utf8')));
    yield { ...manifest, folder };
    expected = manifest.previous;
  }
}

/**
 * A file of an import, or nothing when it has none of that name.
 *
 * @throws CliError `site-damaged` when the bytes are not those that were imported
 */
export async function readImported(
  { files, folder }: ImportManifest & { readonly folder: string },
  path: string,
): Promise<Uint8Array | undefined> {
  const expected = Object.hasOwn(files, path) ? files[path] : undefined;
  if (expected === undefined) return undefined;
  const hash = createHash('sha256');
  const chunks: Buffer[] = [];
  try {
    for await (const chunk of createReadStream(join(folder, path)) as AsyncIterable<Buffer>) {
      hash.update(chunk);
      chunks.push(chunk);
    }
  } catch {
    throw damaged(join(folder, path));
  }
  if (hash.digest('hex') !== expected.sha256) throw damaged(join(folder, path));
  return Buffer.concat(chunks);
}

async function foldersIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  const inner = entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name));
  return [...inner, folder];
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function damaged(path: string): CliError {
  return new CliError(
    'site-damaged',
    `${path} is not what was imported: nothing is answered from it; import the bundles again into a new folder`,
    EXIT.refuted,
  );
}

import { chmod, copyFile, lstat, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join, posix } from 'node:path';
import { RebuildError } from '../errors.js';
import type { TarEntry, TarLink } from '../source/tar.js';
import { sha256Hex } from '../source/integrity.js';

type Node =
  | { readonly type: 'directory' }
  | { readonly type: 'file'; readonly sha256: string; readonly from: string }
  | { readonly type: 'symlink'; readonly target: string; readonly from: string };

export interface AddOptions {
  /** Whose files these are, for messages. */
  readonly from: string;
  /** Path prefixes of what is left out. */
  readonly leaveOut?: readonly string[];
  /** Whether later files take the place of earlier ones, as in the layers of an image. */
  readonly replace?: boolean;
}

const MAX_HOPS = 16;
const WHITEOUT = '.wh.';
const OPAQUE = '.wh..wh..opq';

/**
 * Writes the files of several archives into one root. Links on the way to a file are followed
 * within the root, never by the system: whatever an archive says, nothing is written outside.
 * Two archives may bring the same file, but not two files under one name.
 */
export class RootWriter {
  readonly #root: string;
  readonly #nodes = new Map<string, Node>();

  /** @param root an empty folder */
  constructor(root: string) {
    this.#root = root;
  }

  has(path: string): boolean {
    return this.#nodes.has(this.#canonical(path.replace(/^\//, ''), true));
  }

  async folder(path: string): Promise<void> {
    await this.#makeFolders(this.#canonical(path, true));
  }

  async link(path: string, target: string, from: string): Promise<void> {
    await this.#put({ path, type: 'symlink', target }, { from });
  }

  /** @throws RebuildError `toolchain-conflict`, `package-malformed` */
  async add(entries: readonly (TarEntry | TarLink)[], options: AddOptions): Promise<void> {
    const leaveOut = options.leaveOut ?? [];
    for (const entry of entries) {
      const path = this.#canonical(entry.path, false);
      if (leaveOut.some((prefix) => path === prefix || path.startsWith(`${prefix}/`))) continue;
      if (options.replace === true && (await this.#whiteOut(path))) continue;
      await this.#put(entry, options);
    }
  }

  async #put(entry: TarEntry | TarLink, options: AddOptions): Promise<void> {
    if (entry.type === 'directory') {
      await this.#makeFolders(this.#canonical(entry.path, options.replace !== true), options);
      return;
    }
    const path = this.#canonical(entry.path, false);
    await this.#makeFolders(posix.dirname(path));
    const node = this.#nodeOf(entry, options.from);
    const known = this.#nodes.get(path);
    if (known !== undefined) {
      if (same(known, node)) return;
      if (options.replace !== true) throw conflict(path, known, options.from);
      await this.#remove(path);
    }
    this.#nodes.set(path, node);
    const place = join(this.#root, path);
    if ('data' in entry) {
      const mode = entry.executable ? 0o755 : 0o644;
      await writeFile(place, entry.data, { flag: 'wx', mode });
      await chmod(place, mode);
    } else if (entry.type === 'symlink') await symlink(entry.target, place);
    else await copyFile(join(this.#root, this.#canonical(entry.target, false)), place);
  }

  #nodeOf(entry: TarEntry | TarLink, from: string): Node {
    if ('data' in entry) {
      const mode = entry.executable ? 'x' : '';
      return { type: 'file', sha256: `${sha256Hex(entry.data)}${mode}`, from };
    }
    if (entry.type === 'symlink') return { type: 'symlink', target: entry.target, from };
    const target = this.#nodes.get(this.#canonical(entry.target, false));
    if (target?.type !== 'file')
      throw new RebuildError(
        'package-malformed',
        `${from}: ${entry.path} is a link to ${entry.target}, which is no file`,
      );
    return { ...target, from };
  }

  /** The path with every link in it followed; the last part's own link only when `last`. */
  #canonical(path: string, last: boolean): string {
    let todo = path.split('/');
    let done: string[] = [];
    let hops = 0;
    while (todo.length > 0) {
      const [part = '', ...rest] = todo;
      todo = rest;
      if (part === '' || part === '.') continue;
      if (part === '..') {
        done.pop();
        continue;
      }
      const here = [...done, part];
      const node = this.#nodes.get(here.join('/'));
      if (node?.type !== 'symlink' || (todo.length === 0 && !last)) {
        done = here;
        continue;
      }
      if ((hops += 1) > MAX_HOPS)
        throw new RebuildError('package-malformed', `${path} leads through links without end`);
      if (node.target.startsWith('/')) done = [];
      todo = [...node.target.split('/'), ...todo];
    }
    return done.join('/');
  }

  async #makeFolders(path: string, options?: AddOptions): Promise<void> {
    if (path === '' || path === '.') return;
    const known = this.#nodes.get(path);
    if (known?.type === 'directory') return;
    if (known !== undefined) {
      if (options?.replace !== true) throw conflict(path, known, options?.from ?? path);
      await this.#remove(path);
    }
    await this.#makeFolders(posix.dirname(path), options);
    this.#nodes.set(path, { type: 'directory' });
    await mkdir(join(this.#root, path), { mode: 0o755 });
    await chmod(join(this.#root, path), 0o755);
  }

  /** Removes what a layer's whiteout (OCI image specification, layer.md) names. */
  async #whiteOut(path: string): Promise<boolean> {
    const name = posix.basename(path);
    if (!name.startsWith(WHITEOUT)) return false;
    const folder = posix.dirname(path);
    if (name !== OPAQUE) {
      await this.#remove(posix.join(folder, name.slice(WHITEOUT.length)));
      return true;
    }
    const prefix = folder === '.' ? '' : `${folder}/`;
    for (const known of [...this.#nodes.keys()])
      if (known.startsWith(prefix) && !known.slice(prefix.length).includes('/'))
        await this.#remove(known);
    return true;
  }

  async #remove(path: string): Promise<void> {
    for (const known of [...this.#nodes.keys()])
      if (known === path || known.startsWith(`${path}/`)) this.#nodes.delete(known);
    const place = join(this.#root, path);
    const found = await lstat(place).catch(() => undefined);
    if (found !== undefined) await rm(place, { recursive: true });
  }
}

function same(a: Node, b: Node): boolean {
  if (a.type === 'file' && b.type === 'file') return a.sha256 === b.sha256;
  return a.type === 'symlink' && b.type === 'symlink' && a.target === b.target;
}

function conflict(path: string, known: Node, from: string): RebuildError {
  const owner = 'from' in known ? known.from : 'another package, as a folder';
  return new RebuildError(
    'toolchain-conflict',
    `${from} brings ${path}, which ${owner} brings with other content: they cannot be in one root`,
  );
}

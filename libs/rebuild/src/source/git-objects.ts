import { createHash } from 'node:crypto';
import { RebuildError } from '../errors.js';
import { innerPath, NameSet, quote } from './names.js';

/**
 * Git's objects, as far as reading one commit needs them (git's own documentation:
 * gitformat-pack, git-ls-tree, git-cat-file). Ids are computed here again from the bytes, so that
 * a commit id stands for the files whatever gave them to us.
 */

export interface TreeItem {
  readonly path: string;
  readonly mode: '100644' | '100664' | '100755' | '120000' | '160000';
  readonly id: string;
  /** In bytes; 0 for a submodule. */
  readonly size: number;
}

export interface GitLimits {
  readonly entries: number;
  /** Of all files together, in bytes. */
  readonly totalBytes: number;
}

/** The id of an object: SHA-1 over its type, length and content. */
export function objectId(type: 'commit' | 'tree' | 'blob', content: Uint8Array): string {
  return createHash('sha1').update(`${type} ${content.length}\0`).update(content).digest('hex');
}

export interface CommitHead {
  readonly tree: string;
  /** When it was committed, in seconds since 1970. */
  readonly committed: number;
}

/** @throws RebuildError `integrity-mismatch`, `git-malformed` */
export function readCommit(content: Uint8Array, id: string): CommitHead {
  if (objectId('commit', content) !== id)
    throw new RebuildError('integrity-mismatch', `what was fetched as commit ${id} is another one`);
  const head = Buffer.from(content).toString('latin1').split('\n\n', 1)[0] ?? '';
  const tree = /^tree ([0-9a-f]{40})\n/.exec(head)?.[1];
  const committed = /\ncommitter [^\n]*> (\d{1,12}) [+-]\d{4}(?:\n|$)/.exec(head)?.[1];
  if (tree === undefined || committed === undefined)
    throw new RebuildError('git-malformed', `commit ${id} names no tree, or no time`);
  return { tree, committed: Number(committed) };
}

/**
 * Reads `git ls-tree -r -z -l --full-tree`.
 * @throws RebuildError `git-malformed`, `git-path`, `git-duplicate`, `git-too-many`, `git-too-large`
 */
export function readListing(listing: Buffer, limits: GitLimits): TreeItem[] {
  const items: TreeItem[] = [];
  const names = new NameSet('git');
  let total = 0;
  let offset = 0;
  while (offset < listing.length) {
    const end = listing.indexOf(0, offset);
    if (end < 0) throw new RebuildError('git-malformed', 'the listing of the tree is cut off');
    const line = listing.toString('utf8', offset, end);
    offset = end + 1;
    const match = /^(\d{6}) (?:blob|commit) ([0-9a-f]{40}) +(\d{1,15}|-)\t([^]+)$/.exec(line);
    const [, mode = '', id = '', size = '', name = ''] = match ?? [];
    if (!/^(?:100644|100664|100755|120000|160000)$/.test(mode))
      throw new RebuildError('git-malformed', `the tree holds ${quote(line)}, which is no file`);
    const path = innerPath(name, 'git');
    if (path !== name || path.split('/').some((part) => /^\.git$/i.test(part)))
      throw new RebuildError('git-path', `the tree holds a file called ${quote(name)}`);
    names.add(path, mode === '160000' ? 'directory' : 'file');
    if (items.length >= limits.entries)
      throw new RebuildError('git-too-many', `the commit holds over ${limits.entries} files`);
    const bytes = size === '-' ? 0 : Number(size);
    total += bytes;
    if (total > limits.totalBytes)
      throw new RebuildError('git-too-large', `its files exceed ${limits.totalBytes} bytes`);
    items.push({ path, mode: mode as TreeItem['mode'], id, size: bytes });
  }
  return items;
}

interface Folder {
  readonly files: Map<string, { readonly mode: string; readonly id: string }>;
  readonly folders: Map<string, Folder>;
}

/** The id of the tree that holds exactly these items: what proves that none was kept from us. */
export function treeId(items: readonly TreeItem[]): string {
  const root: Folder = { files: new Map(), folders: new Map() };
  for (const { path, mode, id } of items) {
    const parts = path.split('/');
    const name = parts.pop() ?? '';
    let folder = root;
    for (const part of parts) {
      const next = folder.folders.get(part) ?? { files: new Map(), folders: new Map() };
      folder.folders.set(part, next);
      folder = next;
    }
    folder.files.set(name, { mode, id });
  }
  return folderId(root);
}

function folderId({ files, folders }: Folder): string {
  const rows = [
    ...[...files].map(([name, { mode, id }]) => ({ name, key: name, mode, id })),
    // Git sorts a folder as if its name ended with a slash.
    ...[...folders].map(([name, inner]) => ({
      name,
      key: `${name}/`,
      mode: '40000',
      id: folderId(inner),
    })),
  ].sort((a, b) => Buffer.compare(Buffer.from(a.key), Buffer.from(b.key)));
  const content = Buffer.concat(
    rows.flatMap(({ name, mode, id }) => [
      Buffer.from(`${mode} ${name}\0`),
      Buffer.from(id, 'hex'),
    ]),
  );
  return objectId('tree', content);
}

/**
 * Reads the answers of `git cat-file --batch`, one blob for each item in order, and checks each.
 * @throws RebuildError `git-malformed`, `integrity-mismatch`
 */
export function readBlobs(answers: Buffer, ids: readonly string[]): Buffer[] {
  let offset = 0;
  return ids.map((id) => {
    const end = answers.indexOf(0x0a, offset);
    const head = end < 0 ? '' : answers.toString('latin1', offset, end);
    const size = /^[0-9a-f]{40} blob (\d{1,15})$/.exec(head)?.[1];
    const content = answers.subarray(end + 1, end + 1 + Number(size ?? 0));
    if (size === undefined || content.length !== Number(size))
      throw new RebuildError('git-malformed', `git gave no blob ${id}: ${quote(head)}`);
    if (objectId('blob', content) !== id)
      throw new RebuildError('integrity-mismatch', `blob ${id} of the repository is damaged`);
    offset = end + 2 + content.length;
    return content;
  });
}

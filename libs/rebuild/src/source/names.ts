import { RebuildError } from '../errors.js';

const MAX_PATH = 512;
const MAX_DEPTH = 32;

/** What the names belong to, which is what the codes of refusals begin with. */
export type NamesOf = 'tarball' | 'git';

/**
 * A path as it may be written below a folder. Refuses what could leave that folder or means
 * different files to different systems.
 *
 * @returns '' for the folder itself
 * @throws RebuildError `tarball-path` or `git-path`
 */
export function innerPath(name: string, of: NamesOf): string {
  // Some packers write './package/…'; it says the same as 'package/…'.
  const path = name.replace(/^(?:\.\/)+/, '').replace(/\/$/, '');
  if (path === '' || path === '.') return '';
  const parts = path.split('/');
  const bad = parts.some((part) => part === '' || part === '.' || part === '..');
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (bad || /[\u0000-\u001f\u007f\\\ufffd]/.test(path))
    throw new RebuildError(
      `${of}-path`,
      `${quote(name)} is refused: paths must be relative, without "..", control characters or backslashes`,
    );
  if (path.length > MAX_PATH || parts.length > MAX_DEPTH)
    throw new RebuildError(`${of}-path`, `${quote(name)} is too long or too deep`);
  return path;
}

/** Knows every path and every folder that paths imply, in one spelling each. */
export class NameSet {
  readonly #names = new Map<string, { spelling: string; type: 'file' | 'directory' | 'implied' }>();
  readonly #of: NamesOf;
  readonly #exact: boolean;

  /** @param exact whether names that differ in case or normal form alone are two names */
  constructor(of: NamesOf, exact = false) {
    this.#of = of;
    this.#exact = exact;
  }

  /** @throws RebuildError `tarball-duplicate` or `git-duplicate` */
  add(path: string, type: 'file' | 'directory'): void {
    const parts = path.split('/');
    for (let depth = 1; depth < parts.length; depth += 1)
      this.#claim(parts.slice(0, depth).join('/'), 'implied', path);
    this.#claim(path, type, path);
  }

  #claim(spelling: string, type: 'file' | 'directory' | 'implied', entry: string): void {
    const key = this.#exact ? spelling : spelling.normalize('NFC').toLowerCase();
    const known = this.#names.get(key);
    if (known === undefined) {
      this.#names.set(key, { spelling, type });
      return;
    }
    const folder = type !== 'file' && known.type !== 'file';
    if (known.spelling !== spelling || !folder || (type === 'directory' && known.type === type))
      throw new RebuildError(
        `${this.#of}-duplicate`,
        `${quote(entry)} collides with ${quote(known.spelling)}: two entries may not share a name, not even in another case`,
      );
    if (type === 'directory') known.type = type;
  }
}

/**
 * Where a symbolic link of a source leads. It may climb only as its own folder is deep, and may
 * not climb again after it has named something: so it stays within the tree, links on the way to it
 * and behind it included.
 *
 * @throws RebuildError `git-link` or `tarball-type`
 */
export function linkTarget(path: string, target: string, of: NamesOf): string {
  const parts = target.replace(/\/$/, '').split('/');
  const climbs = parts.findIndex((part) => part !== '..');
  const named = climbs < 0 ? [] : parts.slice(climbs);
  const depth = path.split('/').length - 1;
  const plain = named.every(
    (part, index) => part !== '' && part !== '..' && (part !== '.' || index === 0),
  );
  const up = climbs < 0 ? parts.length : climbs;
  // eslint-disable-next-line no-control-regex -- control characters are what is refused here
  if (!plain || up > depth || target.length > 1024 || /[\u0000-\u001f\u007f\\\ufffd]/.test(target))
    throw new RebuildError(
      of === 'git' ? 'git-link' : 'tarball-type',
      `the symbolic link ${quote(path)} leads to ${quote(target)}, which may lie outside of the source`,
    );
  return target;
}

/** A stranger's name in a message. */
export function quote(name: string): string {
  return JSON.stringify(name.length > 200 ? `${name.slice(0, 200)}…` : name);
}

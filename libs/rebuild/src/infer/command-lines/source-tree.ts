import { joinFolder } from './shell-commands.js';

const MAX_PATTERN = 512;
const MAX_MATCHES = 2048;

/** The paths of a source, relative to its root, and how build scripts speak of them. */
export class SourceTree {
  readonly #files: ReadonlySet<string>;
  readonly #folders: ReadonlySet<string>;

  /** @param paths relative to the root */
  constructor(paths: Iterable<string>) {
    this.#files = new Set(paths);
    const folders = new Set<string>(['']);
    for (const path of this.#files) {
      for (let at = path.lastIndexOf('/'); at > 0; at = path.lastIndexOf('/', at - 1)) {
        const folder = path.slice(0, at);
        if (folders.has(folder)) break;
        folders.add(folder);
      }
    }
    this.#folders = folders;
  }

  get files(): Iterable<string> {
    return this.#files;
  }

  has(path: string): boolean {
    return this.#files.has(path);
  }

  hasFolder(path: string): boolean {
    return this.#folders.has(path);
  }

  /**
   * What a script that runs in `folder` means by a path. An absolute one is of another machine:
   * its longest end that is in the tree is taken, so that `/app/src/a.c` is `src/a.c`.
   */
  resolve(folder: string, path: string): string | undefined {
    if (!path.startsWith('/')) {
      const inner = joinFolder(folder, path);
      return inner !== undefined && this.#known(inner) ? inner : undefined;
    }
    const parts = path.split('/').filter((part) => part !== '' && part !== '.');
    if (parts.length > 64 || parts.includes('..')) return undefined;
    for (let from = 0; from < parts.length; from += 1) {
      const inner = parts.slice(from).join('/');
      if (this.#known(inner)) return inner;
    }
    return undefined;
  }

  /** Files that a pattern with `*` and `?` names, as the script would go on to name them. */
  glob(folder: string, pattern: string): string[] {
    if (pattern.length > MAX_PATTERN || pattern.split('*').length > 8) return [];
    if (!/[*?]/.test(pattern)) return this.resolve(folder, pattern) === undefined ? [] : [pattern];
    const absolute = pattern.startsWith('/');
    const whole = absolute ? pattern : joinFolder(folder, pattern);
    if (whole === undefined) return [];
    const places = absolute ? endsOf(pattern) : [whole];
    for (const place of places) {
      const expression = globExpression(place);
      const found = [...this.#files].filter((path) => expression.test(path)).sort();
      if (found.length === 0) continue;
      const prefix = absolute
        ? pattern.slice(0, pattern.length - place.length)
        : prefixOf(pattern, whole);
      return found
        .slice(0, MAX_MATCHES)
        .map((path) => prefix + path.slice(absolute ? 0 : skipped(pattern, whole)));
    }
    return [];
  }

  #known(path: string): boolean {
    return this.#files.has(path) || this.#folders.has(path);
  }
}

/** `../src/*.c` from `build` is `src/*.c`: what of the first is not in the second, and backwards. */
function prefixOf(pattern: string, whole: string): string {
  return pattern.slice(0, pattern.length - commonEnd(pattern, whole));
}

function skipped(pattern: string, whole: string): number {
  return whole.length - commonEnd(pattern, whole);
}

function commonEnd(left: string, right: string): number {
  let length = 0;
  const most = Math.min(left.length, right.length);
  while (length < most && left.at(-1 - length) === right.at(-1 - length)) length += 1;
  return length;
}

function endsOf(pattern: string): string[] {
  const parts = pattern.split('/').filter((part) => part !== '');
  return parts.slice(0, 64).map((_, from) => parts.slice(from).join('/'));
}

/** Stars do not cross folders; runs of them are one, so that matching takes linear time. */
function globExpression(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll(/\*+/g, '[^/]*').replaceAll('?', '[^/]')}$`);
}

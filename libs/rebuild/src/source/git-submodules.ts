import { GitUrl } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import type { TreeItem } from './git-objects.js';
import type { GitEnded } from './git-process.js';
import { quote } from './names.js';

export interface Submodule {
  /** In the tree that names it. */
  readonly path: string;
  readonly url: string;
  readonly commit: string;
}

const MAX_GITMODULES = 256 * 1024;

/**
 * The submodules of a commit: where `.gitmodules` says that they are, at the commits that the tree
 * names (gitmodules(5)). Git itself reads the file, with no includes.
 *
 * @throws RebuildError `git-submodule`
 */
export async function readSubmodules(
  items: readonly TreeItem[],
  parent: { readonly url: string; readonly commit: string },
  git: (args: string[], maxOutput: number) => Promise<GitEnded>,
): Promise<Submodule[]> {
  const links = items.filter(({ mode }) => mode === '160000');
  if (links.length === 0) return [];
  const file = items.find(({ path }) => path === '.gitmodules');
  if (file === undefined || file.size > MAX_GITMODULES || !file.mode.startsWith('100'))
    throw new RebuildError('git-submodule', 'the commit has submodules and no usable .gitmodules');
  const { stdout } = await git(
    ['config', '--no-includes', '--blob', file.id, '--null', '--list'],
    2 * MAX_GITMODULES,
  );
  const urls = urlsByPath(stdout.toString('utf8'));
  return links.map(({ path, id }) => {
    const url = urls.get(path);
    if (url === undefined)
      throw new RebuildError('git-submodule', `.gitmodules says not where ${quote(path)} is from`);
    return { path, url: resolveUrl(url, parent.url), commit: id };
  });
}

function urlsByPath(listing: string): Map<string, string> {
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const record of listing.split('\0')) {
    const match = /^submodule\.([^]*)\.(path|url)\n([^]*)$/.exec(record);
    if (match === null) continue;
    const [, name = '', key = '', value = ''] = match;
    // As git has it, the last one counts.
    modules.set(name, { ...modules.get(name), [key]: value });
  }
  const urls = new Map<string, string>();
  for (const { path, url } of modules.values()) {
    if (path !== undefined && url !== undefined) urls.set(path.replace(/\/$/, ''), url);
  }
  return urls;
}

/** Relative URLs are those of the parent, climbed. */
function resolveUrl(url: string, parent: string): string {
  let resolved = url;
  if (/^\.{1,2}\//.test(url)) {
    const parts = parent.split('/');
    let rest = url;
    for (;;) {
      if (rest.startsWith('./')) rest = rest.slice(2);
      else if (rest.startsWith('../') && parts.length > 4) {
        parts.pop();
        rest = rest.slice(3);
      } else break;
    }
    resolved = [...parts, rest].join('/');
  }
  resolved = resolved.replace(/\/$/, '');
  if (!GitUrl.safeParse(resolved).success)
    throw new RebuildError(
      'git-submodule',
      `a submodule is from ${quote(url)}, which is no https URL of a repository`,
    );
  return resolved;
}

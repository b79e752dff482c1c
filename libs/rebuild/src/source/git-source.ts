import { randomBytes } from 'node:crypto';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { GitCommit } from '@touchstone/contract';
import { sourceDescriptor } from '@touchstone/attest';
import { RebuildError, systemCode } from '../errors.js';
import type { ResolvedDependency } from '../toolchain/toolchain.js';
import { gitTransport, type GitTransportOptions } from './git-transport.js';
import {
  readBlobs,
  readCommit,
  readListing,
  treeId,
  type GitLimits,
  type TreeItem,
} from './git-objects.js';
import { runGit, type GitEnded, type GitRun } from './git-process.js';
import { readSubmodules } from './git-submodules.js';
import { linkTarget } from './names.js';
import type { SourceEntry } from './unpack.js';

export interface GitSourceOptions extends GitTransportOptions {
  /** Bundle files (git-bundle) that are looked into before any network is asked. */
  readonly bundles?: readonly string[];
  readonly limits?: GitLimits;
  /** What one fetched repository may take on the disk, in bytes. */
  readonly maxDisk?: number;
  /** For each fetch. */
  readonly milliseconds?: number;
}

export interface GitCheckout {
  /** Below no folder of their own. */
  readonly entries: readonly SourceEntry[];
  /** When the commit was made, in seconds since 1970. */
  readonly committed: number;
  /** The commit, and that of each submodule. */
  readonly dependencies: readonly ResolvedDependency[];
}

const DEFAULT_LIMITS: GitLimits = { entries: 50_000, totalBytes: 512 * 1024 * 1024 };
const MAX_DISK = 1024 * 1024 * 1024;
const MAX_LISTING = 64 * 1024 * 1024;
const MAX_COMMIT = 1024 * 1024;
const MAX_SUBMODULES = 64;
const MAX_SUBMODULE_DEPTH = 8;
const FETCH_MILLISECONDS = 10 * 60_000;
const READ_MILLISECONDS = 2 * 60_000;
const BLOBS_AT_ONCE = 2000;

type Pin = Pick<GitCommit, 'url' | 'commit' | 'submodules'>;

/** What is left of the limits for the submodules that follow. */
interface Budget {
  entries: number;
  totalBytes: number;
  submodules: number;
}

/**
 * Commits of git repositories. The git of this machine fetches one commit into a bare repository of
 * its own; its objects are read from there and hashed again, and never checked out by git, so that
 * no filter, attribute or hook of a repository does anything.
 *
 *   <cache>/git/<commit>.git    a bare repository with that commit
 */
export class GitSource {
  readonly #folder: string;
  readonly #options: GitSourceOptions;

  /** @param folder made when first needed */
  constructor(folder: string, options: GitSourceOptions = {}) {
    this.#folder = folder;
    this.#options = options;
  }

  /**
   * The files of a commit, with submodules when the pin asks for them.
   *
   * @throws RebuildError `git-url`, `address-not-allowed`, `host-not-allowed`, `source-not-found`,
   *   `source-unreachable`, `integrity-mismatch`, `git-malformed`, `git-path`, `git-duplicate`,
   *   `git-link`, `git-submodule`, `git-too-large`, `git-too-many`, `git-missing`, `aborted`
   */
  async checkout(pin: Pin, signal?: AbortSignal): Promise<GitCheckout> {
    const limits = this.#options.limits ?? DEFAULT_LIMITS;
    const budget = { ...limits, submodules: MAX_SUBMODULES };
    const dependencies: ResolvedDependency[] = [];
    const { entries, committed } = await this.#read(pin, '', { budget, dependencies, signal }, 0);
    return { entries, committed, dependencies };
  }

  async #read(
    pin: Pin,
    prefix: string,
    walk: { budget: Budget; dependencies: ResolvedDependency[]; signal: AbortSignal | undefined },
    depth: number,
  ): Promise<{ entries: SourceEntry[]; committed: number }> {
    const { budget, signal } = walk;
    const folder = await this.#repository(pin, signal);
    const git = (args: string[], maxOutput: number, input?: string): Promise<GitEnded> =>
      this.#git({ folder, args, maxOutput, ...(input === undefined ? {} : { input }) }, signal);
    const commit = await git(['cat-file', 'commit', pin.commit], MAX_COMMIT);
    const { tree, committed } = readCommit(commit.stdout, pin.commit);
    const listing = await git(
      ['ls-tree', '-r', '-z', '-l', '--full-tree', pin.commit],
      MAX_LISTING,
    );
    const items = readListing(listing.stdout, budget);
    if (treeId(items) !== tree)
      throw new RebuildError('integrity-mismatch', `the tree of commit ${pin.commit} is damaged`);
    budget.entries -= items.length;
    budget.totalBytes -= items.reduce((sum, { size }) => sum + size, 0);
    const { uri, digest } = sourceDescriptor({ kind: 'git', ...pin });
    walk.dependencies.push({
      uri,
      digest: { ...digest, gitTree: tree },
      ...(depth === 0 ? { name: 'source' } : { name: `submodule ${prefix}` }),
    });
    const entries = await this.#entries(items, prefix, git);
    if (pin.submodules === true) {
      const nested = await readSubmodules(items, pin, git);
      for (const { path, url, commit: id } of nested) {
        if (depth >= MAX_SUBMODULE_DEPTH || (budget.submodules -= 1) < 0)
          throw new RebuildError('git-submodule', 'there are too many submodules, or too deep');
        const inner = `${prefix}${path}/`;
        const child = await this.#read(
          { url, commit: id, submodules: true },
          inner,
          walk,
          depth + 1,
        );
        entries.push(...child.entries);
      }
    }
    return { entries, committed };
  }

  async #entries(
    items: readonly TreeItem[],
    prefix: string,
    git: (args: string[], maxOutput: number, input?: string) => Promise<GitEnded>,
  ): Promise<SourceEntry[]> {
    const entries: SourceEntry[] = [];
    for (let start = 0; start < items.length; start += BLOBS_AT_ONCE) {
      const part = items.slice(start, start + BLOBS_AT_ONCE);
      const files = part.filter(({ mode }) => mode !== '160000');
      const bytes = files.reduce((sum, { size }) => sum + size + 64, 1);
      const input = files.map(({ id }) => `${id}\n`).join('');
      const { stdout } = await git(['cat-file', '--batch'], bytes, input);
      const blobs = readBlobs(
        stdout,
        files.map(({ id }) => id),
      );
      let next = 0;
      for (const item of part) {
        const path = prefix + item.path;
        const data = item.mode === '160000' ? Buffer.alloc(0) : blobs[next++]!;
        if (item.mode === '160000')
          entries.push({ path, type: 'directory', executable: false, data });
        else if (item.mode === '120000')
          entries.push({
            path,
            type: 'symlink',
            target: linkTarget(item.path, data.toString(), 'git'),
          });
        else entries.push({ path, type: 'file', executable: item.mode === '100755', data });
      }
    }
    return entries;
  }

  /** The bare repository that holds the commit: as it was kept, or fetched now. */
  async #repository(pin: Pin, signal: AbortSignal | undefined): Promise<string> {
    const kept = join(this.#folder, `${pin.commit}.git`);
    if (await exists(kept)) {
      const found = await this.#git(
        { folder: kept, args: ['cat-file', '-e', `${pin.commit}^{tree}`], maxOutput: 0 },
        signal,
      ).catch(() => undefined);
      if (found?.code === 0) return kept;
      signal?.throwIfAborted();
      await rm(kept, { recursive: true, force: true });
    }
    // Before anything is made: a URL that is refused must not look like one that was tried.
    const fromNetwork = await gitTransport(pin.url, this.#options).catch((error: unknown) => {
      if (this.#options.bundles === undefined) throw error;
      return error as RebuildError;
    });
    await mkdir(this.#folder, { recursive: true });
    const folder = join(this.#folder, `${randomBytes(8).toString('hex')}.tmp`);
    try {
      await mkdir(folder, { mode: 0o700 });
      await this.#git(
        { folder, args: ['init', '--bare', '--quiet', '--template='], maxOutput: 4096 },
        signal,
      );
      const bundled = await this.#fromBundles(folder, pin.commit, signal);
      if (!bundled) {
        if (fromNetwork instanceof Error) throw fromNetwork;
        await this.#fetch(folder, pin, fromNetwork, signal);
      }
      await rename(folder, kept).catch((error: unknown) => {
        // Another process was first; the same commit is the same content.
        if (!['EEXIST', 'ENOTEMPTY'].includes(systemCode(error) ?? '')) throw error;
      });
      return kept;
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  async #fromBundles(
    folder: string,
    commit: string,
    signal: AbortSignal | undefined,
  ): Promise<boolean> {
    for (const bundle of this.#options.bundles ?? []) {
      const run = { folder, maxOutput: 64 * 1024, protocols: 'file' } as const;
      const args = [
        'fetch',
        '--quiet',
        '--no-tags',
        '--no-auto-gc',
        '--',
        bundle,
        '+refs/*:refs/bundle/*',
      ];
      await this.#git({ ...run, args, fetching: true }, signal, true);
      if (await this.#holds(folder, commit, signal)) return true;
    }
    return false;
  }

  async #fetch(
    folder: string,
    { url, commit }: Pin,
    transport: Awaited<ReturnType<typeof gitTransport>>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const run = { folder, maxOutput: 64 * 1024, fetching: true, ...transport };
    const args = ['fetch', '--quiet', '--no-tags', '--no-auto-gc', '--no-recurse-submodules'];
    const one = await this.#git(
      { ...run, args: [...args, '--depth=1', '--', url, commit] },
      signal,
      true,
    );
    if (one.code === 0 && (await this.#holds(folder, commit, signal))) return;
    // Some servers hand out nothing but what a branch or a tag points at.
    const refs = ['+refs/heads/*:refs/fetched/heads/*', '+refs/tags/*:refs/fetched/tags/*'];
    const all = await this.#git({ ...run, args: [...args, '--', url, ...refs] }, signal, true);
    if (all.code === 0 && (await this.#holds(folder, commit, signal))) return;
    const said = `${one.stderr}\n${all.stderr}`;
    const absent =
      all.code === 0 ||
      /not found|does not exist|not a git repository|does not appear to be/i.test(said);
    throw new RebuildError(
      absent ? 'source-not-found' : 'source-unreachable',
      absent
        ? `there is no commit ${commit} at ${url}`
        : `${url} could not be fetched: ${lastLine(all.stderr)}`,
    );
  }

  async #holds(folder: string, commit: string, signal?: AbortSignal): Promise<boolean> {
    const args = ['cat-file', '-e', `${commit}^{tree}`];
    return (await this.#git({ folder, args, maxOutput: 1024 }, signal, true)).code === 0;
  }

  async #git(
    run: Pick<GitRun, 'folder' | 'args' | 'maxOutput' | 'settings' | 'protocols' | 'input'> & {
      readonly fetching?: boolean;
    },
    signal: AbortSignal | undefined,
    mayFail = false,
  ): Promise<GitEnded> {
    const { fetching = false, ...rest } = run;
    const ended = await runGit({
      ...rest,
      milliseconds: fetching
        ? (this.#options.milliseconds ?? FETCH_MILLISECONDS)
        : READ_MILLISECONDS,
      ...(fetching ? { maxDisk: this.#options.maxDisk ?? MAX_DISK } : {}),
      ...(signal === undefined ? {} : { signal }),
    });
    if (ended.code === 0 || mayFail) return ended;
    throw new RebuildError(
      'git-malformed',
      `git ${run.args[0] ?? ''} ended with code ${ended.code}: ${lastLine(ended.stderr)}`,
    );
  }
}

function lastLine(text: string): string {
  return text.trim().split('\n').at(-1)?.slice(0, 300) ?? '';
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

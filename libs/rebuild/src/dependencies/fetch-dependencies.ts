import { constants } from 'node:fs';
import { lstat, mkdir, open, realpath } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { Recipe, RecipeDependencies } from '@touchstone/contract';
import { RebuildError, systemCode } from '../errors.js';
import type { ResolvedDependency } from '../toolchain/root-inputs.js';
import { fetchCrates } from './cargo.js';
import { fetchGoModules } from './go.js';
import { fetchNpmPackages } from './npm.js';
import { DEPENDENCY_FOLDER, type DependencySources, type FetchedDependencies } from './sources.js';

const MAX_LOCKFILE = 16 * 1024 * 1024;
/** All of them, with source and toolchain, must fit into one statement of provenance (1 MiB). */
const MAX_RESOLVED = 3500;
const MAX_RESOLVED_BYTES = 768 * 1024;

/**
 * Fetches what the recipe's lock files pin and lays it into the workspace, where the language's
 * own tool finds it without a network.
 *
 * @throws RebuildError `dependencies-missing`, `dependencies-malformed`,
 *   `dependencies-unsupported`, `dependency-unavailable`, `dependency-mismatch`, `aborted`
 */
export async function fetchDependencies(
  recipe: Pick<Recipe, 'dependencies'>,
  workspace: string,
  sources: DependencySources,
  signal?: AbortSignal,
): Promise<FetchedDependencies> {
  if (recipe.dependencies !== undefined) await claim(join(workspace, DEPENDENCY_FOLDER));
  const resolved: ResolvedDependency[] = [];
  let environment: Record<string, string> = {};
  for (const wanted of recipe.dependencies ?? []) {
    const fetched = await fetchKind(wanted, workspace, sources, signal);
    resolved.push(...fetched.resolved);
    refuseUnrecordable(resolved);
    environment = { ...environment, ...fetched.environment };
  }
  return { resolved, environment };
}

/** What a build uses and provenance cannot name is not used. */
function refuseUnrecordable(resolved: readonly ResolvedDependency[]): void {
  const bytes = JSON.stringify(resolved).length;
  if (resolved.length <= MAX_RESOLVED && bytes <= MAX_RESOLVED_BYTES) return;
  throw new RebuildError(
    'dependencies-unsupported',
    `the lock files pin ${resolved.length} files, more than provenance can name: vendor them in the source`,
  );
}

async function fetchKind(
  { kind, lockfile }: RecipeDependencies,
  workspace: string,
  sources: DependencySources,
  signal: AbortSignal | undefined,
): Promise<FetchedDependencies> {
  const text = await readLockfile(workspace, lockfile);
  if (kind === 'cargo') return fetchCrates(text, workspace, sources, signal);
  if (kind === 'go') return fetchGoModules(text, workspace, sources, signal);
  const folder = join(workspace, dirname(lockfile));
  await claim(join(folder, 'node_modules'));
  return fetchNpmPackages(text, folder, sources, signal);
}

/** A new folder of our own: what is written below must not follow what the source brought. */
async function claim(folder: string): Promise<void> {
  try {
    await mkdir(folder);
  } catch (error) {
    if (systemCode(error) !== 'EEXIST') throw error;
    throw new RebuildError(
      'dependencies-unsupported',
      `the source brings ${basename(folder)} itself: leave the recipe's dependencies out`,
    );
  }
}

async function readLockfile(workspace: string, lockfile: string): Promise<string> {
  const path = join(workspace, lockfile);
  if (
    (await realpath(dirname(path)).catch(() => '')) !==
    join(await realpath(workspace), dirname(lockfile))
  )
    throw new RebuildError('dependencies-missing', `the source has no file ${lockfile}`);
  const found = await lstat(path).catch(() => undefined);
  if (found?.isFile() !== true)
    throw new RebuildError('dependencies-missing', `the source has no file ${lockfile}`);
  if (found.size > MAX_LOCKFILE)
    throw new RebuildError('dependencies-malformed', `${lockfile} has over ${MAX_LOCKFILE} bytes`);
  const file = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

import { mkdtemp, mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Recipe } from '@touchstone/contract';
import { fetchDependencies } from './dependencies/fetch-dependencies.js';
import { dependencySources } from './dependencies/sources.js';
import { RebuildError } from './errors.js';
import { buildEnvironment, planSteps } from './plan.js';
import type { RebuildOptions } from './rebuild-options.js';
import type { SandboxRun } from './sandbox/executor.js';
import { DEFAULT_LIMITS } from './sandbox/sandbox-limits.js';
import { findLockfile, type FoundLockfile } from './sbom/find-lockfile.js';
import type { FetchedSource } from './source/sources.js';
import { placeEntries } from './source/unpack.js';
import { removeStaleWorkspaces } from './stale-workspaces.js';
import type { ResolvedDependency, Toolchain } from './toolchain/toolchain.js';
import { removeTree } from './toolchain/tree.js';
import type { Circumstances } from './variation/circumstances.js';
import { clearOutputs, readOutput } from './workspace.js';

/** What a build leaves behind; filled as it goes, so that one that breaks off leaves so much. */
export interface BuildRecord {
  variables: Readonly<Record<string, string>>;
  lockfile?: FoundLockfile;
  readonly dependencies: ResolvedDependency[];
  /** By module name. */
  readonly built: Map<string, Uint8Array>;
}

const WORKSPACE = '/work';

/** What is built, and of what. */
export interface BuildInput {
  readonly recipe: Recipe;
  readonly source: FetchedSource;
  readonly toolchain: Toolchain;
}

/**
 * One build in a workspace of its own, which is removed afterwards.
 * @throws RebuildError of the dependencies' fetch and of the build
 */
export async function build(
  input: BuildInput,
  options: RebuildOptions,
  record: BuildRecord,
  circumstances: Circumstances = {},
): Promise<void> {
  const { recipe } = input;
  const work = options.work ?? join(options.cache, 'work');
  await mkdir(work, { recursive: true });
  await removeStaleWorkspaces(work, Date.now());
  const folder = await mkdtemp(join(work, 'build-'));
  try {
    const workspace = join(folder, 'work');
    const tree = join(workspace, circumstances.folder ?? '');
    const directory = await placeSource(input, tree, circumstances);
    await prepare(input, tree, options, record, circumstances);
    await clearOutputs(
      directory,
      recipe.modules.map(({ output }) => output),
    );
    await runSteps(input, workspace, options, record, circumstances);
    for (const { name, output } of recipe.modules)
      record.built.set(name, await readOutput(directory, output));
  } finally {
    await removeTree(folder);
  }
}

/** Unpacks the source; the folder that the steps run in. */
async function placeSource(
  { recipe, source: { entries } }: BuildInput,
  tree: string,
  { reverseFiles }: Circumstances,
): Promise<string> {
  await mkdir(tree, { recursive: true });
  await placeEntries(reverseFiles === true ? entries.toReversed() : entries, tree);
  const directory = join(tree, recipe.workdir);
  const found = await stat(directory).catch(() => undefined);
  if (found?.isDirectory() === true) return directory;
  throw new RebuildError('workdir-missing', `the source has no folder ${recipe.workdir}`);
}

/** Reads the lockfile before the build can touch it, and fetches what it pins. */
async function prepare(
  { recipe, source, toolchain }: BuildInput,
  tree: string,
  options: RebuildOptions,
  record: BuildRecord,
  { folder: inner = '', mountPoint = WORKSPACE, variables = {} }: Circumstances,
): Promise<void> {
  const lockfile = await findLockfile(tree, recipe.workdir, recipe.toolchain.name);
  if (lockfile !== undefined) record.lockfile = lockfile;
  const sources = dependencySources(options.source, options.cache, options.registries);
  const fetched = await fetchDependencies(recipe, tree, sources, options.signal);
  record.dependencies.push(...fetched.resolved);
  const layers = [
    variables,
    toolchain.environment,
    fetched.environment,
    source.committed === undefined ? {} : { SOURCE_DATE_EPOCH: String(source.committed) },
    recipe.environment ?? {},
  ];
  record.variables = buildEnvironment(layers, join(mountPoint, inner));
}

/** All processes of the steps, within one limit of time for all of them. */
async function runSteps(
  { recipe, toolchain }: BuildInput,
  workspace: string,
  { sandbox, signal, ...options }: RebuildOptions,
  record: BuildRecord,
  circumstances: Circumstances,
): Promise<void> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  let left = limits.wallMilliseconds;
  for (const { argv, input } of planSteps(recipe.steps, toolchain.commands)) {
    const { milliseconds, image } = await sandbox.run({
      root: toolchain.root,
      rootDigest: toolchain.digest,
      workspace,
      ...surroundings(circumstances),
      directory: join(circumstances.folder ?? '', recipe.workdir),
      argv,
      environment: record.variables,
      ...(input === undefined ? {} : { input }),
      limits: { ...limits, wallMilliseconds: left },
      ...(signal === undefined ? {} : { signal }),
    });
    left = Math.max(1, left - milliseconds);
    if (image !== undefined) recordImage(record, image);
  }
}

/** The image that an executor made of the toolchain's root, `sha256:…`. */
function recordImage({ dependencies }: BuildRecord, image: string): void {
  const uri = `pkg:oci/touchstone-root@${encodeURIComponent(image)}`;
  if (dependencies.some((dependency) => dependency.uri === uri)) return;
  const digest = { sha256: image.replace(/^sha256:/, '') };
  dependencies.push({ uri, digest, name: 'image' });
}

/** Those of an executor's run; the others are dealt with here. */
function surroundings({
  mountPoint,
  hostname,
  uid,
  umask,
  cpus,
  mounts,
}: Circumstances): Partial<SandboxRun> {
  return {
    ...(mountPoint === undefined ? {} : { mountPoint }),
    ...(hostname === undefined ? {} : { hostname }),
    ...(uid === undefined ? {} : { uid }),
    ...(umask === undefined ? {} : { umask }),
    ...(cpus === undefined ? {} : { cpus }),
    ...(mounts === undefined ? {} : { mounts }),
  };
}

import { machine } from 'node:os';
import {
  artifactDescriptor,
  artifactDigest,
  artifactUri,
  failureMessage,
  type RebuildPredicate,
  type RebuiltModule,
  type Variation,
} from '@touchstone/attest';
import { recipeDigest, type Recipe, type VaryWhen } from '@touchstone/contract';
import { build, type BuildRecord } from './build.js';
import { outcomeOfFailure, RebuildError } from './errors.js';
import { DEFAULT_VARIATION_MS, type RebuildOptions, type RebuildStage } from './rebuild-options.js';
import { judgeModules, worstOutcome } from './compare/judge.js';
import { readPublished } from './compare/published.js';
import { planSteps } from './plan.js';
import { BUILD_ENVIRONMENT, DEFAULT_LIMITS } from './sandbox/sandbox-limits.js';
import { readToolchainLock } from './toolchain/lock-folders.js';
import {
  assembleToolchain,
  type ResolvedDependency,
  type Toolchain,
} from './toolchain/toolchain.js';
import type { FoundLockfile } from './sbom/find-lockfile.js';
import { variationDimensions } from './variation/dimensions.js';
import { varyBuild, type Build } from './variation/vary.js';
import { Sources, type FetchedSource } from './source/sources.js';

export interface RebuildReport {
  readonly predicate: RebuildPredicate;
  /** Everything that was fetched or used, the toolchain's root included. */
  readonly resolvedDependencies: readonly ResolvedDependency[];
  /** By module name; empty unless the build ended well. */
  readonly built: ReadonlyMap<string, Uint8Array>;
  /** By module name; empty when the artifact could not be had. */
  readonly claimed: ReadonlyMap<string, Uint8Array>;
  /** That of the source tree, read before the build could touch it; unread, so perhaps malformed. */
  readonly lockfile?: FoundLockfile;
}

/** What is known so far; a rebuild that breaks off reports this much. */
interface Progress extends BuildRecord {
  toolchain?: Toolchain;
  variation?: Variation;
  readonly claimed: Map<string, Uint8Array>;
  readonly modules: RebuiltModule[];
}

/**
 * Rebuilds a publication and compares. What the publication, its source or its build is at fault
 * for becomes the outcome `unavailable` or `failed` of the report.
 *
 * @throws RebuildError of this machine's own faults, which say nothing about the publication:
 *   `sandbox-unavailable`, `toolchain-lock`, `toolchain-mismatch`, `registry-config`, `aborted`
 */
export async function rebuild(recipe: Recipe, options: RebuildOptions): Promise<RebuildReport> {
  const now = options.now ?? (() => new Date());
  const startedOn = now().toISOString();
  const progress: Progress = {
    variables: BUILD_ENVIRONMENT,
    dependencies: [],
    claimed: new Map(),
    built: new Map(),
    modules: [],
  };
  let failure: { outcome: 'unavailable' | 'failed'; code: string; message: string } | undefined;
  try {
    await carryOut(recipe, options, progress);
  } catch (error) {
    if (options.signal?.aborted === true)
      throw new RebuildError('aborted', 'the rebuild was aborted by its caller', { cause: error });
    const outcome = error instanceof RebuildError ? outcomeOfFailure(error) : undefined;
    if (!(error instanceof RebuildError) || outcome === undefined) throw error;
    failure = { outcome, code: error.code, message: failureMessage(error.message) };
  }
  const { toolchain } = progress;
  const predicate: RebuildPredicate = {
    outcome: failure?.outcome ?? worstOutcome(progress.modules.map(({ outcome }) => outcome)),
    artifact: artifactDescriptor(recipe.artifact),
    recipe: { digest: { sha256: recipeDigest(recipe) } },
    ...(toolchain === undefined
      ? {}
      : {
          toolchain: {
            name: toolchain.name,
            version: toolchain.version,
            digest: { sha256: toolchain.digest },
          },
        }),
    modules: failure === undefined ? progress.modules : [],
    ...(progress.variation === undefined ? {} : { variation: progress.variation }),
    ...(failure === undefined ? {} : { failure: { code: failure.code, message: failure.message } }),
    environment: {
      sandbox: options.sandbox.description,
      architecture: machine(),
      network: 'none',
      variables: { ...progress.variables },
    },
    startedOn,
    finishedOn: now().toISOString(),
  };
  const { dependencies, built, claimed, lockfile } = progress;
  return {
    predicate,
    resolvedDependencies: dependencies,
    built,
    claimed,
    ...(lockfile === undefined ? {} : { lockfile }),
  };
}

async function carryOut(
  recipe: Recipe,
  options: RebuildOptions,
  progress: Progress,
): Promise<void> {
  const { signal } = options;
  const enter = (stage: RebuildStage): void => {
    signal?.throwIfAborted();
    options.onProgress?.(stage);
  };
  enter('artifact');
  const sources = options.sources ?? (await Sources.open(options.source, options.cache));
  const layers: ResolvedDependency[] = [];
  const published = {
    ...options,
    oci: sources.oci,
    onFetched: (layer: ResolvedDependency) => layers.push(layer),
  };
  for (const [name, bytes] of await readPublished(recipe, published)) {
    progress.claimed.set(name, bytes);
  }
  progress.dependencies.push(dependency(recipe.artifact, 'artifact'), ...layers);
  enter('source');
  const source = await sources.fetch(recipe.source, signal);
  progress.dependencies.push(...source.dependencies);
  enter('toolchain');
  const lock = await readToolchainLock(recipe.toolchain, options.toolchains);
  const toolchain = await assembleToolchain(lock, options.source, options.cache, {
    ...options.toolchainFiles,
    ...(signal === undefined ? {} : { signal }),
  });
  progress.toolchain = toolchain;
  progress.dependencies.push(...toolchain.dependencies);
  enter('build');
  await build({ recipe, source, toolchain }, options, progress);
  enter('compare');
  const pairs = recipe.modules.map(({ name }) => {
    const [claimed, observed] = [progress.claimed.get(name), progress.built.get(name)];
    if (claimed === undefined || observed === undefined) throw new Error(`module ${name} is lost`);
    return { name, claimed, observed };
  });
  progress.modules.push(...judgeModules(pairs));
  const vary = whenToVary(options.vary, recipe.vary);
  const reproduced = progress.modules.every(({ outcome }) => outcome === 'reproduced');
  if (vary === 'never' || (vary === 'when-different' && reproduced)) return;
  enter('variation');
  progress.variation = await variationOf(recipe, source, toolchain, options, progress.built);
}

function whenToVary(operator: VaryWhen | undefined, asked: VaryWhen | undefined): VaryWhen {
  if (operator === 'never' || operator === 'always') return operator;
  return asked ?? operator ?? 'never';
}

async function variationOf(
  recipe: Recipe,
  source: FetchedSource,
  toolchain: Toolchain,
  options: RebuildOptions,
  first: ReadonlyMap<string, Uint8Array>,
): Promise<Variation> {
  const programs = planSteps(recipe.steps, toolchain.commands).map(({ argv }) => argv[0]);
  const dimensions = await variationDimensions({ root: toolchain.root, programs });
  const { wallMilliseconds } = { ...DEFAULT_LIMITS, ...options.limits };
  const buildOnce: Build = async (circumstances, left) => {
    const record: BuildRecord = { variables: {}, dependencies: [], built: new Map() };
    const limits = { ...options.limits, wallMilliseconds: Math.min(wallMilliseconds, left) };
    await build({ recipe, source, toolchain }, { ...options, limits }, record, circumstances);
    return record.built;
  };
  return varyBuild(first, dimensions, buildOnce, {
    milliseconds: options.variationMilliseconds ?? DEFAULT_VARIATION_MS,
    now: () => performance.now(),
  });
}

function dependency(artifact: Recipe['artifact'], name: string): ResolvedDependency {
  return { uri: artifactUri(artifact), digest: artifactDigest(artifact), name };
}

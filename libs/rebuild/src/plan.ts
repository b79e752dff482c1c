import type { RecipeStep } from '@touchstone/contract';
import { RebuildError } from './errors.js';
import { BUILD_ENVIRONMENT } from './sandbox/sandbox-limits.js';
import type { ToolchainCommand } from './toolchain/toolchain-lock.js';

/** One process in the sandbox. */
export interface PlannedProcess {
  readonly argv: readonly [string, ...string[]];
  readonly input?: string;
}

interface Invocation {
  readonly command: string;
  readonly args: readonly string[];
}

// Compiling a large compiler twice, first quickly and then well, costs more than it saves here.
const DRIVER_ARGV = ['/bin/node', '--liftoff-only', '/toolchain/drivers/run.mjs'] as const;

/**
 * The whole environment of a build: that of every build, then what the toolchain, the fetched
 * dependencies and the recipe set, each over those before it.
 *
 * @param layers `{workspace}` in a value stands for `mountPoint`
 * @param mountPoint where the sandbox has the workspace
 */
export function buildEnvironment(
  layers: readonly Readonly<Record<string, string>>[],
  mountPoint = '/work',
): Record<string, string> {
  const variables: Record<string, string> = { ...BUILD_ENVIRONMENT };
  for (const [name, value] of layers.flatMap((layer) => Object.entries(layer)))
    variables[name] = value.replaceAll('{workspace}', mountPoint);
  return variables;
}

/**
 * The processes that carry out the steps, in order. Invocations that follow each other and belong
 * to one driver share a process, since starting a compiler costs more than a small compilation.
 *
 * @throws RebuildError `command-unknown`
 */
export function planSteps(
  steps: readonly RecipeStep[],
  commands: Readonly<Record<string, ToolchainCommand>>,
): PlannedProcess[] {
  const processes: PlannedProcess[] = [];
  let batch: { driver: string; invocations: Invocation[] } | undefined;
  const flush = (): void => {
    if (batch !== undefined)
      processes.push({
        argv: [...DRIVER_ARGV, batch.driver],
        input: JSON.stringify({ invocations: batch.invocations }),
      });
    batch = undefined;
  };
  for (const { command, args } of steps.flatMap(invocations)) {
    const how = Object.hasOwn(commands, command) ? commands[command] : undefined;
    if (how === undefined)
      throw new RebuildError(
        'command-unknown',
        `${command} is not a command of the toolchain, which has ${Object.keys(commands).join(', ')}`,
      );
    if ('driver' in how) {
      if (batch?.driver !== how.driver) flush();
      batch ??= { driver: how.driver, invocations: [] };
      batch.invocations.push({ command, args });
    } else {
      flush();
      processes.push({ argv: [...how.argv, ...args] });
    }
  }
  flush();
  return processes;
}

function invocations({ run, each }: RecipeStep): Invocation[] {
  const [command = '', ...args] = run;
  if (each === undefined) return [{ command, args }];
  return each.map((item) => ({ command, args: args.map((arg) => arg.replaceAll('{each}', item)) }));
}

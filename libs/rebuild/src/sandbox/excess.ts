import type { RebuildErrorCode } from '../errors.js';
import type { ProcessUsage } from './process-tree.js';
import type { SandboxLimits } from './sandbox-limits.js';

/** Why a run is being stopped. */
export interface Excess {
  readonly code: RebuildErrorCode;
  readonly message: string;
}

export const ABORTED: Excess = { code: 'aborted', message: 'the build was aborted by its caller' };

export function processExcess(usage: ProcessUsage, limits: SandboxLimits): Excess | undefined {
  if (usage.tasks > limits.tasks)
    return { code: 'build-processes', message: `the build had over ${limits.tasks} threads` };
  return usage.memory > limits.memoryBytes ? memoryExcess(limits) : undefined;
}

export function memoryExcess({ memoryBytes }: SandboxLimits): Excess {
  return {
    code: 'build-memory',
    message: `the build took over ${memoryBytes} bytes of memory`,
  };
}

export function timeExcess({ wallMilliseconds }: SandboxLimits): Excess {
  return { code: 'build-timeout', message: `the build ran over ${wallMilliseconds} ms` };
}

export function floodExcess({ outputBytes }: SandboxLimits): Excess {
  return {
    code: 'build-output-flood',
    message: `the build printed more than ${outputBytes} bytes`,
  };
}

import { RebuildError } from '../errors.js';
import type { DiskUsage } from './disk-usage.js';
import type { SandboxRun } from './executor.js';
import type { OutputTail } from './output-tail.js';
import { MAX_WORKSPACE_DEPTH, type SandboxLimits } from './sandbox-limits.js';

/** Of signals, a shell's way of telling them in an exit code. */
const SIGXCPU = 128 + 24;

/**
 * What the end of a run says, once nothing of it runs any more: nothing when it ended well.
 * @throws RebuildError `build-disk`, `build-timeout`, `build-exit`
 */
export function refuseFailure(
  exit: number,
  usage: DiskUsage,
  run: SandboxRun,
  limits: SandboxLimits,
  output: OutputTail,
): void {
  const full = usage.largestFile >= limits.fileBytes && exit !== 0;
  const over =
    usage.bytes > limits.workspaceBytes ||
    usage.entries > limits.workspaceEntries ||
    usage.depth > MAX_WORKSPACE_DEPTH;
  if (full || over)
    throw new RebuildError(
      'build-disk',
      `the build wrote more than it may: ${limits.workspaceBytes} bytes in all, ${limits.fileBytes} in one file, ${limits.workspaceEntries} files`,
    );
  if (exit === SIGXCPU)
    throw new RebuildError(
      'build-timeout',
      `a process used over ${limits.cpuSeconds} s of CPU time`,
    );
  if (exit !== 0)
    throw new RebuildError(
      'build-exit',
      `${run.argv.join(' ').slice(0, 300)} ended with exit code ${exit}: ${tail(output.texts())}`,
    );
}

function tail({ stdout, stderr }: { stdout: string; stderr: string }): string {
  const text = stderr.trim() === '' ? stdout : stderr;
  return text.trim().slice(-2000);
}

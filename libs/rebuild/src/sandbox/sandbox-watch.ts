import type { ChildProcess } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';
import { diskUsage, exceeds } from './disk-usage.js';
import { processExcess, timeExcess, type Excess } from './excess.js';
import { usageBelow } from './process-tree.js';
import { MAX_WORKSPACE_DEPTH, type SandboxLimits } from './sandbox-limits.js';

const INTERVAL = 40;
/** The disk is looked at less often, and the less the longer that takes: a large tree is slow. */
const DISK_INTERVAL = 160;
const DISK_SHARE = 0.1;

/**
 * Looks at a run again and again until `finished`, and says when it uses more than it may.
 * @returns the most resident memory that was seen, in bytes
 */
export async function watchRun(
  child: ChildProcess,
  workspace: string,
  limits: SandboxLimits,
  onExcess: (excess: Excess) => void,
  finished: AbortSignal,
): Promise<number> {
  const deadline = performance.now() + limits.wallMilliseconds;
  let peak = 0;
  const isOver = (): boolean => finished.aborted;
  let diskAt = performance.now() + DISK_INTERVAL;
  const lookAtDisk = async (): Promise<Excess | undefined> => {
    const started = performance.now();
    if (started < diskAt) return undefined;
    const found = await diskExcess(workspace, limits);
    const ended = performance.now();
    diskAt = ended + Math.max(DISK_INTERVAL, (ended - started) / DISK_SHARE);
    return found;
  };
  while (!isOver()) {
    await delay(INTERVAL, undefined, { signal: finished }).catch(() => undefined);
    if (isOver() || child.pid === undefined) break;
    const usage = usageBelow(child.pid, limits.tasks);
    peak = Math.max(peak, usage.memory);
    const excess =
      processExcess(usage, limits) ??
      (await lookAtDisk()) ??
      (performance.now() > deadline ? timeExcess(limits) : undefined);
    if (excess !== undefined && !isOver()) onExcess(excess);
  }
  return peak;
}

async function diskExcess(workspace: string, limits: SandboxLimits): Promise<Excess | undefined> {
  const disk = {
    bytes: limits.workspaceBytes,
    entries: limits.workspaceEntries,
    depth: MAX_WORKSPACE_DEPTH,
  };
  const usage = await diskUsage(workspace, disk);
  if (!exceeds(usage, disk)) return undefined;
  return {
    code: 'build-disk',
    message: `the workspace passed ${disk.bytes} bytes, ${disk.entries} files or ${disk.depth} levels`,
  };
}

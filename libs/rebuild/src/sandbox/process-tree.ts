import { readdirSync, readFileSync } from 'node:fs';

// Synchronous on purpose: the kernel answers from memory in microseconds, and the thread pool's
// way there and back cost more of the builds' processor than all the rest of watching them.

export interface ProcessUsage {
  /** Threads of all processes: what RLIMIT_NPROC counts. */
  tasks: number;
  /** Resident memory of all processes, in bytes; shared pages count once for each. */
  memory: number;
}

/** Children of a process, from /proc; empty when it is gone. */
function childrenOf(pid: number): number[] {
  return readNames(`/proc/${pid}/task`)
    .map((thread) => readText(`/proc/${pid}/task/${thread}/children`))
    .flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/**
 * Sums up the descendants of a process, not the process itself. Inside a PID namespace orphans go
 * to its first process, so none leaves the tree.
 *
 * @param maxTasks counting stops beyond this
 */
export function usageBelow(pid: number, maxTasks: number): ProcessUsage {
  const usage: ProcessUsage = { tasks: 0, memory: 0 };
  const pending = childrenOf(pid);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const status = readText(`/proc/${next}/status`);
    usage.tasks += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    usage.memory += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    if (usage.tasks > maxTasks) break;
    pending.push(...childrenOf(next));
  }
  return usage;
}

/** Threads that the user runs on this machine by now. */
export function tasksOfUser(uid: number): number {
  let tasks = 0;
  for (const pid of readNames('/proc').filter((name) => /^\d+$/.test(name))) {
    const status = readText(`/proc/${pid}/status`);
    if (Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1) !== uid) continue;
    tasks += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
  }
  return tasks;
}

/** When a process started, in ticks since boot: with its id, this names it for good. */
export function startOf(pid: number): string | undefined {
  return statFields(pid)[19];
}

/**
 * Whether that process has ended. One that only waits to be reaped counts as ended; for the first
 * process of a PID namespace that comes after the kernel has ended all others in it.
 */
export function hasEnded(pid: number, start: string | undefined): boolean {
  const fields = statFields(pid);
  return fields.length === 0 || fields[0] === 'Z' || fields[0] === 'X' || fields[19] !== start;
}

/** The fields of /proc/PID/stat that follow the name, which may itself hold spaces. */
function statFields(pid: number): string[] {
  const stat = readText(`/proc/${pid}/stat`);
  return stat === '' ? [] : stat.slice(stat.lastIndexOf(')') + 2).split(' ');
}

function readNames(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}

import { readdir, readFile } from 'node:fs/promises';

export interface ProcessUsage {
  /** Threads of all processes: what RLIMIT_NPROC counts. */
  tasks: number;
  /** Resident memory of all processes, in bytes; shared pages count once for each. */
  memory: number;
}

/** Children of a process, from /proc; empty when it is gone. */
export async function childrenOf(pid: number): Promise<number[]> {
  const threads = await readdir(`/proc/${pid}/task`).catch(() => []);
  const lists = await Promise.all(
    threads.map((thread) => readText(`/proc/${pid}/task/${thread}/children`)),
  );
  return lists.flatMap((list) => list.split(' ').filter(Boolean).map(Number));
}

/**
 * Sums up the descendants of a process, not the process itself. Inside a PID namespace orphans go
 * to its first process, so none leaves the tree.
 */
export async function usageBelow(pid: number, maxTasks: number): Promise<ProcessUsage> {
  const usage: ProcessUsage = { tasks: 0, memory: 0 };
  const pending = await childrenOf(pid);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    const status = await readText(`/proc/${next}/status`);
    usage.tasks += Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0);
    usage.memory += Number(/^VmRSS:\s+(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
    if (usage.tasks > maxTasks) break;
    pending.push(...(await childrenOf(next)));
  }
  return usage;
}

/** Threads that the user runs on this machine by now. */
export async function tasksOfUser(uid: number): Promise<number> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
  const counts = await Promise.all(
    pids.map(async (pid) => {
      const status = await readText(`/proc/${pid}/status`);
      const owner = Number(/^Uid:\s+(\d+)/m.exec(status)?.[1] ?? -1);
      return owner === uid ? Number(/^Threads:\s+(\d+)/m.exec(status)?.[1] ?? 0) : 0;
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch(() => '');
}

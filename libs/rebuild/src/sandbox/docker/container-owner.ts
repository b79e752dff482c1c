import { readFileSync, readlinkSync } from 'node:fs';
import { hasEnded, startOf } from '../process-tree.js';

/** On containers: the process that works with them, see {@link thisOwner}. */
export const OWNER_LABEL = 'dev.touchstone.owner';

const OWNER = /^([0-9a-f-]{36}) (pid:\[\d{1,20}\]) (\d{1,10}) (\d{1,20})$/;

/**
 * This process, so that nothing else is ever called the same: the boot of the machine's kernel, the
 * PID namespace, the process id in it and when it started (`proc_pid_stat(5)`, in ticks). Where /proc
 * does not tell, it is nobody, of whom it is never known that they have ended.
 */
export function thisOwner(): string {
  const start = startOf(process.pid);
  const where = scope();
  return start === undefined || where === undefined ? '' : `${where} ${process.pid} ${start}`;
}

/**
 * Whether that process has ended for certain. One of another machine, of another boot or of another
 * PID namespace cannot be looked for from here, and a label may say anything: then it has not.
 */
export function ownerHasEnded(owner: string): boolean {
  const [, boot, namespace, pid, start] = OWNER.exec(owner) ?? [];
  if (`${boot ?? ''} ${namespace ?? ''}` !== scope()) return false;
  return hasEnded(Number(pid), start);
}

/** Within which ids of processes mean the same. */
function scope(): string | undefined {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return undefined;
  }
}

import { readFileSync } from 'node:fs';

/**
 * The first processors that this process may run on, as a list for taskset and for engines: `0,1`.
 * @param count more than there are means all
 */
export function firstCpus(count: number): string {
  const status = readFileSync('/proc/self/status', 'utf8');
  const list = /^Cpus_allowed_list:\s+(\S+)$/m.exec(status)?.[1] ?? '0';
  const cpus = list.split(',').flatMap((range) => {
    const [first = 0, last = first] = range.split('-').map(Number);
    return Array.from({ length: last - first + 1 }, (_, index) => first + index);
  });
  return cpus.slice(0, Math.max(1, count)).join(',');
}

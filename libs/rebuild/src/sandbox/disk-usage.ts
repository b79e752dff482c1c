import { lstat, readdir } from 'node:fs/promises';

const SLASH = Buffer.from('/');

export interface DiskUsage {
  /** Space that is taken, in bytes: a hole in a file takes none. */
  bytes: number;
  entries: number;
  largestFile: number;
  /** Levels of folders. */
  depth: number;
}

export interface DiskLimits {
  readonly bytes: number;
  readonly entries: number;
  readonly depth: number;
}

/** Stops as soon as a limit is passed, so that measuring costs no more than the limits allow. */
export async function diskUsage(root: string, limits: DiskLimits): Promise<DiskUsage> {
  const usage: DiskUsage = { bytes: 0, entries: 0, largestFile: 0, depth: 0 };
  const pending = [{ folder: Buffer.from(root), depth: 1 }];
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    usage.depth = Math.max(usage.depth, next.depth);
    if (exceeds(usage, limits)) return usage;
    // Names as bytes, for they need not be text. What vanishes meanwhile takes no space.
    const options = { withFileTypes: true, encoding: 'buffer' } as const;
    const entries = await readdir(next.folder, options).catch(() => []);
    usage.entries += entries.length;
    if (exceeds(usage, limits)) return usage;
    for (const entry of entries) {
      const path = Buffer.concat([next.folder, SLASH, entry.name]);
      if (entry.isDirectory()) pending.push({ folder: path, depth: next.depth + 1 });
      const stat = await lstat(path).catch(() => undefined);
      if (stat === undefined) continue;
      usage.bytes += stat.blocks * 512;
      usage.largestFile = Math.max(usage.largestFile, stat.isFile() ? stat.size : 0);
    }
  }
  return usage;
}

export function exceeds(usage: DiskUsage, limits: DiskLimits): boolean {
  return usage.bytes > limits.bytes || usage.entries > limits.entries || usage.depth > limits.depth;
}

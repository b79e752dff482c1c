import { mkdir, readdir, readFile, rmdir, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { systemCode } from '../errors.js';
import type { SandboxLimits } from './sandbox-limits.js';

/**
 * Control groups for runs, made where the kernel and our privileges let us: as root, in the
 * group that we ourselves are in or beside it. They also count what no process's memory shows: pipes, sockets, files in
 * memory, the kernel's own structures. Both versions are known; version 1 has a hierarchy for each
 * controller.
 */
export class ControlGroups {
  readonly #memory: string;
  readonly #pids: string;
  readonly #version: 1 | 2;

  private constructor(version: 1 | 2, memory: string, pids: string) {
    [this.#version, this.#memory, this.#pids] = [version, memory, pids];
  }

  /** @param memory and `pids` are folders of groups that have these controllers */
  static at(version: 1 | 2, memory: string, pids: string): ControlGroups {
    return new ControlGroups(version, memory, pids);
  }

  /** @returns undefined where no group can be made */
  static async find(): Promise<ControlGroups | undefined> {
    if (process.getuid?.() !== 0) return undefined;
    for (const groups of await candidates()) {
      try {
        const group = await groups.open(`touchstone-probe-${process.pid}`, {
          memoryBytes: 1 << 30,
          tasks: 64,
        });
        await group.close();
        await groups.#sweep();
        return groups;
      } catch {
        // Read-only, not delegated, or without these controllers.
      }
    }
    return undefined;
  }

  /** Removes what killed processes left, if nothing runs in it. */
  async #sweep(): Promise<void> {
    for (const parent of new Set([this.#memory, this.#pids]))
      for (const name of (await readdir(parent)).filter((entry) => GROUP.test(entry))) {
        const { mtimeMs } = await stat(join(parent, name));
        if (Date.now() - mtimeMs > STALE_AFTER)
          await rmdir(join(parent, name)).catch(() => undefined);
      }
  }

  /** @param name of the group, not in use */
  async open(
    name: string,
    { memoryBytes, tasks }: Pick<SandboxLimits, 'memoryBytes' | 'tasks'>,
  ): Promise<ControlGroup> {
    const folders = [...new Set([this.#memory, this.#pids])].map((parent) => join(parent, name));
    const group = new ControlGroup(folders, this.#version);
    const [memory = '', pids = memory] = folders;
    try {
      for (const folder of folders) await mkdir(folder);
      await writeFile(join(pids, 'pids.max'), String(tasks));
      if (this.#version === 2) {
        await writeFile(join(memory, 'memory.max'), String(memoryBytes));
        await writeIfThere(join(memory, 'memory.swap.max'), '0');
      } else {
        await writeFile(join(memory, 'memory.limit_in_bytes'), String(memoryBytes));
        await writeIfThere(join(memory, 'memory.memsw.limit_in_bytes'), String(memoryBytes));
      }
      return group;
    } catch (error) {
      await group.close();
      throw error;
    }
  }
}

const GROUP = /^touchstone-[0-9a-f]{16}$/;
const STALE_AFTER = 3_600_000;

export class ControlGroup {
  readonly #folders: readonly string[];
  readonly #version: 1 | 2;

  constructor(folders: readonly string[], version: 1 | 2) {
    [this.#folders, this.#version] = [folders, version];
  }

  /** A process that writes its id to each of these files is in the group, and so are its children. */
  get entrances(): string[] {
    return this.#folders.map((folder) => join(folder, 'cgroup.procs'));
  }

  /** Whether the kernel ended a process of the group for want of memory. */
  async ranOutOfMemory(): Promise<boolean> {
    const file = this.#version === 2 ? 'memory.events' : 'memory.oom_control';
    const text = await readFile(join(this.#folders[0] ?? '', file), 'utf8').catch(() => '');
    return Number(/^oom_kill (\d+)$/m.exec(text)?.[1] ?? 0) > 0;
  }

  /** To be called when no process is in it any more. */
  async close(): Promise<void> {
    for (const folder of this.#folders) await removeGroup(folder);
  }
}

/** A process that has ended can still be counted for a moment. */
async function removeGroup(folder: string): Promise<void> {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    try {
      await rmdir(folder);
      return;
    } catch (error) {
      if (systemCode(error) !== 'EBUSY') return;
      await delay(5);
    }
  }
}

async function writeIfThere(file: string, text: string): Promise<void> {
  await writeFile(file, text, { flag: 'r+' }).catch((error: unknown) => {
    if (!['ENOENT', 'EACCES', 'EOPNOTSUPP', 'ENOTSUP'].includes(systemCode(error) ?? ''))
      throw error;
  });
}

/** Version 2 first; a machine may have both and yet all controllers in version 1. */
async function candidates(): Promise<ControlGroups[]> {
  const [mounts, own] = await Promise.all(
    ['/proc/self/mounts', '/proc/self/cgroup'].map((file) =>
      readFile(file, 'utf8').catch(() => ''),
    ),
  );
  const memberships = (own ?? '').split('\n').map((line) => line.split(':'));
  /** Our own group below where that hierarchy is mounted. */
  const place = (controller: string | undefined): string | undefined => {
    const mount = (mounts ?? '')
      .split('\n')
      .map((line) => line.split(' '))
      .find(([, , type, options = '']) =>
        controller === undefined
          ? type === 'cgroup2'
          : type === 'cgroup' && options.split(',').includes(controller),
      );
    const membership = memberships.find(([, controllers = '-']) =>
      controller === undefined ? controllers === '' : controllers.split(',').includes(controller),
    );
    const path = membership?.slice(2).join(':');
    return mount?.[1] === undefined || path === undefined ? undefined : join(mount[1], path);
  };
  const [unified, memory, pids] = [place(undefined), place('memory'), place('pids')];
  const found: ControlGroups[] = [];
  // In version 2 a group that has processes cannot hand controllers on, so ours goes beside our own.
  if (unified !== undefined)
    for (const folder of new Set([dirname(unified), unified]))
      found.push(ControlGroups.at(2, folder, folder));
  if (memory !== undefined && pids !== undefined) found.push(ControlGroups.at(1, memory, pids));
  return found;
}

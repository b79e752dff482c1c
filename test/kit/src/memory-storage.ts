/** One thing that is asked of a storage. A `writeAll` is one call for each of its files. */
export interface StorageCall {
  readonly op: 'read' | 'write' | 'list' | 'remove';
  readonly path: string;
}

/**
 * What goes wrong: an error before the call took effect, one after it did, or no error at all and
 * one bit of what was read or written flipped.
 */
export type StorageFault = 'before' | 'after' | 'flip';

export class StorageFaultError extends Error {
  override readonly name = 'StorageFaultError';
  readonly code = 'EIO';
}

/**
 * A storage in memory that fails on demand. Fits the storage port of the log engine by its shape.
 * Files of one `writeAll` are written one after the other, so a fault at one of them leaves the
 * earlier ones written.
 */
export class MemoryStorage {
  readonly files: Map<string, Uint8Array>;
  /** Asked before each call. */
  fault: ((call: StorageCall) => StorageFault | undefined) | undefined;
  /** Paths at which different bytes replaced earlier ones, in order. */
  readonly replaced: string[] = [];

  constructor(files: Iterable<readonly [string, Uint8Array]> = []) {
    this.files = new Map(files);
  }

  /** The same files in a storage without faults: what a process that starts anew finds. */
  copy(): MemoryStorage {
    return new MemoryStorage(this.files);
  }

  read(path: string): Promise<Uint8Array | undefined> {
    return this.#call({ op: 'read', path }, (fault) => {
      const bytes = this.files.get(path);
      if (!bytes) return undefined;
      return fault === 'flip' ? flipped(bytes) : new Uint8Array(bytes);
    });
  }

  write(path: string, bytes: Uint8Array): Promise<void> {
    return this.#call({ op: 'write', path }, (fault) => {
      const stored = fault === 'flip' ? flipped(bytes) : new Uint8Array(bytes);
      const before = this.files.get(path);
      if (before && Buffer.compare(before, stored) !== 0) this.replaced.push(path);
      this.files.set(path, stored);
    });
  }

  async writeAll(files: readonly { path: string; bytes: Uint8Array }[]): Promise<void> {
    for (const { path, bytes } of files) await this.write(path, bytes);
  }

  list(folder: string): Promise<string[]> {
    return this.#call({ op: 'list', path: folder }, () => {
      const prefix = `${folder}/`;
      const below = [...this.files.keys()].filter((path) => path.startsWith(prefix));
      return [...new Set(below.map((path) => path.slice(prefix.length).split('/')[0] as string))];
    });
  }

  async remove(paths: readonly string[]): Promise<void> {
    for (const path of paths) {
      await this.#call({ op: 'remove', path }, () => void this.files.delete(path));
    }
  }

  /** Takes effect in a later microtask, as real storage does at the earliest. */
  async #call<T>(call: StorageCall, effect: (fault: StorageFault | undefined) => T): Promise<T> {
    await Promise.resolve();
    const fault = this.fault?.(call);
    if (fault === 'before') throw new StorageFaultError(`EIO: ${call.op} ${call.path}`);
    const result = effect(fault);
    if (fault === 'after') throw new StorageFaultError(`EIO: ${call.op} ${call.path}, after it`);
    return result;
  }
}

function flipped(bytes: Uint8Array): Uint8Array {
  const copy = new Uint8Array(bytes);
  const at = copy.length >> 1;
  copy[at] = (copy[at] ?? 0) ^ 1;
  return copy;
}

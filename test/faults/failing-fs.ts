import fs from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Calls of node:fs/promises that a log makes, and of the handles that it opens. */
const FUNCTIONS = ['open', 'readFile', 'readdir', 'mkdir', 'rename', 'unlink', 'stat'] as const;
const METHODS = ['write', 'datasync', 'sync'] as const;

export type FileOperation =
  (typeof FUNCTIONS)[number] | `handle.${(typeof METHODS)[number]}` | 'handle.close';

export const FILE_OPERATIONS: readonly FileOperation[] = [
  ...FUNCTIONS,
  ...METHODS.map((name) => `handle.${name}` as const),
  'handle.close',
];

/** Fails the nth call of an operation from now on, before it took effect or after. */
export interface FileFault {
  readonly operation: FileOperation;
  readonly nth: number;
  readonly when: 'before' | 'after';
  readonly code: 'EIO' | 'ENOSPC' | 'EROFS';
}

type Call = (this: unknown, ...args: unknown[]) => Promise<unknown>;

/**
 * The real file system with a thin layer over the calls of Node.js that reach it, so that each of
 * them can fail at a known point. Below the layer everything happens as it does.
 */
export class FailingFs {
  readonly #calls = new Map<FileOperation, number>();
  readonly #restore: (() => void)[] = [];
  #faults: readonly FileFault[] = [];
  #fired = 0;

  static async install(): Promise<FailingFs> {
    const failing = new FailingFs();
    const handle = await fs.open(join(tmpdir(), '.'), 'r');
    const methods = Object.getPrototypeOf(handle) as FileHandle;
    await handle.close();
    for (const name of FUNCTIONS) failing.#wrap(fs, name, name);
    for (const name of METHODS) failing.#wrap(methods, name, `handle.${name}`);
    syncBuiltinESMExports();
    return failing;
  }

  uninstall(): void {
    for (const restore of this.#restore) restore();
    syncBuiltinESMExports();
  }

  /** Counts from zero again, and fails as told from now on. */
  arm(...faults: readonly FileFault[]): void {
    this.#calls.clear();
    this.#faults = faults;
    this.#fired = 0;
  }

  /** How many of the faults have happened. */
  get fired(): number {
    return this.#fired;
  }

  calls(operation: FileOperation): number {
    return this.#calls.get(operation) ?? 0;
  }

  #due(operation: FileOperation): FileFault | undefined {
    const nth = this.calls(operation) + 1;
    this.#calls.set(operation, nth);
    const fault = this.#faults.find((one) => one.operation === operation && one.nth === nth);
    if (fault) this.#fired += 1;
    return fault;
  }

  /** Handles have this one each for themselves. Closed it is in any case, as by Linux. */
  #wrapClose(handle: FileHandle): void {
    const close = handle.close.bind(handle);
    handle.close = async () => {
      const fault = this.#due('handle.close');
      await close();
      if (fault) throw errorOf(fault);
    };
  }

  #wrap(target: object, name: string, operation: FileOperation): void {
    const owner = target as Record<string, Call>;
    const original = owner[name] as Call;
    const due = (): FileFault | undefined => this.#due(operation);
    const wrapClose = (handle: FileHandle): void => this.#wrapClose(handle);
    owner[name] = async function (...args) {
      const fault = due();
      if (fault?.when === 'before') throw errorOf(fault);
      const result = await original.apply(this, args);
      if (fault && operation === 'open') await (result as FileHandle).close();
      if (fault) throw errorOf(fault);
      if (operation === 'open') wrapClose(result as FileHandle);
      return result;
    };
    this.#restore.push(() => {
      owner[name] = original;
    });
  }
}

function errorOf({ code, operation, when }: FileFault): Error {
  return Object.assign(new Error(`${code}: ${operation}, ${when} it`), { code });
}

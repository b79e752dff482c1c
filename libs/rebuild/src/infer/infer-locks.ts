import { mkdir } from 'node:fs/promises';
import { RebuildError } from '../errors.js';
import type { NpmSource } from '../source/npm-source.js';
import { addToolchainLock, readToolchainLock } from '../toolchain/lock-folders.js';
import { lockNpm } from '../toolchain/npm/lock-npm.js';
import type { Packument } from '../toolchain/npm/packument.js';
import type { ToolchainLock } from '../toolchain/toolchain-lock.js';

const WABT_DRIVER_VERSION = '1.0.12';

export interface LockMakerOptions {
  /** Where locks that are made for trying lie. */
  readonly folder: string;
  /** The operator's own. */
  readonly operator?: string;
  readonly source: NpmSource;
  readonly readPackument: (name: string) => Promise<Packument>;
}

/** Locks for whatever version is tried: the operator's, those that come along, or made now. */
export class LockMaker {
  readonly #options: LockMakerOptions;
  readonly #made = new Set<string>();

  constructor(options: LockMakerOptions) {
    this.#options = options;
  }

  /** @throws RebuildError `toolchain-unknown`, `package-unknown` and those of the fetches */
  async ensure(wanted: { name: string; version: string }, signal?: AbortSignal): Promise<void> {
    const key = `${wanted.name} ${wanted.version}`;
    if (this.#made.has(key)) return;
    const lock = await this.read(wanted, signal);
    await mkdir(this.#options.folder, { recursive: true });
    await addToolchainLock(lock, this.#options.folder);
    this.#made.add(key);
  }

  async read(
    wanted: { name: string; version: string },
    signal?: AbortSignal,
  ): Promise<ToolchainLock> {
    try {
      return await readToolchainLock(wanted, this.#options.operator);
    } catch (error) {
      if (!(error instanceof RebuildError) || error.code !== 'toolchain-unknown') throw error;
      if (wanted.name === 'wabt') return this.#wabt(wanted.version);
      if (wanted.name !== 'assemblyscript') throw error;
      const { source, readPackument } = this.#options;
      return lockNpm(wanted, readPackument, source, signal === undefined ? {} : { signal });
    }
  }

  /** Whether a recipe that names it needs a lock that others do not have. */
  async isOwn(wanted: { name: string; version: string }): Promise<boolean> {
    return readToolchainLock(wanted, this.#options.operator).then(
      () => false,
      () => true,
    );
  }

  /** wabt's library of another version, under the driver that this package brings. */
  async #wabt(version: string): Promise<ToolchainLock> {
    const shipped = await readToolchainLock({ name: 'wabt', version: WABT_DRIVER_VERSION });
    const { versions } = await this.#options.readPackument('wabt');
    const integrity = versions.get(version)?.dist.integrity;
    if (integrity === undefined)
      throw new RebuildError('package-unknown', `the registry has no wabt ${version}`);
    const packages = shipped.packages.map((pin) =>
      pin.name === 'wabt' ? { ...pin, version, integrity } : pin,
    );
    return { ...shipped, version, packages };
  }
}

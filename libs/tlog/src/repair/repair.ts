import { parseTilePath, tileWidth } from '@touchstone/merkle';
import type { TileRef } from '@touchstone/merkle';
import type { NoteSigner } from '@touchstone/note';
import { reason } from '../error.js';
import { fsck } from '../fsck.js';
import type { FsckOptions, FsckReport } from '../fsck.js';
import type { FsckProblem } from '../fsck-problem.js';
import { readState } from '../open-state.js';
import { publishCheckpoint } from '../publish-checkpoint.js';
import { encodeState } from '../state.js';
import { CHECKPOINT_PATH, STATE_PATH } from '../storage.js';
import type { TileStorage } from '../storage.js';
import { deriveState } from './derive-state.js';
import { deriveTile } from './derive-tile.js';

export interface RepairOptions extends FsckOptions {
  /** Who signs a checkpoint that is lost; without them it stays lost until the log is started. */
  readonly signers?: readonly NoteSigner[];
}

export interface RepairReport {
  readonly repaired: readonly { readonly path: string; readonly from: string }[];
  /** What was wrong and still is, and why it could not be derived. */
  readonly unrepaired: readonly { readonly path: string; readonly why: string }[];
  /** The check of the whole log after that. */
  readonly after: FsckReport;
}

const MAX_PROBLEMS = 1_000_000;

/**
 * Makes anew what can be derived of a damaged log, and nothing else: tiles of hashes from entries,
 * narrow bundles from wide ones, the state from entries and checkpoint, the checkpoint from the
 * state where its signers are given. Entries come from nowhere else: a wide bundle that is damaged
 * stays as it is and is told of.
 *
 * Nothing is derived when the entries do not give the root that was signed: what is right could
 * not be told from what is wrong. Each file is replaced atomically, so a crash leaves a log that
 * is repaired in part. Whoever calls holds the folder's lock.
 */
export async function repair(storage: TileStorage, options: RepairOptions): Promise<RepairReport> {
  return new Repair(storage, { ...options, maxProblems: MAX_PROBLEMS }).run();
}

class Repair {
  readonly #storage: TileStorage;
  readonly #options: RepairOptions;
  readonly #repaired: { path: string; from: string }[] = [];
  readonly #unrepaired = new Map<string, string>();

  constructor(storage: TileStorage, options: RepairOptions) {
    this.#storage = storage;
    this.#options = options;
  }

  async run(): Promise<RepairReport> {
    let found = await this.#check();
    if (await this.#repairState(found)) found = await this.#check();
    const wrongRoot = found.problems.find(({ code }) => code === 'root-mismatch');
    if (wrongRoot) {
      const why = `the entries do not give the root in ${wrongRoot.path}: no file can be trusted`;
      for (const { path } of found.problems) this.#unrepaired.set(path, why);
    } else {
      await this.#repairTiles(found);
      await this.#repairCheckpoint(found);
    }
    const after = await this.#check();
    for (const { path, message } of after.problems) {
      if (!this.#unrepaired.has(path)) this.#unrepaired.set(path, message);
    }
    const unrepaired = [...this.#unrepaired].map(([path, why]) => ({ path, why }));
    return { repaired: this.#repaired, unrepaired, after };
  }

  #check(): Promise<FsckReport> {
    return fsck(this.#storage, this.#options);
  }

  async #repairState({ problems, checkpoint }: FsckReport): Promise<boolean> {
    const problem = problems.find(
      ({ path, code }) => path === STATE_PATH && code !== 'root-mismatch',
    );
    if (!problem) return false;
    if (!checkpoint) {
      const why = 'there is no checkpoint either that says which entries are the log';
      this.#unrepaired.set(STATE_PATH, why);
      return false;
    }
    try {
      const state = await deriveState(this.#storage, checkpoint);
      await this.#write(STATE_PATH, encodeState(state), 'the entries and the checkpoint');
      return true;
    } catch (error) {
      this.#unrepaired.set(STATE_PATH, reason(error));
      return false;
    }
  }

  /** Lower levels first, since the upper ones are made from them. */
  async #repairTiles({ problems, size }: FsckReport): Promise<void> {
    const bad = new Set(problems.map(({ path }) => path));
    const tiles = problems.flatMap((problem) => tileOf(problem) ?? []);
    tiles.sort((a, b) => orderOf(a.tile) - orderOf(b.tile));
    for (const { path, tile } of tiles) {
      if (tile.kind === 'entries' && tile.width === tileWidth(0, tile.index, size)) {
        const last = tile.index * 256 + tile.width - 1;
        const why = `entries ${tile.index * 256} to ${last} are in no other file of this log; take it from a copy`;
        this.#unrepaired.set(path, why);
        continue;
      }
      try {
        const isBad = (other: string): boolean => bad.has(other);
        const { bytes, from } = await deriveTile(this.#storage, tile, size, isBad);
        await this.#write(path, bytes, from);
        bad.delete(path);
      } catch (error) {
        this.#unrepaired.set(path, reason(error));
      }
    }
  }

  async #repairCheckpoint({ problems }: FsckReport): Promise<void> {
    if (!problems.some(({ path }) => path === CHECKPOINT_PATH)) return;
    const { signers } = this.#options;
    const state = await readState(this.#storage).catch(() => undefined);
    if (!state || problems.some(({ path }) => path === STATE_PATH)) {
      this.#unrepaired.set(CHECKPOINT_PATH, 'there is no state to make it from');
    } else if (!signers?.length) {
      this.#unrepaired.set(CHECKPOINT_PATH, 'it takes the key of the log to sign it anew');
    } else {
      await publishCheckpoint(this.#storage, signers, state);
      this.#repaired.push({ path: CHECKPOINT_PATH, from: STATE_PATH });
    }
  }

  async #write(path: string, bytes: Uint8Array, from: string): Promise<void> {
    await this.#storage.write(path, bytes);
    this.#repaired.push({ path, from });
    this.#unrepaired.delete(path);
  }
}

function tileOf({ path }: FsckProblem): { path: string; tile: TileRef } | undefined {
  if (path === STATE_PATH || path === CHECKPOINT_PATH) return undefined;
  return { path, tile: parseTilePath(path) };
}

function orderOf(tile: TileRef): number {
  return tile.kind === 'entries' ? -1 : tile.level;
}

import { nodeVerifier } from '@touchstone/keys';
import { formatVerifierKey } from '@touchstone/note';
import { CHECKPOINT_PATH, STATE_PATH, TlogError, fsck } from '@touchstone/tlog';
import type { FsckProblem, FsckReport, TileStorage } from '@touchstone/tlog';
import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { LogKeys } from '../life/log-keys.js';
import { pause, Rounds } from '../rounds.js';

export interface ScrubOptions {
  readonly storage: TileStorage;
  readonly keys: LogKeys;
  readonly registry: Registry;
  /** From the end of one scrub to the start of the next. */
  readonly intervalMs: number;
  /** Leaves checked per second, at most; zero scrubs never. */
  readonly rate: number;
  readonly alarm: (problem: FsckProblem) => void;
  readonly finished: (report: FsckReport) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Checks the whole log while it runs, slowly and over and over: as fsck does, of the tree as it was
 * when the scrub began. What is appended meanwhile adds files and changes none of these.
 */
export class Scrub {
  readonly #options: ScrubOptions;
  readonly #progress: Gauge;
  readonly #size: Gauge;
  readonly #problems: Gauge;
  readonly #finished: Gauge;
  readonly #runs: Counter;
  readonly #rounds: Rounds | undefined;
  #damaged = 0;

  constructor(options: ScrubOptions) {
    this.#options = options;
    const gauge = (name: string, help: string): Gauge =>
      new Gauge({ name, help, registers: [options.registry] });
    this.#progress = gauge(
      'log_scrub_checked_leaves',
      'Leaves that the scrub under way has checked',
    );
    this.#size = gauge('log_scrub_size', 'Leaves that the scrub under way has to check');
    this.#problems = gauge('log_scrub_problems', 'Wrong files, as of the last scrub that finished');
    this.#finished = gauge(
      'log_scrub_finished_timestamp_seconds',
      'When a scrub last finished, in Unix time',
    );
    this.#runs = new Counter({
      name: 'log_scrub_runs_total',
      help: 'Scrubs that finished',
      registers: [options.registry],
    });
    const { rate, intervalMs, failed } = options;
    if (rate === 0) return;
    this.#rounds = new Rounds({ intervalMs, failed, round: (signal) => this.#scrub(signal) });
  }

  /** What is wrong, in words; undefined when nothing is known to be. */
  get warning(): string | undefined {
    if (this.#damaged === 0) return undefined;
    return `scrub: ${this.#damaged} wrong files; run touchstone log fsck --repair`;
  }

  async close(): Promise<void> {
    await this.#rounds?.close();
  }

  async #scrub(signal: AbortSignal): Promise<void> {
    const { storage, keys, alarm, finished } = this.#options;
    const view = await pinned(storage);
    if (!view) return;
    this.#progress.set(0);
    const began = performance.now();
    const report = await fsck(view, {
      vkeys: keys.known().map(formatVerifierKey),
      verify: nodeVerifier,
      progress: (leaves, size) => this.#keepPace(leaves, size, began, signal),
    });
    this.#damaged = report.problems.length;
    this.#problems.set(report.problems.length);
    this.#finished.set(Date.now() / 1000);
    this.#runs.inc();
    for (const problem of report.problems) alarm(problem);
    finished(report);
  }

  async #keepPace(leaves: number, size: number, began: number, signal: AbortSignal): Promise<void> {
    this.#progress.set(leaves);
    this.#size.set(size);
    const due = began + (leaves / this.#options.rate) * 1000;
    await pause(Math.max(1, due - performance.now()), signal);
    signal.throwIfAborted();
  }
}

/**
 * The storage with state and checkpoint as they are now. The checkpoint is read first, since what
 * is committed in between makes the state the larger one, as it may be.
 */
async function pinned(
  storage: TileStorage,
): Promise<Pick<TileStorage, 'read' | 'list'> | undefined> {
  const checkpoint = await storage.read(CHECKPOINT_PATH);
  const state = await storage.read(STATE_PATH);
  if (!checkpoint && !state) return undefined;
  const held = new Map([
    [CHECKPOINT_PATH, checkpoint],
    [STATE_PATH, state],
  ]);
  return {
    read: async (path) => (held.has(path) ? held.get(path) : readOrMiss(storage, path)),
    list: (folder) => storage.list(folder),
  };
}

/** An error of the disk is a wrong file, and not the end of the scrub. */
async function readOrMiss(storage: TileStorage, path: string): Promise<Uint8Array | undefined> {
  try {
    return await storage.read(path);
  } catch (error) {
    if (error instanceof TlogError) throw error;
    return undefined;
  }
}

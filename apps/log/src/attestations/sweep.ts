import { AttestError, readEntry } from '@touchstone/attest';
import { Gauge } from 'prom-client';
import type { Registry } from 'prom-client';
import type { Log } from '../log.js';
import { pause, Rounds } from '../rounds.js';
import type { AttestationStore } from './attestation-store.js';

const CHUNK = 256;
/** Between two chunks, so that a sweep takes little from those who write. */
const PAUSE_MS = 50;

export interface SweepResult {
  /** Entries that name an attestation. */
  readonly named: number;
  readonly missing: number;
  readonly damaged: number;
}

export interface SweepOptions {
  readonly log: Pick<Log, 'size' | 'readLeaves'>;
  readonly attestations: AttestationStore;
  readonly registry: Registry;
  /** From the end of one sweep to the start of the next. */
  readonly intervalMs: number;
  /** An attestation that an entry names is not there as it should be. */
  readonly alarm: (index: number, digest: string, what: 'missing' | 'damaged') => void;
  readonly failed: (error: unknown) => void;
}

/** Reads back every attestation that an entry names, over and over. */
export class Sweep {
  readonly #options: SweepOptions;
  readonly #missing: Gauge;
  readonly #damaged: Gauge;
  readonly #rounds: Rounds;
  #last: SweepResult | undefined;

  constructor(options: SweepOptions) {
    this.#options = options;
    const registers = [options.registry];
    this.#missing = new Gauge({
      name: 'log_attestations_missing',
      help: 'Attestations that entries name and the log does not have, as of the last sweep',
      registers,
    });
    this.#damaged = new Gauge({
      name: 'log_attestations_damaged',
      help: 'Attestations whose bytes are not those their name says, as of the last sweep',
      registers,
    });
    const { intervalMs, failed } = options;
    this.#rounds = new Rounds({ intervalMs, failed, round: (signal) => this.#round(signal) });
  }

  /** What is wrong with the attestations, in words; undefined when nothing is known to be. */
  get warning(): string | undefined {
    if (!this.#last) return undefined;
    const { missing, damaged } = this.#last;
    if (missing + damaged === 0) return undefined;
    return `attestations named by entries: ${missing} missing, ${damaged} damaged`;
  }

  close(): Promise<void> {
    return this.#rounds.close();
  }

  async #round(signal: AbortSignal): Promise<void> {
    const result = await this.#sweep(signal);
    if (!result) return;
    this.#last = result;
    this.#missing.set(result.missing);
    this.#damaged.set(result.damaged);
  }

  /** Undefined when it was ended before it was done. */
  async #sweep(signal: AbortSignal): Promise<SweepResult | undefined> {
    const { log } = this.#options;
    const { size } = log;
    const result = { named: 0, missing: 0, damaged: 0 };
    for (let from = 0; from < size; from += CHUNK) {
      const leaves = await log.readLeaves(from, Math.min(from + CHUNK, size), size);
      for (const [i, leaf] of leaves.entries()) await this.#check(from + i, leaf, result);
      await pause(PAUSE_MS, signal);
      if (signal.aborted) return undefined;
    }
    return result;
  }

  async #check(
    index: number,
    leaf: Uint8Array,
    result: { -readonly [K in keyof SweepResult]: number },
  ): Promise<void> {
    const payloadSha256 = attestationOf(leaf);
    if (!payloadSha256) return;
    const digest = Buffer.from(payloadSha256).toString('hex');
    result.named += 1;
    const stored = await this.#options.attestations.check(digest);
    if (stored === 'intact') return;
    result[stored] += 1;
    this.#options.alarm(index, digest, stored);
  }
}

/** Leaves that are no entries, such as those about the log itself, name none. */
function attestationOf(leaf: Uint8Array): Uint8Array | undefined {
  try {
    return readEntry(leaf).payloadSha256;
  } catch (error) {
    if (error instanceof AttestError) return undefined;
    throw error;
  }
}

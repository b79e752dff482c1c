import {
  AttestError,
  indexEntry,
  isLifeLeaf,
  isMapLeaf,
  keysForSize,
  UNREAD_KEY,
  type LifeEvent,
  type TreeHead,
} from '@touchstone/attest';
import { CompactRange } from '@touchstone/merkle';
import { formatVerifierKey, toBase64, type VerifierKey } from '@touchstone/note';
import { nodeHasher } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { checkHead } from './check-head.js';
import type { Finding } from './findings.js';
import { followLife, knownKeys, openHead } from './log-life.js';
import { ProvenLeaves, type LogSource } from './log-source.js';
import { MapFollower } from './map-follower.js';
import type { MonitorFolder, MonitorState } from './monitor-state.js';

/** A digest or signer that somebody wants to hear of. */
export interface WatchTarget {
  /** As it was asked for. */
  readonly text: string;
  readonly key: Uint8Array;
}

export interface MonitorOptions {
  readonly source: LogSource;
  readonly folder: MonitorFolder;
  readonly logs: readonly VerifierKey[];
  readonly watch: readonly WatchTarget[];
  /** Resolves when the finding is where it cannot be lost. */
  readonly report: (finding: Finding) => Promise<void>;
  /** Told when the log rotates its key or ends, as it may. */
  readonly told?: (event: LifeEvent, index: number) => void;
}

/** What one look at the log came to. */
export interface MonitorStep {
  readonly origin: string;
  readonly size: number;
  /** Leaves that the newest map covers which was made here and found to be the committed one. */
  readonly mapSize: number;
  /** Whether the log said that there are no more leaves. */
  readonly frozen: boolean;
  /** Whether there is no use in going on. */
  readonly stopped: boolean;
}

const CHUNK = 256;

interface SignedHead {
  readonly head: TreeHead;
  readonly origin: string;
  readonly note: string;
  /** Verifier keys whose signatures it carries, of those that are known. */
  readonly signers: readonly string[];
}

/** A finding that ends the step in which it was made. */
class Stop extends Error {}

/**
 * Follows one log. Each step:
 *   1. the checkpoint is signed, and kept,
 *   2. its tree is the one seen before with more leaves, every one of them read,
 *   3. new leaves are looked at for what is watched,
 *   4. what it says of itself is followed: a key that was announced by one that is trusted is
 *      taken, a retired one is not, and after its end there is no leaf,
 *   5. the map of every commitment is made again from leaves and attestations, and compared.
 * The state moves on behind each of these, never before it.
 */
export class Monitor {
  readonly #options: MonitorOptions;
  readonly #maps: MapFollower;
  #state: MonitorState | undefined;

  private constructor(options: MonitorOptions, state: MonitorState | undefined, maps: MapFollower) {
    this.#options = options;
    this.#state = state;
    this.#maps = maps;
  }

  static async open(options: MonitorOptions): Promise<Monitor> {
    const { folder, source } = options;
    const state = await folder.load();
    return new Monitor(options, state, await MapFollower.open(folder, source, state?.map));
  }

  close(): Promise<void> {
    return this.#maps.close();
  }

  /** @throws CliError when the log cannot be reached or a checkpoint is not signed by it */
  async step(): Promise<MonitorStep> {
    const { source } = this.#options;
    const { head, origin, note, signers } = await this.#head();
    const result = (stopped: boolean): MonitorStep => {
      const { edge, map, life } = this.#state ?? {};
      const frozen = life?.frozen !== undefined;
      return { origin, size: edge?.size ?? 0, mapSize: map?.size ?? 0, frozen, stopped };
    };
    try {
      await this.#admit(head, origin, note);
      const state = this.#state as MonitorState;
      const seen = { size: state.edge.size, root: state.edge.root() };
      const leaves = new ProvenLeaves(source, seen);
      await this.#watch(leaves);
      await this.#checkKeys(head, origin, note, signers);
      await this.#follow(leaves);
      return result(false);
    } catch (error) {
      if (error instanceof Stop) return result(true);
      throw error;
    }
  }

  async #head(): Promise<SignedHead> {
    const { source, folder } = this.#options;
    const bytes = await source.checkpoint();
    const opened = await openHead(bytes, this.#keys(), source).catch((cause: unknown) => {
      const why = cause instanceof Error ? cause.message : '';
      throw new CliError('checkpoint-signature', why, EXIT.refuted, { cause });
    });
    const note = new TextDecoder().decode(bytes);
    const { origin, size, root } = opened.checkpoint;
    await folder.keep(size, note);
    return { head: { size, root }, origin, note, signers: opened.verified.map(formatVerifierKey) };
  }

  #keys(): VerifierKey[] {
    return knownKeys(this.#options.logs, this.#state);
  }

  /** Step 4 for the checkpoint itself, now that all leaves of its tree were looked at. */
  async #checkKeys(
    { size }: TreeHead,
    origin: string,
    checkpoint: string,
    signers: readonly string[],
  ): Promise<void> {
    const { life } = this.#now();
    const known = this.#keys().map(formatVerifierKey);
    const allowed = life ? keysForSize(life, size) : known;
    if (signers.some((vkey) => known.includes(vkey) && allowed.includes(vkey))) return;
    const why = `by its leaves, ${allowed.join(' or ')} signs ${size} leaves`;
    await this.#stop({ kind: 'key-wrong', origin, checkpoint, why });
  }

  /** Steps 1 and 2. */
  async #admit(head: TreeHead, origin: string, note: string): Promise<void> {
    const known = this.#state;
    const checked = await checkHead(
      known?.edge ?? new CompactRange(nodeHasher),
      head,
      this.#options.source,
    );
    if (checked.result === 'fork') {
      const checkpoints = [known?.note ?? '', note] as const;
      await this.#stop({ kind: 'fork', origin, why: checked.why, checkpoints });
    }
    if (checked.result === 'tiles-wrong') {
      await this.#stop({ kind: 'tiles-wrong', origin, checkpoint: note });
    }
    if (checked.result !== 'grown') return;
    const { edge } = checked;
    if (edge.size === known?.edge.size) return;
    const before = known ?? { watched: 0, followed: 0, map: { size: 0, bytes: 0 }, announced: [] };
    await this.#save({ ...before, origin, note, edge });
  }

  /** Steps 3 and 4. */
  async #watch(leaves: ProvenLeaves): Promise<void> {
    for (let state = this.#now(); state.watched < state.edge.size; state = this.#now()) {
      const from = state.watched;
      const to = Math.min(from + CHUNK, state.edge.size);
      const chunk = await leaves.read(from, to);
      for (const [i, leaf] of chunk.entries()) {
        await this.#live(from + i, leaf);
        if (this.#options.watch.length > 0) await this.#look(from + i, leaf);
      }
      await this.#save({ ...this.#now(), watched: to });
    }
  }

  async #look(index: number, leaf: Uint8Array): Promise<void> {
    const { watch, report, source } = this.#options;
    if (isMapLeaf(leaf) || isLifeLeaf(leaf)) return;
    const { keys } = await indexEntry(leaf, source.attestation);
    const spoken = watch.filter(({ key }) => keys.some((one) => Buffer.compare(one, key) === 0));
    const unread = keys.some((key) => Buffer.compare(key, UNREAD_KEY) === 0);
    const targets = spoken.length > 0 ? spoken : unread ? watch : [];
    if (targets.length === 0) return;
    await report({
      kind: 'watched',
      origin: this.#now().origin,
      index,
      targets: targets.map(({ text }) => text),
      certain: spoken.length > 0,
    });
  }

  /** Step 5. */
  async #follow(leaves: ProvenLeaves): Promise<void> {
    for (let state = this.#now(); state.followed < state.edge.size; state = this.#now()) {
      const from = state.followed;
      const to = Math.min(from + CHUNK, state.edge.size);
      const chunk = await leaves.read(from, to);
      for (const [i, leaf] of chunk.entries()) {
        if (!isMapLeaf(leaf)) continue;
        if (!(await this.#compare(from + i, leaf, leaves))) return;
        await this.#save({ ...this.#now(), followed: from + i + 1, map: this.#maps.recorded });
      }
      await this.#save({ ...this.#now(), followed: to });
    }
  }

  /** Step 4. */
  async #live(index: number, leaf: Uint8Array): Promise<void> {
    const state = this.#now();
    try {
      const lived = await followLife(state, this.#keys(), index, leaf);
      if (!lived) return;
      this.#options.told?.(lived.event, index);
      const { life, announced } = lived;
      await this.#save({ ...state, life, announced, watched: index + 1 });
    } catch (error) {
      if (!(error instanceof AttestError)) throw error;
      const { origin, note: checkpoint } = state;
      const why = error.message;
      await this.#stop({
        kind: 'life-wrong',
        origin,
        checkpoint,
        index,
        leaf: toBase64(leaf),
        why,
      });
    }
  }

  /** Holds a commitment against the map made here; false when that cannot be made yet. */
  async #compare(index: number, leaf: Uint8Array, leaves: ProvenLeaves): Promise<boolean> {
    const state = this.#now();
    const { origin, note: checkpoint } = state;
    const around = { state, keys: this.#keys(), leaves };
    const compared = await this.#maps.compare(index, leaf, around);
    if (compared.result === 'missing') {
      const { index: at, sha256 } = compared;
      await this.#options.report({ kind: 'attestation-missing', origin, index: at, sha256 });
      return false;
    }
    if (compared.result === 'wrong') {
      const { result: _, ...why } = compared;
      const commitment = { index, leaf: toBase64(leaf) };
      await this.#stop({ kind: 'map-wrong', origin, checkpoint, ...commitment, ...why });
    }
    return true;
  }

  async #stop(finding: Finding): Promise<never> {
    await this.#options.report(finding);
    throw new Stop();
  }

  async #save(state: MonitorState): Promise<void> {
    await this.#options.folder.save(state);
    this.#state = state;
  }

  #now(): MonitorState {
    return this.#state as MonitorState;
  }
}

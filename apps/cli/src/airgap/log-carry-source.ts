import { attestationDigest, viewOf, type CarrySource } from '@touchstone/airgap';
import {
  nodeFromTile,
  TILE_WIDTH,
  tileOfNode,
  tilePath,
  tileWidth,
  type NodeId,
} from '@touchstone/merkle';
import { nodeHasher, nodeSha256 } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import type { LogSource } from '../monitor/log-source.js';

const CACHED_TILES = 256;
/** Entries whose attestations are asked for at once. */
const AHEAD = 16;

interface Entry {
  readonly leaf: Uint8Array;
  readonly attestation?: Uint8Array;
}

/** A log over HTTP as an exporter reads it: at one size, forwards. */
export class LogCarrySource implements CarrySource {
  readonly #log: LogSource;
  readonly #size: number;
  readonly #tiles = new Map<string, Promise<Uint8Array>>();
  readonly #entries = new Map<number, Promise<Entry>>();

  constructor(log: LogSource, size: number) {
    this.#log = log;
    this.#size = size;
  }

  /** Entries that follow are asked for ahead of time: an export reads runs of them. */
  entry(index: number): Promise<Entry> {
    const bundleEnd = (Math.floor(index / TILE_WIDTH) + 1) * TILE_WIDTH;
    const end = Math.min(index + AHEAD, bundleEnd, this.#size);
    for (let at = index; at < end; at++) {
      if (!this.#entries.has(at)) {
        const read = this.#read(at);
        // Whoever asks for it is told; until then nobody listens.
        read.catch(() => undefined);
        this.#entries.set(at, read);
      }
    }
    const wanted = this.#entries.get(index) as Promise<Entry>;
    this.#entries.delete(index);
    return wanted;
  }

  async node(id: NodeId): Promise<Uint8Array> {
    const { level, index, width } = tileOfNode(id, this.#size);
    return nodeFromTile(await this.#tile(level, index, width), id, nodeHasher);
  }

  async #read(index: number): Promise<Entry> {
    const [leaf] = await this.#log.leaves(index, index + 1, this.#size);
    if (leaf === undefined) throw missing(`entry ${index}`);
    const view = viewOf(leaf);
    const digest = view === undefined ? undefined : attestationDigest(view);
    if (digest === undefined) return { leaf };
    const attestation = await this.#log.attestation(Buffer.from(digest).toString('hex'));
    // A log that lost one is found out by its own audit; here it would only break the bundle.
    const intact = attestation !== undefined && Buffer.from(nodeSha256(attestation)).equals(digest);
    return intact ? { leaf, attestation } : { leaf };
  }

  #tile(level: number, index: number, width: number): Promise<Uint8Array> {
    const path = tilePath(level, index, width);
    const known = this.#tiles.get(path);
    if (known !== undefined) return known;
    const tile = this.#fetchTile(level, index, width);
    this.#tiles.set(path, tile);
    const [oldest] = this.#tiles.keys();
    if (this.#tiles.size > CACHED_TILES && oldest !== undefined) this.#tiles.delete(oldest);
    return tile;
  }

  /** The partial tile may be gone once the full one is there (C2SP tlog-tiles, "Pruning"). */
  async #fetchTile(level: number, index: number, width: number): Promise<Uint8Array> {
    for (const wide of new Set([width, tileWidth(level, index, this.#size), TILE_WIDTH])) {
      const bytes = await this.#log.tile(tilePath(level, index, wide));
      if (bytes !== undefined) return bytes;
    }
    throw missing(tilePath(level, index, width));
  }
}

function missing(what: string): CliError {
  return new CliError('tile-missing', `the log does not have ${what}`, EXIT.refuted);
}

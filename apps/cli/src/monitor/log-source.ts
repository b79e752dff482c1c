import { MAX_ATTESTATION_BYTES, type TreeHead } from '@touchstone/attest';
import {
  logRoutes,
  makeClient,
  type Client,
  type SearchQuery,
  type TimesAnswer,
} from '@touchstone/contract';
import {
  decodeEntryBundle,
  entriesPath,
  TILE_WIDTH,
  tileWidth,
  verifyInclusion,
} from '@touchstone/merkle';
import { nodeHasher, TileReader } from '@touchstone/tlog';
import { CliError, EXIT } from '../failure.js';
import { lifeLeaves } from '../log-files.js';
import { readTile } from '../log-reader.js';

const CACHED_BUNDLES = 8;

/** A log over HTTP. Nothing it gives is checked here but its form. */
export class LogSource {
  readonly #url: string;
  readonly #client: Client<typeof logRoutes>;
  /** Bundles read last, oldest first: neighbours are mostly asked for one after the other. */
  readonly #bundles = new Map<string, Uint8Array[]>();

  constructor(url: string) {
    this.#url = url.replace(/\/$/, '');
    this.#client = makeClient(logRoutes, { baseUrl: this.#url, fetch: fetch as never });
  }

  /** The signed note. */
  async checkpoint(): Promise<Uint8Array> {
    const bytes = await readTile(this.#url, 'checkpoint');
    if (bytes) return bytes;
    throw new CliError('log-unreachable', `${this.#url} has no checkpoint`, EXIT.absent);
  }

  tile(path: string): Promise<Uint8Array | undefined> {
    return readTile(this.#url, path);
  }

  /** Leaves [from, to) of the tree of `size` leaves. */
  async leaves(from: number, to: number, size: number): Promise<Uint8Array[]> {
    const leaves: Uint8Array[] = [];
    for (let at = from; at < to;) {
      const bundle = Math.floor(at / TILE_WIDTH);
      const end = Math.min(to, (bundle + 1) * TILE_WIDTH);
      const base = bundle * TILE_WIDTH;
      leaves.push(...(await this.#bundle(bundle, size)).slice(at - base, end - base));
      at = end;
    }
    return leaves;
  }

  /** A partial bundle may be gone once the full one is there (C2SP tlog-tiles, "Pruning"). */
  async #bundle(bundle: number, size: number): Promise<Uint8Array[]> {
    for (const width of new Set([tileWidth(0, bundle, size), TILE_WIDTH])) {
      const path = entriesPath(bundle, width);
      const known = this.#bundles.get(path);
      if (known) return known;
      const bytes = await this.tile(path);
      if (!bytes) continue;
      try {
        const entries = decodeEntryBundle(bytes, width);
        this.#bundles.set(path, entries);
        const [oldest] = this.#bundles.keys();
        if (this.#bundles.size > CACHED_BUNDLES && oldest) this.#bundles.delete(oldest);
        return entries;
      } catch (cause) {
        const message = `${path} is no bundle of ${width} entries`;
        throw new CliError('tile-malformed', message, EXIT.refuted, { cause });
      }
    }
    const message = `the log does not have entries ${bundle * TILE_WIDTH} and following`;
    throw new CliError('tile-missing', message, EXIT.refuted);
  }

  /** The attestation with this SHA-256 in hex; whoever indexes it checks the digest. */
  readonly attestation = async (sha256: string): Promise<Uint8Array | undefined> => {
    const bytes = await readTile(this.#url, `v1/attestations/sha256:${sha256}`);
    return bytes && bytes.length <= MAX_ATTESTATION_BYTES ? bytes : undefined;
  };

  /** The leaves in which the log speaks of itself, by its own word. */
  life(): Promise<{ index: number; leaf: Uint8Array }[]> {
    return lifeLeaves(this.#url);
  }

  /** Leaves [from, to) that the log says it took between two times. */
  times(query: { since?: number; until?: number }): Promise<TimesAnswer> {
    return this.#client.times({ query });
  }

  /** An answer to a search, not verified. */
  search(query: SearchQuery): Promise<unknown> {
    return this.#client.search({ query });
  }
}

/** Leaves of one signed tree, each proved to be in it before it is handed out. */
export class ProvenLeaves {
  readonly #source: LogSource;
  readonly #head: TreeHead;
  readonly #reader: TileReader;

  constructor(source: LogSource, head: TreeHead) {
    this.#source = source;
    this.#head = head;
    this.#reader = new TileReader((path) => source.tile(path));
  }

  /** Leaves [from, to). @throws CliError `inclusion-proof` when one is not in the tree */
  async read(from: number, to: number): Promise<Uint8Array[]> {
    const leaves = await this.#source.leaves(from, to, this.#head.size);
    for (const [i, leaf] of leaves.entries()) await this.#check(from + i, leaf);
    return leaves;
  }

  /** That leaf `index` is in the tree, made from the tiles. */
  proof(index: number): Promise<Uint8Array[]> {
    return this.#reader.inclusionProof(index, this.#head.size);
  }

  /** The hashes of the compact range of leaves [0, upTo). */
  range(upTo: number): Promise<Uint8Array[]> {
    return this.#reader.compactRange(upTo, this.#head.size);
  }

  async #check(index: number, leaf: Uint8Array): Promise<void> {
    const { size, root } = this.#head;
    const proof = await this.proof(index);
    try {
      const leafHash = nodeHasher.leaf(leaf);
      verifyInclusion({ index, size, leafHash, proof, root }, nodeHasher);
    } catch (cause) {
      const message = `leaf ${index} that the log hands out is not in its tree of size ${size}`;
      throw new CliError('inclusion-proof', message, EXIT.refuted, { cause });
    }
  }
}

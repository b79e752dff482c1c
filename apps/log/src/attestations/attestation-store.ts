import { hash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, open, readFile } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { HEADER_SIZE, headerOf, listPacks, packName, readFully } from './attestation-pack.js';
import { AttestationPlaces } from './attestation-places.js';
import type { Place } from './attestation-places.js';

const FOLDER = 'attestations';
/** Attestations in files of their own: those of earlier versions, and what an operator puts there. */
const FILES = 'sha256';
const PACKS = 'packs';
const INDEX = 'index';
const HEX = /^[0-9a-f]{64}$/;
const PACK_BYTES = 256 * 1024 * 1024;
/** Attestations written at once, in bytes; one larger goes alone. */
const BATCH_BYTES = 16 * 1024 * 1024;
/** Between the writes of a busy log: more attestations share what a write costs. */
const LINGER_MS = 8;
/** A write of so many is one of a busy log. */
const BUSY_ATTESTATIONS = 8;
/** Bytes of the newest attestations that are kept in memory: the verifiable index reads them soon. */
const RECENT_BYTES = 8 * 1024 * 1024;

/** For so long it is believed that there are no attestations in files of their own. */
const FILES_SEEN_MS = 1000;

/** What became of an attestation that somebody relies on. */
export type Stored = 'intact' | 'missing' | 'damaged';

interface Waiting {
  readonly digest: string;
  readonly bytes: Uint8Array;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** The pack that is written to, and where it ends. */
interface OpenPack {
  readonly number: number;
  readonly file: FileHandle;
  readonly end: number;
}

/**
 * Attestations beside the tiles, by their content: one after the other in packs,
 * `attestations/packs/<number>.pack`, each after its length and SHA-256. Where each is, is in an
 * index that is made from the packs when it is lost.
 *
 * Order of one write, which takes all attestations that wait, each step durable before the next:
 *   1. the folder and the pack, when it is a new one,
 *   2. the attestations, at the end of the pack,
 *   3. the index knows them; not durably, since the packs tell it again,
 *   4. only then the entries that name them are appended.
 * A crash leaves attestations that no entry names at worst, never the other way round. What it left
 * of a write stays where it is: the next one goes to a new pack.
 */
export class AttestationStore {
  readonly #folder: string;
  readonly #places: AttestationPlaces;
  #files = { at: -Infinity, some: false };
  readonly #recent = new Map<string, Uint8Array>();
  #recentBytes = 0;
  readonly #pending = new Map<string, Promise<void>>();
  #waiting: Waiting[] = [];
  #writing: Promise<void> | undefined;
  #closing = false;
  #pack: OpenPack | undefined;
  #nextPack: number;

  private constructor(folder: string, places: AttestationPlaces, nextPack: number) {
    this.#folder = folder;
    this.#places = places;
    this.#nextPack = nextPack;
  }

  /** Opens the attestations beside the tiles; who opens them holds the lock of the folder. */
  static async open(tilesDir: string): Promise<AttestationStore> {
    const folder = join(tilesDir, FOLDER);
    const packs = join(folder, PACKS);
    await mkdir(folder, { recursive: true });
    const places = await AttestationPlaces.open(join(folder, INDEX), packs);
    return new AttestationStore(folder, places, ((await listPacks(packs)).at(-1) ?? 0) + 1);
  }

  /** Keeps the bytes; resolves with the hex of their SHA-256 once they are durable. */
  async put(bytes: Uint8Array): Promise<string> {
    const digest = sha256Hex(bytes);
    const pending = this.#pending.get(digest) ?? this.#enqueue(digest, bytes);
    await pending;
    return digest;
  }

  /**
   * The bytes as they are on disk; whether they are the right ones is the reader's to check. Where a
   * pack has them damaged, a file with the right ones stands in.
   */
  async get(digest: string): Promise<Uint8Array | undefined> {
    if (!HEX.test(digest)) return undefined;
    const recent = this.#recent.get(digest);
    if (recent) return recent;
    const place = this.#places.at(digest);
    const packed = place && (await this.#read(place));
    if (packed && sha256Hex(packed) === digest) return packed;
    // Asked first, since mostly there is none and an error costs more than the question.
    const file = this.#file(digest);
    return existsSync(file) ? await readFile(file) : packed;
  }

  /** Whether there is such an attestation, in whatever condition. */
  has(digest: string): boolean {
    if (this.#recent.has(digest) || this.#places.at(digest)) return true;
    return this.#hasFiles() && existsSync(this.#file(digest));
  }

  /** Mostly there are none, so that is asked once in a while and not for each attestation. */
  #hasFiles(): boolean {
    const now = performance.now();
    if (now - this.#files.at > FILES_SEEN_MS) {
      this.#files = { at: now, some: existsSync(join(this.#folder, FILES)) };
    }
    return this.#files.some;
  }

  /** Reads an attestation back. */
  async check(digest: string): Promise<Stored> {
    this.#forget(digest);
    const bytes = await this.get(digest);
    if (!bytes) return 'missing';
    return sha256Hex(bytes) === digest ? 'intact' : 'damaged';
  }

  /** Finishes what is being written. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#writing;
    await this.#seal();
    await this.#places.close();
  }

  #enqueue(digest: string, bytes: Uint8Array): Promise<void> {
    const stored = new Promise<void>((resolve, reject) => {
      this.#waiting.push({ digest, bytes, resolve, reject });
    }).finally(() => this.#pending.delete(digest));
    this.#pending.set(digest, stored);
    this.#writing ??= this.#write().finally(() => {
      this.#writing = undefined;
    });
    return stored;
  }

  async #write(): Promise<void> {
    // Requests of one turn of the event loop are one write.
    await new Promise((done) => setImmediate(done));
    while (this.#waiting.length > 0) {
      const batch = this.#take();
      const began = performance.now();
      try {
        const fresh = await this.#withoutKnown(batch);
        if (fresh.length > 0) await this.#append(fresh);
        for (const { digest, bytes, resolve } of batch) {
          this.#remember(digest, bytes);
          resolve();
        }
      } catch (error) {
        // What of it is in the pack, nobody knows.
        await this.#seal();
        for (const { reject } of batch) reject(error);
      }
      const wait = LINGER_MS - (performance.now() - began);
      if (batch.length >= BUSY_ATTESTATIONS && wait > 0 && !this.#closing) await sleep(wait);
    }
  }

  #take(): Waiting[] {
    let bytes = 0;
    let count = 0;
    for (const waiting of this.#waiting) {
      bytes += waiting.bytes.length;
      if (count > 0 && bytes > BATCH_BYTES) break;
      count++;
    }
    return this.#waiting.splice(0, count);
  }

  /** Those that are not on disk, or not as they should be. */
  async #withoutKnown(batch: readonly Waiting[]): Promise<Waiting[]> {
    const fresh: Waiting[] = [];
    for (const waiting of batch) {
      const known = this.#places.at(waiting.digest);
      if (!known || (await this.check(waiting.digest)) !== 'intact') fresh.push(waiting);
    }
    return fresh;
  }

  /** Steps 1 to 3. */
  async #append(batch: readonly Waiting[]): Promise<void> {
    const { number, file, end: begin } = await this.#writable();
    const parts: Uint8Array[] = [];
    const places: [string, Place][] = [];
    let end = begin;
    for (const { digest, bytes } of batch) {
      const { length } = bytes;
      parts.push(headerOf(digest, length), bytes);
      places.push([digest, { pack: number, offset: end + HEADER_SIZE, length }]);
      end += HEADER_SIZE + length;
    }
    const joined = Buffer.concat(parts);
    for (let at = 0; at < joined.length;) {
      at += (await file.write(joined, at, joined.length - at, begin + at)).bytesWritten;
    }
    await file.datasync();
    await this.#places.add(places);
    this.#pack = { number, file, end };
  }

  async #writable(): Promise<OpenPack> {
    if (this.#pack && this.#pack.end < PACK_BYTES) return this.#pack;
    await this.#seal();
    const folder = join(this.#folder, PACKS);
    await mkdir(folder, { recursive: true });
    const number = this.#nextPack++;
    const file = await open(join(folder, packName(number)), 'wx', 0o644);
    this.#pack = { number, file, end: 0 };
    for (const made of [folder, this.#folder, join(this.#folder, '..')]) await syncFolder(made);
    return this.#pack;
  }

  async #seal(): Promise<void> {
    const pack = this.#pack;
    this.#pack = undefined;
    await pack?.file.close().catch(() => undefined);
  }

  #file(digest: string): string {
    return join(this.#folder, FILES, digest.slice(0, 2), digest);
  }

  async #read({ pack, offset, length }: Place): Promise<Uint8Array | undefined> {
    let file: FileHandle;
    try {
      file = await open(join(this.#folder, PACKS, packName(pack)), 'r');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      return await readFully(file, offset, length);
    } finally {
      await file.close();
    }
  }

  #remember(digest: string, bytes: Uint8Array): void {
    this.#forget(digest);
    this.#recent.set(digest, bytes);
    this.#recentBytes += bytes.length;
    for (const [oldest] of this.#recent) {
      if (this.#recentBytes <= RECENT_BYTES) break;
      this.#forget(oldest);
    }
  }

  #forget(digest: string): void {
    this.#recentBytes -= this.#recent.get(digest)?.length ?? 0;
    this.#recent.delete(digest);
  }
}

export function sha256Hex(bytes: Uint8Array): string {
  return hash('sha256', bytes, 'hex');
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

import { closeSync, fdatasync, fstatSync, openSync, write } from 'node:fs';
import { promisify } from 'node:util';
import { TlogError } from '../error.js';
import { MAX_BUCKET_BYTES } from './bucket.js';
import { readAll, writeAll } from './file-bytes.js';

const datasync = promisify(fdatasync);
const writeSome = promisify(write);

/** Buckets begin at multiples of this, so that 32 bits say where: up to 64 GiB. */
const UNIT = 16;
const MAX_UNITS = 2 ** 32;
/** Bytes that are worth a write, and that are written without leave of the others. */
const FLUSHED_BYTES = 1024 * 1024;
const BUFFER_BYTES = 3 * FLUSHED_BYTES;

/** Bytes that a bucket takes in the file. */
export function paddedLength(length: number): number {
  return Math.ceil(length / UNIT) * UNIT;
}

/** The buckets of a map, one after the other; what is changed is written anew at the end. */
export class BucketFile {
  readonly path: string;
  readonly #file: number;
  /** Bytes before the buffer. */
  #written: number;
  readonly #buffer = Buffer.alloc(BUFFER_BYTES + MAX_BUCKET_BYTES);
  #buffered = 0;
  readonly #read = Buffer.alloc(MAX_BUCKET_BYTES);

  /** @param length up to where the file is in use @throws TlogError `map-store` for a shorter one */
  constructor(path: string, length: number) {
    this.path = path;
    this.#file = openSync(path, length === 0 ? 'w+' : 'r+');
    this.#written = length;
    if (fstatSync(this.#file).size >= length) return;
    closeSync(this.#file);
    throw new TlogError('map-store', `${path} is shorter than it was`);
  }

  get length(): number {
    return this.#written + this.#buffered;
  }

  /**
   * Adds a bucket, whose bytes the caller writes into memory of the file.
   *
   * @returns its place @throws TlogError `map-full`
   */
  append(length: number, write: (bytes: Buffer) => void): number {
    const place = this.length / UNIT;
    const padded = paddedLength(length);
    if (place + padded / UNIT > MAX_UNITS || length > MAX_BUCKET_BYTES) {
      throw new TlogError('map-full', 'a bucket of the map has no room in its file');
    }
    if (this.#buffered >= BUFFER_BYTES) this.#flushNow();
    write(this.#buffer.subarray(this.#buffered, this.#buffered + length));
    this.#buffer.fill(0, this.#buffered + length, this.#buffered + padded);
    this.#buffered += padded;
    return place;
  }

  /** In memory that the next read uses again. @throws TlogError `map-store` when the file ends before */
  read(place: number, length: number): Buffer {
    const at = place * UNIT;
    if (length > MAX_BUCKET_BYTES) throw new TlogError('map-store', 'a bucket is too long');
    const bytes = this.#read.subarray(0, length);
    if (at < this.#written) readAll(this.#file, bytes, at);
    else this.#buffer.copy(bytes, 0, at - this.#written, at - this.#written + length);
    return bytes;
  }

  /** Gives up what is beyond a length. */
  cut(length: number): void {
    this.#buffered = Math.max(0, length - this.#written);
    this.#written = Math.min(length, this.#written);
  }

  /**
   * Writes what was appended, where there is enough of it. A disk that is slow holds up nobody else
   * meanwhile; nothing is appended until it resolves.
   */
  async flush(): Promise<void> {
    if (this.#buffered < FLUSHED_BYTES) return;
    for (let at = 0; at < this.#buffered;) {
      const left = this.#buffered - at;
      const position = this.#written + at;
      at += (await writeSome(this.#file, this.#buffer, at, left, position)).bytesWritten;
    }
    this.#written += this.#buffered;
    this.#buffered = 0;
  }

  /** What was appended is durable when it resolves. */
  async sync(): Promise<void> {
    this.#flushNow();
    await datasync(this.#file);
  }

  close(): void {
    closeSync(this.#file);
  }

  #flushNow(): void {
    writeAll(this.#file, this.#buffer.subarray(0, this.#buffered), this.#written);
    this.#written += this.#buffered;
    this.#buffered = 0;
  }
}

import { readSync, writeSync } from 'node:fs';
import { TlogError } from '../error.js';

/** Writes all of the bytes; a call may write fewer. */
export function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length;) {
    at += writeSync(file, bytes, at, bytes.length - at, position + at);
  }
}

/** Fills the bytes. @throws TlogError `map-store` where the file ends before, or cannot be read */
export function readAll(file: number, bytes: Uint8Array, position: number): void {
  let cause: unknown;
  try {
    if (readSync(file, bytes, 0, bytes.length, position) === bytes.length) return;
  } catch (error) {
    cause = error;
  }
  throw new TlogError('map-store', 'a file of the map ends early, or cannot be read', { cause });
}

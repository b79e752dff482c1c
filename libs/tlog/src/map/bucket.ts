import { crc32 } from 'node:zlib';
import { HASH_SIZE, MAP_KEY_SIZE } from '@touchstone/merkle';
import { TlogError } from '../error.js';

/** Keys of a bucket; with one more it becomes a branch. */
export const MAX_BUCKET_KEYS = 32;
/** Longest bucket that is read. Keys that share nearly all of their bits have many nodes. */
export const MAX_BUCKET_BYTES = 1024 * 1024;

/** One key with its list, in the bytes in which it is stored. */
export interface BucketEntry {
  readonly source: Buffer;
  /** Where the key begins; its list follows. */
  readonly at: number;
  readonly end: number;
}

/**
 * The keys of a subtree, ascending, and the hashes of its nodes.
 *
 * Stored: CRC-32 of what follows (4 bytes), number of keys (2), number of hashes (2), the hashes,
 * and for each key the length of its list (2), the key and the list. Numbers are big-endian.
 */
export interface Bucket {
  readonly entries: readonly BucketEntry[];
  /** Of nodes with two keys or more: each before those to its left, and these before the right. */
  readonly hashes: Buffer;
}

const CRC_BYTES = 4;
const HEAD_BYTES = CRC_BYTES + 4;
const LENGTH_BYTES = 2;

export const EMPTY_BUCKET: Bucket = { entries: [], hashes: Buffer.alloc(0) };

/** Bytes of a bucket with entries [low, high) of some, and with so many hashes. */
export function bucketLength(
  entries: readonly BucketEntry[],
  low: number,
  high: number,
  nodes: number,
): number {
  let length = HEAD_BYTES + nodes * HASH_SIZE + (high - low) * LENGTH_BYTES;
  for (let i = low; i < high; i++) {
    const { at, end } = entries[i] as BucketEntry;
    length += end - at;
  }
  return length;
}

/** Writes a bucket with entries [low, high) of some into as many bytes as it has. */
export function encodeBucket(
  bytes: Buffer,
  entries: readonly BucketEntry[],
  low: number,
  high: number,
  hashes: Uint8Array,
): void {
  bytes.writeUInt16BE(high - low, CRC_BYTES);
  bytes.writeUInt16BE(hashes.length / HASH_SIZE, CRC_BYTES + 2);
  bytes.set(hashes, HEAD_BYTES);
  let to = HEAD_BYTES + hashes.length;
  for (let i = low; i < high; i++) {
    const { source, at, end } = entries[i] as BucketEntry;
    to = bytes.writeUInt16BE(end - at - MAP_KEY_SIZE, to);
    to += source.copy(bytes, to, at, end);
  }
  bytes.writeUInt32BE(crc32(bytes.subarray(CRC_BYTES)), 0);
}

export function isWholeBucket(bytes: Buffer): boolean {
  if (bytes.length < HEAD_BYTES) return false;
  return bytes.readUInt32BE(0) === crc32(bytes.subarray(CRC_BYTES));
}

/** @throws TlogError `map-store` for bytes that are not those of a bucket, whole and unchanged */
export function decodeBucket(bytes: Buffer): Bucket {
  if (!isWholeBucket(bytes)) throw damaged('its checksum is another');
  const count = bytes.readUInt16BE(CRC_BYTES);
  let at = HEAD_BYTES + bytes.readUInt16BE(CRC_BYTES + 2) * HASH_SIZE;
  if (count === 0 || count > MAX_BUCKET_KEYS) throw damaged(`it has ${count} keys`);
  const hashes = bytes.subarray(HEAD_BYTES, at);
  const entries: BucketEntry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + LENGTH_BYTES > bytes.length) throw damaged('it ends early');
    const begin = at + LENGTH_BYTES;
    const end = begin + MAP_KEY_SIZE + bytes.readUInt16BE(at);
    if (end > bytes.length) throw damaged('it ends early');
    const entry = { source: bytes, at: begin, end };
    const before = entries.at(-1);
    if (before && compareKeys(before, entry) >= 0) throw damaged('its keys do not ascend');
    entries.push(entry);
    at = end;
  }
  if (at !== bytes.length) throw damaged('it has bytes after its end');
  return { entries, hashes };
}

export function keyOf({ source, at }: BucketEntry): Uint8Array {
  return source.subarray(at, at + MAP_KEY_SIZE);
}

export function compareKeys(a: BucketEntry, b: BucketEntry): number {
  for (let i = 0; i < MAP_KEY_SIZE; i++) {
    const difference = (a.source[a.at + i] as number) - (b.source[b.at + i] as number);
    if (difference !== 0) return difference;
  }
  return 0;
}

/** Bits that two keys begin with in common: at most 256. */
export function commonBits(a: BucketEntry, b: BucketEntry): number {
  for (let i = 0; i < MAP_KEY_SIZE; i++) {
    const difference = (a.source[a.at + i] as number) ^ (b.source[b.at + i] as number);
    if (difference !== 0) return i * 8 + Math.clz32(difference) - 24;
  }
  return MAP_KEY_SIZE * 8;
}

export function entryBit({ source, at }: BucketEntry, depth: number): number {
  return ((source[at + (depth >> 3)] as number) >> (7 - (depth & 7))) & 1;
}

export function damaged(why: string): TlogError {
  return new TlogError('map-store', `a bucket of the map is damaged: ${why}`);
}

import { createHash } from 'node:crypto';
import { open, readdir } from 'node:fs/promises';
import type { FileHandle } from 'node:fs/promises';
import { join } from 'node:path';

/** Bytes before each attestation in a pack: its length, big-endian, and its SHA-256. */
export const HEADER_SIZE = 4 + 32;
/** Largest attestation that a pack has; no request is larger. */
const MAX_LENGTH = 16 * 1024 * 1024;
const NAME = /^([0-9]{8})\.pack$/;

/** One attestation in a pack. */
export interface PackRecord {
  readonly digest: Buffer;
  /** Where its bytes begin. */
  readonly offset: number;
  readonly length: number;
  readonly intact: boolean;
}

export function packName(number: number): string {
  return `${String(number).padStart(8, '0')}.pack`;
}

/** Numbers of the packs in a folder, ascending. */
export async function listPacks(folder: string): Promise<number[]> {
  const names = await readdir(folder).catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  });
  return names
    .flatMap((name) => NAME.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

export function headerOf(digest: string, length: number): Buffer {
  const header = Buffer.alloc(HEADER_SIZE);
  header.writeUInt32BE(length, 0);
  header.write(digest, 4, 'hex');
  return header;
}

/**
 * The attestations of a pack from an offset on, up to what is none: the end, or what a crash left
 * of a write that nobody was told of.
 */
export async function* readPack(
  folder: string,
  number: number,
  from: number,
): AsyncGenerator<PackRecord> {
  const file = await open(join(folder, packName(number)), 'r');
  try {
    const { size } = await file.stat();
    for (let at = from; at + HEADER_SIZE <= size;) {
      const header = await readFully(file, at, HEADER_SIZE);
      const length = header?.readUInt32BE(0) ?? 0;
      const offset = at + HEADER_SIZE;
      if (!header || length > MAX_LENGTH || offset + length > size) return;
      const bytes = await readFully(file, offset, length);
      if (!bytes) return;
      const digest = header.subarray(4);
      const intact = createHash('sha256').update(bytes).digest().equals(digest);
      // Zeros are what a file grows by before its bytes come.
      if (!intact && length === 0) return;
      yield { digest, offset, length, intact };
      at = offset + length;
    }
  } finally {
    await file.close();
  }
}

/** Bytes of a file, or undefined when it ends before. */
export async function readFully(
  file: FileHandle,
  at: number,
  length: number,
): Promise<Buffer | undefined> {
  const bytes = Buffer.allocUnsafeSlow(length);
  for (let done = 0; done < length;) {
    const { bytesRead } = await file.read(bytes, done, length - done, at + done);
    if (bytesRead === 0) return undefined;
    done += bytesRead;
  }
  return bytes;
}

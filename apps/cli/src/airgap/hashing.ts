import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Readable } from 'node:stream';
import type { Hashing } from '@touchstone/airgap';
import { nodeSha256 } from '@touchstone/tlog';

/** The platform's SHA-256, for whatever the air-gap tool verifies. */
export const nodeHashing: Required<Hashing> = {
  sha256: nodeSha256,
  newHash: () => {
    const hash = createHash('sha256');
    return {
      update: (bytes) => void hash.update(bytes),
      digest: () => new Uint8Array(hash.digest()),
    };
  },
};

/** The bytes [begin, end) of a file, in pieces. */
export function readFileRange(path: string, begin = 0, end?: number): AsyncIterable<Uint8Array> {
  // A stream takes the last byte inclusively, and so cannot say "nothing".
  if (end !== undefined && end <= begin) return Readable.from([]);
  return createReadStream(path, { start: begin, ...(end !== undefined && { end: end - 1 }) });
}

import type { IndexedEntry } from '@touchstone/attest';
import { MAP_KEY_SIZE } from '@touchstone/merkle';

/** Keys of the map, end to end, and what could not be read for them. */
export interface PackedKeys {
  readonly keys: Uint8Array;
  readonly absent?: string;
}

/** Leaves whose keys are held, as many as wait for a commitment in a busy log, and their bytes. */
const MAX_LEAVES = 16_384;
const MAX_BYTES = 16 * 1024 * 1024;

/**
 * Keys of leaves that were made together with their entries, until the map asks for them. What it
 * does not find here it makes from the leaf.
 */
export class LeafKeys {
  readonly #keys = new Map<number, PackedKeys>();
  #bytes = 0;

  put(index: number, keys: PackedKeys): void {
    this.#remove(index);
    this.#keys.set(index, keys);
    this.#bytes += keys.keys.length;
    for (const oldest of this.#keys.keys()) {
      if (this.#keys.size <= MAX_LEAVES && this.#bytes <= MAX_BYTES) break;
      this.#remove(oldest);
    }
  }

  take(index: number): IndexedEntry | undefined {
    const packed = this.#remove(index);
    if (!packed) return undefined;
    const { keys, ...absent } = packed;
    const count = keys.length / MAP_KEY_SIZE;
    const unpacked = Array.from({ length: count }, (_, i) =>
      keys.subarray(i * MAP_KEY_SIZE, (i + 1) * MAP_KEY_SIZE),
    );
    return { keys: unpacked, ...absent };
  }

  #remove(index: number): PackedKeys | undefined {
    const packed = this.#keys.get(index);
    if (!packed) return undefined;
    this.#keys.delete(index);
    this.#bytes -= packed.keys.length;
    return packed;
  }
}

export function packKeys({ keys, absent }: IndexedEntry): PackedKeys {
  // Not in a pool of Node's: what is sent between threads, or held, takes all of its pool along.
  const packed = new Uint8Array(keys.length * MAP_KEY_SIZE);
  for (const [i, key] of keys.entries()) packed.set(key, i * MAP_KEY_SIZE);
  return { keys: packed, ...(absent !== undefined && { absent }) };
}

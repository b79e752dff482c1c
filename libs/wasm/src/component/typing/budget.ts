import { WasmError, type WasmErrorCode } from '../../errors.js';
import { MAX_TYPE_DEPTH, MAX_TYPE_SIZE, MAX_TYPE_STEPS } from '../../limits.js';
import { partsOf } from './parts.js';
import type { AnyShape, Extent, Layout, ModuleShape } from './shapes.js';

type Sized = AnyShape | ModuleShape;
export type Unsized<T> = T extends unknown ? Omit<T, keyof Extent> : never;

/**
 * What the types of one file may cost. It also knows which definition is being typed, so that a
 * refusal names the node and the byte.
 */
export class TypeBudget {
  /** Of the definition being typed, in the file. */
  at = 0;
  /** Path of the component being typed. */
  node = '/';
  /** Of values whose size has been asked for. */
  readonly layouts = new Map<AnyShape, Layout>();
  /** Of long texts of core types, by text. */
  readonly digests = new Map<string, string>();
  #left = MAX_TYPE_STEPS;

  spend(steps: number): void {
    this.#left -= steps;
    if (this.#left >= 0) return;
    this.refuse('type-too-large', `typing takes more than ${MAX_TYPE_STEPS} steps`);
  }

  /** What a shape is put together from, paid for. */
  partsOf(shape: Sized): ReturnType<typeof partsOf> {
    const parts = partsOf(shape);
    this.spend(1 + parts.length);
    return parts;
  }

  /** Measures a shape by its parts, which have been measured before it. */
  shape<T extends Sized>(unsized: Unsized<T>): T {
    let [size, depth, borrows] = [1, 0, unsized.kind === 'borrow'];
    for (const part of partsOf(unsized as Sized)) {
      this.spend(1);
      if (typeof part === 'string') {
        size += 1;
        continue;
      }
      size += part.size;
      if (part.depth > depth) depth = part.depth;
      borrows ||= part.borrows;
    }
    depth += 1;
    if (depth > MAX_TYPE_DEPTH) {
      this.refuse('depth-exceeded', `a type is more than ${MAX_TYPE_DEPTH} levels deep`);
    }
    if (size > MAX_TYPE_SIZE) {
      this.refuse('type-too-large', `a type has more than ${MAX_TYPE_SIZE} parts`);
    }
    return { ...unsized, size, depth, borrows } as unknown as T;
  }

  refuse(code: WasmErrorCode, message: string, options?: ErrorOptions): never {
    const where = this.node === '/' ? '' : `${this.node}: `;
    throw new WasmError(code, this.at, `${where}${message}`, options);
  }
}

import { moduleAt, readBinary, readFunctions, WasmError } from '@touchstone/wasm';
import { sha256Hex } from '../source/integrity.js';

/**
 * How far one build is from what was published, 0 for equal bytes: the bytes of published functions
 * and sections that the build lacks, and then those that only the build has, which count little: a
 * build without optimisation would otherwise look close to everything, for its functions are small.
 * Only for putting candidates in order; what it is that differs is told by the comparison.
 */
export function moduleDistance(claimed: Uint8Array, observed: Uint8Array): number {
  if (Buffer.compare(claimed, observed) === 0) return 0;
  const [left, right] = [parts(claimed), parts(observed)];
  if (left === undefined || right === undefined)
    return claimed.length + observed.length / EXTRA_WEIGHS;
  let missing = 0;
  let extra = 1;
  for (const [key, { count, size }] of left)
    missing += Math.max(0, count - (right.get(key)?.count ?? 0)) * size;
  for (const [key, { count, size }] of right)
    extra += Math.max(0, count - (left.get(key)?.count ?? 0)) * size;
  return missing + extra / EXTRA_WEIGHS;
}

const EXTRA_WEIGHS = 16;

type Parts = Map<string, { count: number; size: number }>;

function parts(bytes: Uint8Array): Parts | undefined {
  try {
    const module = readBinary(bytes);
    if (module.kind !== 'module') return undefined;
    const found: Parts = new Map();
    const add = (kind: string, offset: number, size: number): void => {
      const key = `${kind} ${sha256Hex(bytes.subarray(offset, offset + size))}`;
      found.set(key, { count: (found.get(key)?.count ?? 0) + 1, size });
    };
    for (const section of module.sections)
      if (section.name !== 'code')
        add(`${section.name} ${section.customName ?? ''}`, section.bodyOffset, section.bodySize);
    for (const { offset, size } of readFunctions(moduleAt(bytes, module)))
      add('function', offset, size);
    return found;
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}

import { CompactRange } from '@touchstone/merkle';
import type { TreeHasher } from '@touchstone/merkle';
import { decodeUtf8, encodeUtf8 } from '@touchstone/note';
import { TlogError, reason } from './error.js';

/**
 * The commit point of the log: the tree that it has promised to continue. Everything a state
 * covers was durable before the state was written.
 */
export interface LogState {
  readonly origin: string;
  /** Counts commits. A state on disk with another number was written by somebody else. */
  readonly generation: number;
  readonly range: CompactRange;
}

const VERSION = 1;
const MAX_STATE_BYTES = 16_384;
const HASH_HEX = /^[0-9a-f]{64}$/;

export function encodeState({ origin, generation, range }: LogState): Uint8Array {
  const document = {
    version: VERSION,
    origin,
    generation,
    size: range.size,
    root: toHex(range.root()),
    range: range.hashes.map(toHex),
  };
  return encodeUtf8(`${JSON.stringify(document)}\n`);
}

/**
 * Reads what encodeState wrote, and nothing else: decoded, encoded again and compared, so the
 * root in it is the root of its range.
 *
 * @throws TlogError `state-malformed`
 */
export function decodeState(bytes: Uint8Array, hasher: TreeHasher): LogState {
  try {
    if (bytes.length > MAX_STATE_BYTES) throw new Error(`${bytes.length} bytes are too many`);
    const state = stateFrom(JSON.parse(decodeUtf8(bytes)), hasher);
    if (!equalBytes(encodeState(state), bytes)) throw new Error('not in the form it is written in');
    return state;
  } catch (cause) {
    throw new TlogError('state-malformed', `the state file is damaged: ${reason(cause)}`, {
      cause,
    });
  }
}

function stateFrom(document: unknown, hasher: TreeHasher): LogState {
  if (typeof document !== 'object' || document === null) throw new Error('not an object');
  const { version, origin, generation, size, range } = document as Record<string, unknown>;
  if (version !== VERSION) throw new Error(`version is not ${VERSION}`);
  if (typeof origin !== 'string' || origin === '') throw new Error('origin is not a name');
  if (!isCount(generation)) throw new Error('generation is not a count');
  if (!isCount(size)) throw new Error('size is not a count');
  if (!Array.isArray(range) || !range.every(isHashHex)) throw new Error('range is not hashes');
  const hashes = range.map((hex) => new Uint8Array(Buffer.from(hex, 'hex')));
  return { origin, generation, range: new CompactRange(hasher, size, hashes) };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHashHex(value: unknown): value is string {
  return typeof value === 'string' && HASH_HEX.test(value);
}

export function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('hex');
}

export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

import { decodeUtf8 } from '@touchstone/note';
import type { z } from 'zod';
import { isPlainObject, MAX_JSON_DEPTH } from './canonical-json.js';
import { AttestError, type AttestErrorCode } from './errors.js';
import { repeatedKey } from './repeated-key.js';

/**
 * Reads JSON from bytes of unknown origin: strict UTF-8, bounded in size and depth, no key twice in
 * one object (readers differ in which of the two they take, so two of them would read two
 * documents), and without the key `__proto__`, which some code downstream would drop and some would
 * obey.
 *
 * @throws AttestError `json-malformed`, `json-too-deep`, `json-too-large`
 */
export function parseJson(bytes: Uint8Array, maxBytes: number): unknown {
  return parseJsonText(bytes, maxBytes).value;
}

/** How JSON is read: {@link parseJson}, or one that remembers. */
export type ReadJson = (bytes: Uint8Array, maxBytes: number) => unknown;

/**
 * Reads as {@link parseJson} does, and the same bytes (the array, not its content) once: for as
 * long as several look into the same entry and nobody writes to it.
 */
export function rememberJson(): ReadJson {
  const read = new Map<Uint8Array, unknown>();
  return (bytes, maxBytes) => {
    if (read.has(bytes) && bytes.length <= maxBytes) return read.get(bytes);
    const value = parseJson(bytes, maxBytes);
    read.set(bytes, value);
    return value;
  };
}

/** A JSON text that was read. */
export interface JsonText {
  /** What the bytes say: no other bytes say the same. */
  readonly text: string;
  readonly value: unknown;
  /** The text is the one that ECMAScript writes of the value. */
  readonly compact: boolean;
}

/** As {@link parseJson}, with the text. */
export function parseJsonText(bytes: Uint8Array, maxBytes: number): JsonText {
  if (bytes.length > maxBytes) {
    throw new AttestError(
      'json-too-large',
      `JSON of ${bytes.length} bytes is over the limit of ${maxBytes}`,
    );
  }
  let text: string;
  let value: unknown;
  try {
    text = decodeUtf8(bytes);
    value = JSON.parse(text);
  } catch (cause) {
    throw new AttestError('json-malformed', 'not JSON in UTF-8; send a JSON text', { cause });
  }
  checkShape(value);
  // What is written of a value has each key once: a text with a key twice is longer.
  const compact = JSON.stringify(value) === text;
  const twice = compact ? undefined : repeatedKey(text);
  if (twice !== undefined) {
    throw new AttestError('json-malformed', `the key ${twice} stands twice in one object`);
  }
  return { text, value, compact };
}

/** Walks level by level, so that no depth of nesting can exhaust the stack. */
function checkShape(root: unknown): void {
  let level: unknown[] = [root];
  for (let depth = 0; level.length > 0; depth += 1) {
    const next: unknown[] = [];
    for (const value of level) {
      if (Array.isArray(value)) {
        for (const item of value) if (isContainer(item)) next.push(item);
      } else if (isPlainObject(value)) {
        for (const key of Object.keys(value)) {
          if (key === '__proto__') {
            throw new AttestError('json-malformed', 'the key "__proto__" is refused; rename it');
          }
          if (isContainer(value[key])) next.push(value[key]);
        }
      }
    }
    if (next.length > 0 && depth + 1 >= MAX_JSON_DEPTH) {
      throw new AttestError('json-too-deep', `JSON is nested deeper than ${MAX_JSON_DEPTH} levels`);
    }
    level = next;
  }
}

function isContainer(value: unknown): boolean {
  return typeof value === 'object' && value !== null;
}

/**
 * Reads `value` by `schema`; the message names the first field that is wrong.
 *
 * @throws AttestError with the given code
 */
export function parseBy<S extends z.ZodType>(
  schema: S,
  value: unknown,
  code: AttestErrorCode,
  what: string,
): z.output<S> {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const field = issue?.path.map(String).join('.') ?? '';
  throw new AttestError(code, `${what}: ${field === '' ? '' : `${field}: `}${issue?.message}`);
}

import { bytesToHex } from '@noble/hashes/utils.js';
import { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import {
  MAX_NAME_BYTES,
  MAX_PRODUCER_FIELDS,
  MAX_PRODUCER_VALUES,
  MAX_TARGET_FEATURES,
} from '../limits.js';
import type { Section, Span } from '../module.js';
import type { Node } from './component.js';

/** A custom section where it stands in the file; `content` begins after its name. */
export interface CustomSection extends Span {
  name: string;
  content: Span;
}

export interface Producer {
  name: string;
  version: string;
}

export interface ProducersField {
  /** `language`, `processed-by` or `sdk` by convention; others occur. */
  field: string;
  values: Producer[];
}

export interface TargetFeature {
  name: string;
  /** `+` used, `-` not allowed, `=` required. */
  prefix: '+' | '-' | '=';
}

const prefixes: ReadonlyMap<number, TargetFeature['prefix']> = new Map([
  [0x2b, '+'],
  [0x2d, '-'],
  [0x3d, '='],
]);

/** The custom sections of one node, not of what is nested in it. */
export function customSections(bytes: Uint8Array, node: Node): CustomSection[] {
  const customs: CustomSection[] = [];
  for (const { customName, offset, bodyOffset, bodySize } of node.sections as Section[]) {
    if (customName === undefined) continue;
    const end = bodyOffset + bodySize;
    const cursor = new Cursor(bytes, bodyOffset, end, false);
    cursor.skipVector('the name of a custom section', MAX_NAME_BYTES);
    const content = { offset: cursor.offset, size: cursor.remaining };
    customs.push({ name: customName, offset, size: end - offset, content });
  }
  return customs;
}

/** Of a build id, in bytes; linkers write 8 to 32. */
const MAX_BUILD_ID = 64;

/**
 * Reads the content of a section `build_id`, as hex: with its length before it, as linkers write it
 * (tool-conventions, BuildId.md), or without, as wasm-split does.
 *
 * @throws WasmError `custom-malformed` when it is too long for either
 */
export function readBuildId(bytes: Uint8Array, { offset, size }: Span): string {
  if (size > MAX_BUILD_ID + 1) {
    throw new WasmError('custom-malformed', offset, `a build id has at most ${MAX_BUILD_ID} bytes`);
  }
  const hasLength = size > 0 && bytes[offset] === size - 1;
  return bytesToHex(bytes.subarray(offset + (hasLength ? 1 : 0), offset + size));
}

/**
 * Reads the content of a section `producers` (tool-conventions, ProducersSection.md).
 *
 * @throws WasmError
 */
export function readProducers(bytes: Uint8Array, content: Span): ProducersField[] {
  const cursor = contentCursor(bytes, content);
  const count = cursor.count('the number of producer fields', MAX_PRODUCER_FIELDS, 2);
  const fields: ProducersField[] = [];
  for (let position = 0; position < count; position += 1) {
    const start = cursor.offset;
    const field = cursor.text('the name of a producer field');
    if (fields.some((earlier) => earlier.field === field)) {
      throw new WasmError('custom-malformed', start, `a second producer field ${field}`);
    }
    const length = cursor.count('the number of producers', MAX_PRODUCER_VALUES, 2);
    const values = Array.from({ length }, () => ({
      name: cursor.text('the name of a producer'),
      version: cursor.text('the version of a producer'),
    }));
    fields.push({ field, values });
  }
  expectEnd(cursor, 'producers');
  return fields;
}

/**
 * Reads the content of a section `target_features` (tool-conventions, Linking.md).
 *
 * @throws WasmError
 */
export function readTargetFeatures(bytes: Uint8Array, content: Span): TargetFeature[] {
  const cursor = contentCursor(bytes, content);
  const length = cursor.count('the number of target features', MAX_TARGET_FEATURES, 2);
  const features = Array.from({ length }, () => {
    const start = cursor.offset;
    const prefix = prefixes.get(cursor.u8('the prefix of a target feature'));
    if (prefix === undefined) {
      throw new WasmError('custom-malformed', start, 'a target feature of an unknown prefix');
    }
    return { prefix, name: cursor.text('the name of a target feature') };
  });
  expectEnd(cursor, 'target_features');
  return features;
}

/**
 * The name that a node gives itself in `name` (a module) or `component-name` (a component). Names
 * explain and decide nothing: a section that is broken gives none.
 */
export function readOwnName(bytes: Uint8Array, node: Node): string | undefined {
  const wanted = node.kind === 'module' ? 'name' : 'component-name';
  const section = customSections(bytes, node).find(({ name }) => name === wanted);
  if (section === undefined) return undefined;
  const cursor = contentCursor(bytes, section.content);
  try {
    // The name stands in subsection 0, which comes first when it is there at all.
    if (cursor.u8('a subsection id') !== 0) return undefined;
    cursor.u32('the size of a subsection');
    return cursor.text('a name');
  } catch (error) {
    if (error instanceof WasmError) return undefined;
    throw error;
  }
}

function contentCursor(bytes: Uint8Array, { offset, size }: Span): Cursor {
  return new Cursor(bytes, offset, offset + size, false);
}

function expectEnd(cursor: Cursor, name: string): void {
  if (cursor.remaining === 0) return;
  const message = `section ${name} holds ${cursor.remaining} bytes after its last item`;
  throw new WasmError('section-trailing-bytes', cursor.offset, message);
}

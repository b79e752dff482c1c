import { Cursor } from './cursor.js';
import { WasmError } from './errors.js';
import { MAX_FILE_SIZE, MAX_SECTIONS } from './limits.js';

/** In the order in which the specification wants them (5.5.2, with `tag` of exception handling). */
const sectionsInOrder = [
  { id: 1, name: 'type' },
  { id: 2, name: 'import' },
  { id: 3, name: 'function' },
  { id: 4, name: 'table' },
  { id: 5, name: 'memory' },
  { id: 13, name: 'tag' },
  { id: 6, name: 'global' },
  { id: 7, name: 'export' },
  { id: 8, name: 'start' },
  { id: 9, name: 'element' },
  { id: 12, name: 'datacount' },
  { id: 10, name: 'code' },
  { id: 11, name: 'data' },
] as const;

export type SectionName = 'custom' | (typeof sectionsInOrder)[number]['name'];

/** Where bytes lie in their file. */
export interface Span {
  offset: number;
  size: number;
}

export interface Section {
  id: number;
  name: SectionName;
  /** Of custom sections alone. */
  customName?: string;
  /** Of the id byte. */
  offset: number;
  /** Id byte and size field together. */
  headerSize: number;
  bodyOffset: number;
  /** As the header says; a custom section's name is part of its body. */
  bodySize: number;
}

export interface WasmModule {
  bytes: Uint8Array;
  sections: Section[];
  /** Whether padded integers were refused when the sections were read. */
  canonical: boolean;
}

export interface ReadOptions {
  /** In bytes; 256 MiB when left out. */
  maxFileSize?: number;
  /**
   * Refuse integers that are not in their shortest form; true when left out. The specification
   * allows padding up to the width of the type: false reads such modules.
   */
  canonical?: boolean;
}

const PREAMBLE_SIZE = 8;
const positionOfId = new Map<number, number>(sectionsInOrder.map(({ id }, index) => [id, index]));

/**
 * Reads the preamble and the section headers of a module (core specification 5.5). The bodies are
 * left to `readImports`, `readFunctions` and `readDataSegments`; the offsets cover every byte of
 * the file exactly once.
 *
 * @throws WasmError
 */
export function readModule(bytes: Uint8Array, options: ReadOptions = {}): WasmModule {
  const { maxFileSize = MAX_FILE_SIZE, canonical = true } = options;
  if (bytes.length > maxFileSize) {
    const message = `the file has ${bytes.length} bytes, the limit is ${maxFileSize}`;
    throw new WasmError('file-too-large', 0, message);
  }
  readPreamble(bytes);
  const cursor = new Cursor(bytes, PREAMBLE_SIZE, bytes.length, canonical);
  const sections: Section[] = [];
  let lastPosition = -1;
  while (cursor.remaining > 0) {
    if (sections.length === MAX_SECTIONS) {
      const message = `the module has more than ${MAX_SECTIONS} sections`;
      throw new WasmError('count-too-large', cursor.offset, message);
    }
    const section = readSection(cursor);
    if (section.id !== 0) lastPosition = checkOrder(section, lastPosition);
    sections.push(section);
  }
  return { bytes, sections, canonical };
}

/** The section of that name, of which a module has one at most. */
export function findSection(
  module: WasmModule,
  name: Exclude<SectionName, 'custom'>,
): Section | undefined {
  return module.sections.find((section) => section.name === name);
}

/** A cursor over a section's body. */
export function bodyCursor(module: WasmModule, section: Section): Cursor {
  const end = section.bodyOffset + section.bodySize;
  return new Cursor(module.bytes, section.bodyOffset, end, module.canonical);
}

/** To be called when all that a section holds has been read. */
export function expectEnd(cursor: Cursor, section: SectionName): void {
  if (cursor.remaining === 0) return;
  const message = `section ${section} holds ${cursor.remaining} bytes after its last item`;
  throw new WasmError('section-trailing-bytes', cursor.offset, message);
}

function readPreamble(bytes: Uint8Array): void {
  const magic = [0x00, 0x61, 0x73, 0x6d];
  const wrong = magic.findIndex((byte, index) => index < bytes.length && bytes[index] !== byte);
  if (wrong !== -1) {
    throw new WasmError('not-wasm', wrong, 'the file does not begin with the bytes 00 61 73 6d');
  }
  if (bytes.length < PREAMBLE_SIZE) {
    throw new WasmError('truncated', bytes.length, 'the file ends inside the preamble');
  }
  // The component model splits the version word in two: 16 bits of version, 16 bits of layer.
  const [low = 0, high = 0, layer = 0, layerHigh = 0] = bytes.subarray(4, PREAMBLE_SIZE);
  if (layer === 1 && layerHigh === 0) {
    throw new WasmError('component-unsupported', 6, 'this is a component; give a core module');
  }
  if (low !== 1 || high !== 0 || layer !== 0 || layerHigh !== 0) {
    const words = `version ${low + high * 256}, layer ${layer + layerHigh * 256}`;
    throw new WasmError('version-unsupported', 4, `${words} is not a module of version 1`);
  }
}

function readSection(cursor: Cursor): Section {
  const offset = cursor.offset;
  const id = cursor.u8('a section id');
  const position = positionOfId.get(id);
  const name = position === undefined ? undefined : sectionsInOrder[position]?.name;
  if (id !== 0 && name === undefined) {
    throw new WasmError('section-unknown', offset, `no section has the id ${id}`);
  }
  const label: SectionName = name ?? 'custom';
  const bodySize = cursor.u32(`the size of section ${label}`);
  const bodyOffset = cursor.offset;
  if (bodySize > cursor.remaining) {
    const message = `section ${label} says it has ${bodySize} bytes and ${cursor.remaining} are left`;
    throw new WasmError('section-overrun', offset, message);
  }
  cursor.offset += bodySize;
  const section = {
    id,
    name: label,
    offset,
    headerSize: bodyOffset - offset,
    bodyOffset,
    bodySize,
  };
  if (name !== undefined) return section;
  const body = new Cursor(cursor.bytes, bodyOffset, cursor.offset, cursor.canonical);
  return { ...section, customName: body.text('the name of a custom section') };
}

function checkOrder(section: Section, lastPosition: number): number {
  const position = positionOfId.get(section.id) ?? -1;
  if (position === lastPosition) {
    throw new WasmError('section-duplicate', section.offset, `a second section ${section.name}`);
  }
  if (position < lastPosition) {
    const before = sectionsInOrder[lastPosition]?.name ?? '';
    const message = `section ${section.name} stands after section ${before}`;
    throw new WasmError('section-order', section.offset, message);
  }
  return position;
}

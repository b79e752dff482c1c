import { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { MAX_FILE_SIZE } from '../limits.js';
import { readModule, type Section, type Span, type WasmModule } from '../module.js';
import { readEntry, readStart, type Definition } from './definitions.js';
import { PREAMBLE_SIZE, readLayer } from './preamble.js';
import { Scope } from './scope.js';
import type { Sort } from './sorts.js';

const sectionNames = [
  'custom',
  'core module',
  'core instance',
  'core type',
  'component',
  'instance',
  'alias',
  'type',
  'canon',
  'start',
  'import',
  'export',
  'value',
] as const;

export type ComponentSectionName = (typeof sectionNames)[number];

/** A section of a component; offsets are those of the file, at every level. */
export interface ComponentSection extends Omit<Section, 'name'> {
  name: ComponentSectionName;
  /** Of sections `core module` and `component`: position in the node's `children`. */
  child?: number;
}

interface Place extends Span {
  /** `/` for the file, then a step per level: `/component[1]/module[0]`, each kind counted apart. */
  path: string;
}

export interface ModuleNode extends Place {
  kind: 'module';
  sections: Section[];
}

export interface ComponentNode extends Place {
  kind: 'component';
  sections: ComponentSection[];
  /** Nested modules and components in the order in which they stand. */
  children: Node[];
  definitions: (Definition & Span)[];
  /**
   * The index spaces: for each index of a sort, the position in `definitions` of what defines it.
   * A recursion group of core types, and a start definition, may stand there more than once.
   */
  spaces: Record<Sort, number[]>;
}

export type Node = ComponentNode | ModuleNode;

export interface ReadComponentOptions {
  /** In bytes; 256 MiB when left out. */
  maxFileSize?: number;
  /** Refuse padded integers in what belongs to components; true when left out. */
  canonical?: boolean;
  /** The same within core modules, which real linkers do pad; false when left out. */
  canonicalModules?: boolean;
}

interface Walk {
  bytes: Uint8Array;
  canonical: boolean;
  canonicalModules: boolean;
}

/**
 * Reads a component with everything nested in it (component model, Binary.md): section headers at
 * every level, definitions of every component, section headers of every core module. References
 * are checked against the index spaces, types are not checked against each other.
 *
 * @throws WasmError with the offset in the file
 */
export function readComponent(
  bytes: Uint8Array,
  options: ReadComponentOptions = {},
): ComponentNode {
  const node = readBinary(bytes, options);
  if (node.kind === 'component') return node;
  throw new WasmError('component-expected', 6, 'this is a core module; give a component');
}

/**
 * Reads a file of either kind, told apart by the layer in its preamble.
 *
 * @throws WasmError with the offset in the file
 */
export function readBinary(bytes: Uint8Array, options: ReadComponentOptions = {}): Node {
  const { maxFileSize = MAX_FILE_SIZE, canonical = true, canonicalModules = false } = options;
  if (bytes.length > maxFileSize) {
    const message = `the file has ${bytes.length} bytes, the limit is ${maxFileSize}`;
    throw new WasmError('file-too-large', 0, message);
  }
  const walk = { bytes, canonical, canonicalModules };
  const whole = { path: '/', offset: 0, size: bytes.length };
  const scope = Scope.outermost();
  return readLayer(bytes, 0, bytes.length) === 'component'
    ? readComponentAt(walk, whole, scope)
    : readModuleAt(walk, whole, scope);
}

/** The module at a node, for `readImports` and its like; offsets stay those of the file. */
export function moduleAt(bytes: Uint8Array, node: ModuleNode, canonical = false): WasmModule {
  return { bytes, sections: node.sections, canonical };
}

/** The node and all within it, outermost first, in the order of the file. */
export function* walkNodes(node: Node): Generator<Node> {
  yield node;
  if (node.kind === 'module') return;
  for (const child of node.children) yield* walkNodes(child);
}

function readModuleAt(walk: Walk, place: Place, scope: Scope): ModuleNode {
  const { offset, size } = place;
  try {
    const { sections } = readModule(walk.bytes.subarray(offset, offset + size), {
      canonical: walk.canonicalModules,
      maxFileSize: size,
    });
    scope.spend(sections.length, offset);
    if (offset === 0) return { kind: 'module', ...place, sections };
    for (const section of sections) {
      section.offset += offset;
      section.bodyOffset += offset;
    }
    return { kind: 'module', ...place, sections };
  } catch (error) {
    if (!(error instanceof WasmError) || offset === 0) throw error;
    throw new WasmError(error.code, offset + error.offset, `${place.path}: ${error.reason}`, {
      cause: error,
    });
  }
}

function readComponentAt(walk: Walk, place: Place, scope: Scope): ComponentNode {
  const end = place.offset + place.size;
  if (readLayer(walk.bytes, place.offset, end) !== 'component') {
    const message = `${place.path}: a core module stands where a component belongs`;
    throw new WasmError('component-expected', place.offset + 6, message);
  }
  const cursor = new Cursor(walk.bytes, place.offset + PREAMBLE_SIZE, end, walk.canonical);
  const node: ComponentNode = {
    kind: 'component',
    ...place,
    sections: [],
    children: [],
    definitions: [],
    spaces: scope.spaces(),
  };
  while (cursor.remaining > 0) {
    scope.spend(1, cursor.offset);
    const section = readHeader(cursor);
    node.sections.push(section);
    readBody(walk, node, section, scope);
  }
  node.spaces = scope.spaces();
  return node;
}

function readHeader(cursor: Cursor): ComponentSection {
  const offset = cursor.offset;
  const id = cursor.u8('a section id');
  const name = sectionNames[id];
  if (name === undefined) {
    throw new WasmError('section-unknown', offset, `no section of a component has the id ${id}`);
  }
  const bodySize = cursor.u32('the size of a section');
  const bodyOffset = cursor.offset;
  if (bodySize > cursor.remaining) {
    const message = `section ${name} says it has ${bodySize} bytes and ${cursor.remaining} are left`;
    throw new WasmError('section-overrun', offset, message);
  }
  cursor.offset += bodySize;
  return { id, name, offset, headerSize: bodyOffset - offset, bodyOffset, bodySize };
}

function readBody(walk: Walk, node: ComponentNode, section: ComponentSection, scope: Scope): void {
  const { name, bodyOffset, bodySize } = section;
  if (name === 'core module' || name === 'component') {
    readChild(walk, node, section, scope);
    return;
  }
  const cursor = new Cursor(walk.bytes, bodyOffset, bodyOffset + bodySize, walk.canonical);
  if (name === 'custom') {
    section.customName = cursor.text('the name of a custom section');
    return;
  }
  const read = name === 'start' ? readStart : readEntry[section.id];
  if (read === undefined) throw new WasmError('section-unknown', section.offset, `section ${name}`);
  const count = name === 'start' ? 1 : scope.count(cursor, 'the number of definitions', 1);
  for (let position = 0; position < count; position += 1) {
    const offset = cursor.offset;
    scope.position = node.definitions.length;
    const definition = read(cursor, scope) as Definition & Span;
    definition.offset = offset;
    definition.size = cursor.offset - offset;
    node.definitions.push(definition);
  }
  if (cursor.remaining > 0) {
    const message = `section ${name} holds ${cursor.remaining} bytes after its last item`;
    throw new WasmError('section-trailing-bytes', cursor.offset, message);
  }
}

function readChild(walk: Walk, node: ComponentNode, section: ComponentSection, scope: Scope): void {
  const { bodyOffset: offset, bodySize: size } = section;
  const kind = section.name === 'component' ? 'component' : 'module';
  scope.position = node.definitions.length;
  section.child = node.children.length;
  const sort = kind === 'component' ? 'component' : 'core module';
  const ordinal = scope.nextOrdinal(kind);
  const path = `${node.path === '/' ? '' : node.path}/${kind}[${ordinal}]`;
  const place = { path, offset, size };
  const inner = scope.enter('component', offset);
  const read = kind === 'component' ? readComponentAt : readModuleAt;
  node.children.push(read(walk, place, inner));
  node.definitions.push({ kind: sort, child: section.child, offset, size });
  scope.define(sort);
}

import { WasmError } from '../../errors.js';
import { readBinary, readComponent, type Node } from '../component.js';
import { customSections } from '../custom.js';
import { TypeBudget } from '../typing/budget.js';
import { typeComponent } from '../typing/resolve-component.js';
import type { ComponentShape, Member } from '../typing/shapes.js';
import { WitDocument, type World } from './print.js';

const COMPONENT_TYPE = 'component-type';

/**
 * The WIT of a component, from its types: its world, and every interface that the world speaks of.
 * Of a core module, the worlds of its sections `component-type`, which tools make a component from.
 * Of a WIT package in binary form, its interfaces. Same bytes, same text.
 *
 * @throws WasmError; `custom-missing` of a module that says nothing of its world
 */
export function witOf(bytes: Uint8Array, root: Node = readBinary(bytes)): string {
  const budget = new TypeBudget();
  if (root.kind === 'module') return witOfModule(bytes, root, budget);
  const shape = typeComponent(bytes, root);
  const encoded = encodedTypes(shape);
  return encoded === undefined ? witOfWorlds([shape], budget) : witOfTypes(encoded, budget);
}

function witOfModule(bytes: Uint8Array, root: Node, budget: TypeBudget): string {
  const types: [string, ComponentShape][] = [];
  for (const { name, content } of customSections(bytes, root)) {
    if (!name.startsWith(COMPONENT_TYPE)) continue;
    types.push(...within(content.offset, () => readTypes(bytes, content)));
  }
  if (types.length === 0) {
    const message = `a module without a section ${COMPONENT_TYPE} says nothing of its world`;
    throw new WasmError('custom-missing', root.offset, message);
  }
  return witOfTypes(types, budget);
}

function readTypes(
  bytes: Uint8Array,
  { offset, size }: { offset: number; size: number },
): [string, ComponentShape][] {
  const content = bytes.subarray(offset, offset + size);
  return encodedTypes(typeComponent(content, readComponent(content))) ?? [];
}

/** A component that exports nothing but types of components is how tools encode WIT. */
function encodedTypes({
  imports,
  exports,
}: ComponentShape): [string, ComponentShape][] | undefined {
  if (imports.size > 0 || exports.size === 0) return undefined;
  const types: [string, ComponentShape][] = [];
  for (const [name, member] of exports) {
    const type =
      member.sort === 'type' && member.type.kind === 'named' ? member.type.of : undefined;
    if (type?.kind !== 'component') return undefined;
    types.push([name, type]);
  }
  return types;
}

function witOfTypes(types: readonly [string, ComponentShape][], budget: TypeBudget): string {
  const document = new WitDocument(budget);
  const worlds: ComponentShape[] = [];
  const named: string[] = [];
  for (const [, { imports, exports }] of types) {
    document.collect('import', imports);
    document.collect('export', exports);
    for (const [name, member] of exports) {
      if (member.sort !== 'component') continue;
      worlds.push(member.type);
      named.push(name);
    }
  }
  if (worlds.length === 0) return document.print(undefined);
  return witOfWorlds(worlds, budget, document, `of ${named.join(', ')}`);
}

/** Several worlds are one that has what each of them has. */
function witOfWorlds(
  worlds: readonly ComponentShape[],
  budget: TypeBudget,
  document = new WitDocument(budget),
  comment?: string,
): string {
  const joined = {
    imports: new Map<string, Member>(),
    exports: new Map<string, Member>(),
  } satisfies World;
  for (const { imports, exports } of worlds) {
    document.collect('import', imports);
    document.collect('export', exports);
    for (const [name, member] of imports) {
      if (!joined.imports.has(name)) joined.imports.set(name, member);
    }
    for (const [name, member] of exports) {
      if (!joined.exports.has(name)) joined.exports.set(name, member);
    }
  }
  return document.print(joined, comment);
}

/** A refusal of bytes within a section, with its place in the file. */
function within<T>(offset: number, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof WasmError)) throw error;
    const reason = `section ${COMPONENT_TYPE}: ${error.reason}`;
    throw new WasmError(error.code, offset + error.offset, reason, { cause: error });
  }
}

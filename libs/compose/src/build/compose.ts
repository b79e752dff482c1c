import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { ComponentNode } from '@touchstone/wasm';
import { checkTypes } from '../check-types.js';
import { ComposeError } from '../errors.js';
import type { Sha256 } from '../graph.js';
import { MAX_FILE_BYTES } from '../limits.js';
import { readComposition } from '../read.js';
import { composeManifest, embedManifest } from '../write-manifest.js';
import { bind } from './bind.js';
import { aliasOfExport, ComponentWriter, externName, instantiation, reference } from './binary.js';
import type { Argument, PassedSort } from './binary.js';
import { ImportEncoder } from './encode-types.js';
import { OuterImports } from './outer-imports.js';
import type { CompositionPlan } from './plan.js';
import { resolveInterface, type Budget, type Interface } from './resolve.js';
import { find, type Item } from './types.js';
import { wire, type Given, type WiredInstance, type Wiring } from './wiring.js';

/** Types and items in all instances together; a component is resolved once for each instance. */
const MAX_TYPES = 4_000_000;

/** Where one import of one instance comes from. */
export interface Connection {
  readonly import: string;
  /** Another instance, or the host by the name that the whole imports it by. */
  readonly from: { readonly instance: string; readonly export: string } | { readonly host: string };
}

export interface Composition {
  readonly bytes: Uint8Array;
  /** In the order in which they are instantiated. */
  readonly instances: readonly {
    readonly name: string;
    readonly component: string;
    readonly connections: readonly Connection[];
  }[];
  readonly imports: readonly string[];
  readonly exports: readonly string[];
}

/**
 * Composes components by a plan into one component, in which each of them stands byte for byte.
 * Plan and components decide every byte.
 *
 * @param components by hex SHA-256
 * @throws ComposeError of the reader, of {@link wire} and of {@link OuterImports};
 * `component-unknown`, `component-digest-mismatch`, `type-mismatch`, `item-unsupported`,
 * `import-unsatisfied`, `composition-too-large`
 */
export function compose(
  plan: CompositionPlan,
  components: ReadonlyMap<string, Uint8Array>,
  { sha256 = nobleSha256 }: { readonly sha256?: Sha256 } = {},
): Composition {
  const parts = readParts(plan, components, sha256);
  const nodes = new Map([...parts].map(([name, { node }]) => [name, node]));
  const wiring = wire(plan, nodes);
  const linked = link(wiring, nodes, plan.imports);
  const bare = new Assembly(wiring, linked, parts).assemble();
  checkComposed(bare);
  const bytes =
    plan.manifest === undefined
      ? bare
      : embedManifest(bare, composeManifest(bare, { claims: plan.manifest, sha256 }));
  const nameOf = new Map(linked.imports.map(({ key, name }) => [key, name]));
  const instances = wiring.instances.map(({ name, component, args }) => ({
    name,
    component,
    connections: [...(linked.interfaces.get(name)?.imports.keys() ?? [])].map((wanted) => {
      const given = args.get(wanted);
      const host = nameOf.get(linked.keys.get(name)?.get(wanted) ?? '') ?? wanted;
      return { import: wanted, from: given ?? { host } };
    }),
  }));
  return {
    bytes,
    instances,
    imports: linked.imports.map(({ name }) => name),
    exports: wiring.exports.map(({ as }) => as),
  };
}

/**
 * Linking types by unifying them says what goes by which name; whether all of it fits is said by the
 * one that says so of every component, over the bytes that are handed out.
 */
function checkComposed(bytes: Uint8Array): void {
  const [finding] = checkTypes(bytes, readComposition(bytes));
  if (finding === undefined) return;
  throw new ComposeError('type-mismatch', finding.node, finding.offset ?? 0, finding.message);
}

interface Part {
  readonly bytes: Uint8Array;
  readonly node: ComponentNode;
}

function readParts(
  { components: planned }: CompositionPlan,
  components: ReadonlyMap<string, Uint8Array>,
  sha256: Sha256,
): Map<string, Part> {
  const parts = new Map<string, Part>();
  let size = 0;
  for (const [name, { sha256: digest }] of Object.entries(planned)) {
    const bytes = components.get(digest);
    if (bytes === undefined) {
      const message = `component ${name}, sha256:${digest}, is not at hand`;
      throw new ComposeError('component-unknown', name, 0, message);
    }
    size += bytes.length;
    if (size > MAX_FILE_BYTES) {
      const message = `the components have more than ${MAX_FILE_BYTES} bytes`;
      throw new ComposeError('composition-too-large', name, 0, message);
    }
    const actual = bytesToHex(sha256(bytes));
    if (actual !== digest) {
      const message = `component ${name} is sha256:${actual}, the plan wants sha256:${digest}`;
      throw new ComposeError('component-digest-mismatch', name, 0, message);
    }
    const node = readComposition(bytes);
    if (node.kind === 'module') {
      const message = `${name} is a core module; a component is composed of components`;
      throw new ComposeError('component-expected', name, 0, message);
    }
    parts.set(name, { bytes, node });
  }
  return parts;
}

interface Linked {
  readonly interfaces: ReadonlyMap<string, Interface>;
  /** By instance and import: key of the outer import. */
  readonly keys: ReadonlyMap<string, ReadonlyMap<string, string>>;
  readonly imports: readonly { readonly key: string; readonly name: string; readonly item: Item }[];
}

/** Types every instance by what it is given, and gathers what nobody gives. */
function link(
  { instances }: Wiring,
  nodes: ReadonlyMap<string, ComponentNode>,
  allowed: readonly string[] | undefined,
): Linked {
  const budget: Budget = { left: MAX_TYPES };
  const outer = new OuterImports();
  const interfaces = new Map<string, Interface>();
  const keys = new Map<string, Map<string, string>>();
  for (const { name, component, args } of instances) {
    const node = nodes.get(component);
    if (node === undefined) throw new Error(`component ${component} is lost`);
    const made = resolveInterface(node, budget);
    interfaces.set(name, made);
    const left = new Map<string, string>();
    keys.set(name, left);
    for (const [wanted, item] of made.imports) {
      const given = args.get(wanted);
      if (given !== undefined) satisfy(name, wanted, item, given, interfaces);
      else {
        if (allowed !== undefined) checkAllowed(name, wanted, allowed);
        left.set(wanted, outer.adopt(name, wanted, item));
      }
    }
  }
  return { interfaces, keys, imports: outer.inOrder() };
}

function satisfy(
  user: string,
  wanted: string,
  item: Item,
  given: Given,
  interfaces: ReadonlyMap<string, Interface>,
): void {
  const actual = interfaces.get(given.instance)?.exports.get(given.export);
  if (actual === undefined) throw new Error(`export ${given.export} is lost`);
  if (item.sort === 'instance') {
    for (const [name, inner] of item.exports) {
      if (inner.sort !== 'type') continue;
      find(inner.type).spokenOf ??= { interface: wanted, name };
    }
  }
  bind(item, actual, (path, reason) => {
    const place = [wanted, ...path].join(' › ');
    const message = `${place}: what ${user} asks for is not what ${given.instance} gives by ${given.export}: ${reason}`;
    throw new ComposeError('type-mismatch', user, 0, message);
  });
}

function checkAllowed(user: string, wanted: string, allowed: readonly string[]): void {
  const isAllowed = allowed.some((pattern) =>
    pattern.endsWith('*') ? wanted.startsWith(pattern.slice(0, -1)) : wanted === pattern,
  );
  if (isAllowed) return;
  const message = `${wanted} of ${user} is given by nobody, and the plan does not leave it to the host`;
  throw new ComposeError('import-unsatisfied', user, 0, message);
}

/** Index spaces of the component that is written. */
class Assembly {
  readonly #writer = new ComponentWriter();
  readonly #encoder = new ImportEncoder(this.#writer);
  /** By key of the outer import. */
  readonly #imported = new Map<string, number>();
  readonly #components = new Map<string, number>();
  readonly #instances = new Map<string, number>();
  readonly #aliases = new Map<string, number>();
  #next: Record<PassedSort, number> = { func: 0, type: 0, instance: 0 };

  constructor(
    private readonly wiring: Wiring,
    private readonly linked: Linked,
    private readonly parts: ReadonlyMap<string, Part>,
  ) {}

  /** Imports, then the components, then their instances, then what is exported of these. */
  assemble(): Uint8Array {
    this.#writeImports();
    for (const { component } of this.wiring.instances) this.#nest(component);
    for (const instance of this.wiring.instances) this.#instantiate(instance);
    for (const { as, ...given } of this.wiring.exports) {
      const { sort, index } = this.#alias(given);
      this.#writer.define('export', [...externName(as), ...reference(sort, index), 0x00]);
      this.#next[sort] += 1;
    }
    return this.#writer.finish();
  }

  #writeImports(): void {
    for (const { key, name, item } of this.linked.imports) {
      const index = this.#encoder.import(name, key, item);
      if (typeof index !== 'number') {
        const message = `${name}: ${index.unsupported} is neither function nor type, and cannot be asked of the host`;
        throw new ComposeError('item-unsupported', '/', 0, message);
      }
      this.#imported.set(key, index);
    }
    const { funcs, types, instances } = this.#encoder.counts;
    this.#next = { func: funcs, type: types, instance: instances };
  }

  /** Two components of the plan with one digest stand in the file once. */
  #nest(component: string): void {
    const { bytes } = this.#part(component);
    const twin = [...this.#components.keys()].find((name) => this.#part(name).bytes === bytes);
    if (twin !== undefined) {
      this.#components.set(component, this.#components.get(twin) ?? 0);
      return;
    }
    const index = new Set(this.#components.values()).size;
    this.#components.set(component, index);
    this.#writer.nest(bytes);
  }

  #instantiate({ name, component, args }: WiredInstance): void {
    const wanted = this.linked.interfaces.get(name)?.imports ?? new Map<string, Item>();
    const given = [...wanted].map(([label, item]): Argument => {
      const arg = args.get(label);
      if (arg !== undefined) return { name: label, ...this.#alias(arg) };
      const index = this.#imported.get(this.linked.keys.get(name)?.get(label) ?? '');
      return { name: label, sort: passed(item, label), index: index ?? 0 };
    });
    this.#writer.define('instance', instantiation(this.#components.get(component) ?? 0, given));
    this.#instances.set(name, this.#next.instance++);
  }

  /** An export of an instance, brought into the index space of its sort once. */
  #alias({ instance, export: label }: Given): { sort: PassedSort; index: number } {
    const item = this.linked.interfaces.get(instance)?.exports.get(label);
    if (item === undefined) throw new Error(`export ${label} is lost`);
    const sort = passed(item, label);
    const key = JSON.stringify([instance, label]);
    const known = this.#aliases.get(key);
    if (known !== undefined) return { sort, index: known };
    this.#writer.define('alias', aliasOfExport(sort, this.#instances.get(instance) ?? 0, label));
    const index = this.#next[sort]++;
    this.#aliases.set(key, index);
    return { sort, index };
  }

  #part(component: string): Part {
    const part = this.parts.get(component);
    if (part === undefined) throw new Error(`component ${component} is lost`);
    return part;
  }
}

function passed({ sort }: Item, name: string): PassedSort {
  if (sort === 'func' || sort === 'type' || sort === 'instance') return sort;
  const message = `${name} is a ${sort}, which is not passed on`;
  throw new ComposeError('item-unsupported', '/', 0, message);
}

import type { ItemShape } from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { aliasOfExport, ComponentWriter, externName, instantiation, reference } from './binary.js';
import type { Argument, PassedSort } from './binary.js';
import { ImportEncoder } from './encode-types.js';
import { compatibilityKey } from './interface-name.js';
import { exportOf, type Linked } from './link.js';
import type { Given, LiftedExport, WiredInstance } from './wiring.js';

/** A component of the plan, by its name there. */
export interface Part {
  readonly bytes: Uint8Array;
  /** Names of its imports, in its own order. */
  readonly imports: readonly string[];
}

/** Writes the component that a composition is: imports, components, instances, exports. */
export class Assembly {
  readonly #writer = new ComponentWriter();
  readonly #encoder = new ImportEncoder(this.#writer);
  /** By key of the outer import. */
  readonly #imported = new Map<string, Omit<Argument, 'name'>>();
  readonly #components = new Map<string, number>();
  readonly #instances = new Map<string, number>();
  readonly #aliases = new Map<string, number>();
  /** Index spaces, as imports leave them. */
  readonly #next = this.#encoder.counts;

  constructor(
    private readonly linked: Linked,
    private readonly exports: readonly LiftedExport[],
    private readonly parts: ReadonlyMap<string, Part>,
  ) {}

  /** Imports, then the components, then their instances, then what is exported of these. */
  assemble(): Uint8Array {
    for (const { key, name, item } of this.linked.imports) {
      const index = this.#encoder.declare('import', name, item);
      this.#imported.set(key, { sort: passed(item, name), index });
    }
    for (const { component } of this.linked.instances) this.#nest(component);
    for (const instance of this.linked.instances) this.#instantiate(instance);
    for (const { as, ...given } of this.exports) {
      const { sort, index } = this.#alias(given);
      const { attributes } = this.linked.exports.get(given.instance)?.get(given.export) ?? {};
      const name = externName(as, as === given.export ? attributes : undefined);
      this.#writer.define('export', [...name, ...reference(sort, index), 0x00]);
      this.#next[sort] += 1;
    }
    return this.#writer.finish();
  }

  /** Two components of the plan with one digest stand in the file once. */
  #nest(component: string): void {
    const { bytes } = this.#part(component);
    const twin = [...this.#components.keys()].find((name) => this.#part(name).bytes === bytes);
    if (twin !== undefined) {
      this.#components.set(component, this.#components.get(twin) ?? 0);
      return;
    }
    this.#components.set(component, this.#next.component++);
    this.#writer.nest(bytes);
  }

  #instantiate({ name, component, args }: WiredInstance): void {
    const given = this.#part(component).imports.map((label): Argument => {
      const arg = args.get(label);
      if (arg !== undefined) return { name: label, ...this.#alias(arg) };
      const imported = this.#imported.get(compatibilityKey(label));
      if (imported === undefined) throw new Error(`import ${label} is lost`);
      return { name: label, ...imported };
    });
    this.#writer.define('instance', instantiation(this.#components.get(component) ?? 0, given));
    this.#instances.set(name, this.#next.instance++);
  }

  /** An export of an instance, or what stands within it, brought into the index space of its sort once. */
  #alias({ instance, export: label, path = [] }: Given): { sort: PassedSort; index: number } {
    let at = this.#instances.get(instance) ?? 0;
    for (const depth of path.keys()) {
      const outer = { instance, export: label, path: path.slice(0, depth) };
      at = this.#aliasFrom(at, outer).index;
    }
    return this.#aliasFrom(at, { instance, export: label, path });
  }

  #aliasFrom(from: number, given: Required<Given>): { sort: PassedSort; index: number } {
    const label = given.path.at(-1) ?? given.export;
    const item = exportOf(given, this.linked.exports);
    if (item === undefined) throw new Error(`export ${label} is lost`);
    const sort = passed(item, label);
    const key = JSON.stringify([given.instance, given.export, ...given.path]);
    const known = this.#aliases.get(key);
    if (known !== undefined) return { sort, index: known };
    this.#writer.define('alias', aliasOfExport(sort, from, label));
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

function passed({ sort }: ItemShape, name: string): PassedSort {
  if (sort !== 'value') return sort;
  const message = `${name} is a value, which is not passed on`;
  throw new ComposeError('item-unsupported', '/', 0, message);
}

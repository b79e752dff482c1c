import type {
  Alias,
  ComponentNode,
  Declaration,
  DefinedType,
  DefinedValueType,
  Definition,
  ExternType,
  NamedReference,
  Sort,
  ValueType,
} from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { bind } from './bind.js';
import { shapeOf } from './shape-of.js';
import {
  funcParts,
  MAX_TYPE_DEPTH,
  partsOf,
  type FuncShape,
  type Item,
  type TypeNode,
  type TypeShape,
  type Value,
} from './types.js';

/** What a component asks for and what it gives, in its own order. */
export interface Interface {
  readonly imports: Map<string, Item>;
  readonly exports: Map<string, Item>;
}

/** Types and items made while resolving, of all instances of a composition together. */
export interface Budget {
  left: number;
}

/** An entry of the index space of types. Those of instances are made anew for each use. */
type TypeEntry =
  | { readonly kind: 'value'; readonly type: TypeNode }
  | { readonly kind: 'func'; readonly func: FuncShape }
  | {
      readonly kind: 'instance';
      readonly declarations: readonly Declaration[];
      readonly scope: Scope;
    }
  | { readonly kind: 'component' };

type ComponentEntry = { readonly node: ComponentNode; readonly scope: Scope } | undefined;

/**
 * The imports and exports of a component with every type made anew, so that the resources of two
 * instances are two. Core definitions have no part in it.
 *
 * @throws ComposeError `composition-too-large`, `depth-exceeded`, `export-unknown`
 */
export function resolveInterface(node: ComponentNode, budget: Budget): Interface {
  return new Scope(node.path, node.offset, undefined, budget).component(node);
}

class Scope {
  readonly #types: TypeEntry[] = [];
  readonly #funcs: FuncShape[] = [];
  readonly #instances: Map<string, Item>[] = [];
  readonly #components: ComponentEntry[] = [];

  constructor(
    private readonly path: string,
    private readonly offset: number,
    private readonly parent: Scope | undefined,
    private readonly budget: Budget,
  ) {}

  component(node: ComponentNode): Interface {
    const found: Interface = { imports: new Map(), exports: new Map() };
    for (const definition of node.definitions) this.#define(node, definition, found);
    return found;
  }

  #define(node: ComponentNode, definition: Definition, found: Interface): void {
    switch (definition.kind) {
      case 'component': {
        const child = node.children[definition.child];
        this.#components.push(
          child?.kind === 'component' ? { node: child, scope: this } : undefined,
        );
        return;
      }
      case 'type':
        this.#types.push(this.#typeEntry(definition.type));
        return;
      case 'instance':
        this.#instances.push(
          'component' in definition
            ? this.#instantiate(definition.component, definition.args)
            : new Map(
                definition.exports.map(({ name, sort, index }) => [
                  name.name,
                  this.#item(sort, index),
                ]),
              ),
        );
        return;
      case 'alias':
        this.#alias(definition);
        return;
      case 'canon':
        if (definition.operation === 'lift') this.#funcs.push(this.#func(definition.type ?? -1));
        return;
      case 'import': {
        const item = this.#extern(definition.type);
        found.imports.set(definition.name.name, item);
        this.#push(item);
        return;
      }
      case 'export': {
        const item = this.#exported(definition);
        found.exports.set(definition.name.name, item);
        this.#push(item);
        return;
      }
      case 'core module':
      case 'core instance':
      case 'core type':
      case 'start':
      case 'value':
    }
  }

  /** What is exported by the type that it is given, where it is given one. */
  #exported({ of, type }: Extract<Definition, { kind: 'export' }>): Item {
    const actual = this.#item(of.sort, of.index);
    if (type === undefined || (type.sort === 'type' && 'equals' in type)) return actual;
    const ascribed = this.#extern(type);
    bind(ascribed, actual, () => undefined);
    return ascribed;
  }

  #instantiate(component: number, args: readonly NamedReference[]): Map<string, Item> {
    const entry = this.#components[component];
    if (entry === undefined) return new Map();
    this.#spend(entry.node.definitions.length);
    const { node, scope } = entry;
    const made = new Scope(node.path, node.offset, scope, this.budget).component(node);
    for (const { name, sort, index } of args) {
      const wanted = made.imports.get(name);
      // Whether it fits is for the validator of that component to say.
      if (wanted !== undefined) bind(wanted, this.#item(sort, index), () => undefined);
    }
    return made.exports;
  }

  #item(sort: Sort, index: number): Item {
    switch (sort) {
      case 'type': {
        const entry = this.#types[index];
        return entry?.kind === 'value'
          ? { sort, type: entry.type }
          : { sort, type: this.#node({ kind: 'primitive', type: 'bool' }) };
      }
      case 'func':
        return { sort, func: this.#funcs[index] ?? { async: false, params: [] } };
      case 'instance':
        return { sort, exports: this.#instances[index] ?? new Map<string, Item>() };
      case 'value':
      case 'component':
        return { sort };
      default:
        return { sort: 'core module' };
    }
  }

  #push(item: Item): void {
    this.#spend(1);
    switch (item.sort) {
      case 'type':
        this.#types.push({ kind: 'value', type: item.type });
        return;
      case 'func':
        this.#funcs.push(item.func);
        return;
      case 'instance':
        this.#instances.push(item.exports);
        return;
      case 'component':
        this.#components.push(undefined);
        return;
      case 'core module':
      case 'value':
    }
  }

  #alias(alias: Alias): void {
    if (alias.of === 'core export') return;
    if (alias.of === 'export') {
      const item = this.#instances[alias.instance]?.get(alias.name);
      if (item?.sort !== alias.sort) {
        const message = `an alias takes ${alias.sort} ${JSON.stringify(alias.name)} of an instance that does not export it`;
        throw new ComposeError('export-unknown', this.path, this.offset, message);
      }
      this.#push(item);
      return;
    }
    const scope = this.#outer(alias.count);
    if (alias.sort === 'type') {
      const entry = scope.#types[alias.index];
      if (entry !== undefined) this.#types.push(entry);
    } else if (alias.sort === 'component') this.#components.push(scope.#components[alias.index]);
  }

  #outer(levels: number): Scope {
    return levels === 0 || this.parent === undefined ? this : this.parent.#outer(levels - 1);
  }

  #extern(type: ExternType): Item {
    switch (type.sort) {
      case 'type':
        return 'equals' in type
          ? this.#item('type', type.equals)
          : { sort: 'type', type: { ...this.#node({ kind: 'resource' }), given: 'awaited' } };
      case 'func':
        return { sort: 'func', func: this.#func(type.type) };
      case 'instance': {
        const entry = this.#types[type.type];
        if (entry?.kind !== 'instance') return { sort: 'instance', exports: new Map() };
        return { sort: 'instance', exports: entry.scope.#body(entry.declarations) };
      }
      case 'core module':
      case 'component':
      case 'value':
        return { sort: type.sort };
    }
  }

  /** The exports of an instance of this type, whose body stands in this scope. */
  #body(declarations: readonly Declaration[]): Map<string, Item> {
    const inner = new Scope(this.path, this.offset, this, this.budget);
    const exports = new Map<string, Item>();
    this.#spend(declarations.length);
    for (const declaration of declarations) {
      if (declaration.kind === 'type') inner.#types.push(inner.#typeEntry(declaration.type));
      else if (declaration.kind === 'alias') inner.#alias(declaration);
      else if (declaration.kind === 'export') {
        const item = inner.#extern(declaration.type);
        exports.set(declaration.name.name, item);
        inner.#push(item);
      }
    }
    return exports;
  }

  #func(index: number): FuncShape {
    const entry = this.#types[index];
    return entry?.kind === 'func' ? entry.func : { async: false, params: [] };
  }

  #typeEntry(type: DefinedType): TypeEntry {
    this.#spend(1);
    switch (type.kind) {
      case 'func': {
        const { async, params, result } = type;
        const func: FuncShape = {
          async,
          params: params.map(({ name, type: of }) => ({ name, type: this.#value(of) })),
          ...(result === undefined ? {} : { result: this.#value(result) }),
        };
        this.#checkDepth(funcParts(func));
        return { kind: 'func', func };
      }
      case 'instance':
        return { kind: 'instance', declarations: type.declarations, scope: this };
      case 'component':
        return { kind: 'component' };
      case 'resource':
        return { kind: 'value', type: this.#node({ kind: 'resource' }) };
      default:
        return { kind: 'value', type: this.#node(this.#shapeOf(type)) };
    }
  }

  #shapeOf(type: DefinedValueType): TypeShape {
    return shapeOf(type, {
      value: (of) => this.#value(of),
      resource: (of) => {
        const entry = this.#types[of];
        return entry?.kind === 'value' ? entry.type : this.#node({ kind: 'resource' });
      },
    });
  }

  #value(type: ValueType): Value {
    if (typeof type === 'string') return type;
    const entry = this.#types[type];
    return entry?.kind === 'value' ? entry.type : 'bool';
  }

  #node(shape: TypeShape): TypeNode {
    this.#spend(1);
    const parts = partsOf({ shape, depth: 0 });
    this.#spend(parts.length);
    return { shape, depth: this.#checkDepth(parts) };
  }

  #checkDepth(parts: readonly Value[]): number {
    const depths = parts.map((part) => (typeof part === 'string' ? 0 : part.depth));
    const depth = 1 + depths.reduce((most, one) => Math.max(most, one), 0);
    if (depth <= MAX_TYPE_DEPTH) return depth;
    const message = `types stand in one another more than ${MAX_TYPE_DEPTH} deep`;
    throw new ComposeError('depth-exceeded', this.path, this.offset, message);
  }

  #spend(items: number): void {
    this.budget.left -= items;
    if (this.budget.left >= 0) return;
    const message = 'the types of the composition are too many';
    throw new ComposeError('composition-too-large', this.path, this.offset, message);
  }
}

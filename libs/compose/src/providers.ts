import type { ComponentNode, Definition, Sort, Span } from '@touchstone/wasm';
import type { EdgeList } from './edges.js';
import { ComposeError } from './errors.js';
import { MAX_STEPS } from './limits.js';

/** Who stands behind a definition: a node, or an import of a node that is passed on. */
interface Provider {
  readonly node: string;
  readonly through?: string;
}

/** What became of a definition. Types stand for no code and have no provider. */
interface Resolved {
  readonly providers: ReadonlySet<Provider>;
  /** Of instances put together from existing definitions: who provides each export. */
  readonly members?: ReadonlyMap<string, Resolved>;
  /** Of modules and components that stand in the file: their path. */
  readonly target?: string;
}

const NOBODY: Resolved = { providers: new Set() };

interface Walk {
  readonly edges: EdgeList;
  readonly instances: Map<string, number>;
  steps: number;
}

/**
 * Follows every reference of a component, and of the components in it, to the node that stands
 * behind it. Definitions refer to earlier ones only, so one pass in their order is enough.
 */
export function followReferences(
  root: ComponentNode,
  edges: EdgeList,
  instances: Map<string, number>,
): void {
  new ComponentReferences(root, undefined, { edges, instances, steps: 0 }).follow();
}

class ComponentReferences {
  readonly #resolved: Resolved[] = [];
  readonly #own: Resolved;

  constructor(
    private readonly node: ComponentNode,
    private readonly parent: ComponentReferences | undefined,
    private readonly walk: Walk,
  ) {
    this.#own = { providers: new Set([{ node: node.path }]) };
  }

  follow(): void {
    for (const definition of this.node.definitions) {
      this.#spend(1, definition.offset);
      this.#resolved.push(this.#resolve(definition));
    }
  }

  #resolve(definition: Definition & Span): Resolved {
    switch (definition.kind) {
      case 'core module':
      case 'component':
        return this.#child(definition.child);
      case 'core instance':
        return 'module' in definition
          ? this.#instantiate(this.#at('core module', definition.module), definition)
          : this.#bundle(
              definition.exports.map(({ name, sort, index }) => [name, this.#at(sort, index)]),
              definition.offset,
            );
      case 'instance':
        return 'component' in definition
          ? this.#instantiate(this.#at('component', definition.component), definition)
          : this.#bundle(
              definition.exports.map(({ name, sort, index }) => [name.name, this.#at(sort, index)]),
              definition.offset,
            );
      case 'alias':
        return this.#alias(definition);
      case 'canon':
        if (definition.coreFunc !== undefined) return this.#at('core func', definition.coreFunc);
        return definition.func === undefined ? this.#own : this.#at('func', definition.func);
      case 'start':
        return this.#at('func', definition.func);
      case 'import':
        return definition.type.sort === 'type'
          ? NOBODY
          : { providers: new Set([{ node: this.node.path, through: definition.name.name }]) };
      case 'export':
        return this.#export(definition);
      case 'value':
        return this.#own;
      case 'type':
      case 'core type':
        return NOBODY;
    }
  }

  #at(sort: Sort, index: number): Resolved {
    return this.#resolved[this.node.spaces[sort][index] ?? -1] ?? NOBODY;
  }

  #child(position: number): Resolved {
    const child = this.node.children[position];
    if (child === undefined) return NOBODY;
    if (child.kind === 'component') new ComponentReferences(child, this, this.walk).follow();
    return { providers: new Set([{ node: child.path }]), target: child.path };
  }

  #instantiate(
    what: Resolved,
    { args, offset }: { args: { name: string; sort: Sort; index: number }[]; offset: number },
  ): Resolved {
    const { edges, instances } = this.walk;
    // Of an imported module there is no node; its imports are satisfied in this component.
    const consumer = what.target ?? this.node.path;
    if (what.target !== undefined) {
      instances.set(what.target, (instances.get(what.target) ?? 0) + 1);
      edges.add({ from: this.node.path, to: what.target, kind: 'instantiates' }, offset);
    }
    for (const { name, sort, index } of args) {
      this.#edges(consumer, 'import', name, this.#at(sort, index), offset);
    }
    return { providers: what.providers };
  }

  #export(definition: Extract<Definition, { kind: 'export' }> & Span): Resolved {
    const { name, of, offset } = definition;
    const exported = this.#at(of.sort, of.index);
    this.#edges(this.node.path, 'export', name.name, exported, offset);
    return exported;
  }

  #edges(
    from: string,
    kind: 'import' | 'export',
    label: string,
    { providers }: Resolved,
    offset: number,
  ): void {
    this.#spend(providers.size, offset);
    for (const { node: to, through } of providers) {
      const passed = through === undefined ? {} : { through };
      this.walk.edges.add({ from, to, kind, interface: label, ...passed }, offset);
    }
  }

  #bundle(entries: readonly (readonly [string, Resolved])[], offset: number): Resolved {
    const providers = new Set<Provider>();
    for (const [, resolved] of entries) {
      this.#spend(resolved.providers.size, offset);
      for (const provider of resolved.providers) providers.add(provider);
    }
    return { providers, members: new Map(entries) };
  }

  #alias(alias: Extract<Definition, { kind: 'alias' }>): Resolved {
    if (alias.of === 'outer') {
      const scope = this.#outer(alias.count);
      return scope === undefined ? NOBODY : scope.#at(alias.sort, alias.index);
    }
    if (alias.sort === 'type' || alias.sort === 'core type') return NOBODY;
    const sort = alias.of === 'export' ? 'instance' : 'core instance';
    const instance = this.#at(sort, alias.instance);
    return instance.members?.get(alias.name) ?? { providers: instance.providers };
  }

  /** So many levels out; 0 is this component. */
  #outer(levels: number): ComponentReferences | undefined {
    if (levels === 0) return this;
    return this.parent === undefined ? undefined : this.parent.#outer(levels - 1);
  }

  #spend(steps: number, offset: number): void {
    this.walk.steps += steps;
    if (this.walk.steps <= MAX_STEPS) return;
    const message = `following the references takes more than ${MAX_STEPS} steps`;
    throw new ComposeError('graph-too-large', this.node.path, offset, message);
  }
}

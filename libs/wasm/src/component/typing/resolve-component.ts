import type { Alias } from '../alias.js';
import type { Canon } from '../canon.js';
import type { ComponentNode } from '../component.js';
import type { Definition, NamedReference } from '../definitions.js';
import type { Span } from '../../module.js';
import type { CoreSort, SortIndex } from '../sorts.js';
import type { DefinedType } from '../types.js';
import { TypeBudget } from './budget.js';
import { typeCanon } from './canon.js';
import { compareValues } from './compare-values.js';
import { compareCores } from './compare-cores.js';
import type { CoreSpaces } from './core-spaces.js';
import { moduleShape } from './core-signature.js';
import { instantiate } from './instantiate.js';
import { formatMismatch, within, type Mismatch } from './mismatch.js';
import { checkName, NameScope } from './names.js';
import { addCoreType } from './resolve-cores.js';
import { resolveType } from './resolve-types.js';
import { TypeScope } from './scope.js';
import {
  type ComponentShape,
  type CoreShape,
  type InstanceShape,
  type ItemShape,
  type Member,
  type ModuleShape,
} from './shapes.js';
import { Comparison } from './subtype.js';

/** Two parts of a component that are put together and whose types do not fit. */
export interface WiringMismatch {
  /** Path of the component that puts them together. */
  readonly node: string;
  /** Of the definition that does so, in the file. */
  readonly offset: number;
  /** Path of what is instantiated, where it stands in the file. */
  readonly target?: string;
  readonly mismatch: Mismatch;
}

export interface TypingOptions {
  /** Told of every mismatch, the first of each definition; without it the first one is thrown. */
  readonly onMismatch?: (found: WiringMismatch) => void;
}

/**
 * The type of a component with everything nested in it: what it imports and exports, every index
 * followed, every instantiation held against what is instantiated.
 *
 * @throws WasmError with the offset of the definition at fault
 */
export function typeComponent(
  bytes: Uint8Array,
  root: ComponentNode,
  options: TypingOptions = {},
): ComponentShape {
  return new ComponentTyping(bytes, root, new TypeBudget(), options).shape();
}

class ComponentTyping {
  readonly scope: TypeScope;
  readonly #core: CoreSpaces = {
    ...{ func: [], table: [], memory: [], global: [], tag: [], instance: [] },
  };
  #isStarted = false;
  /** Where the modules and components stand that may be instantiated here. */
  readonly #paths: Map<ComponentShape | ModuleShape, string>;

  constructor(
    private readonly bytes: Uint8Array,
    private readonly node: ComponentNode,
    private readonly budget: TypeBudget,
    private readonly options: TypingOptions,
    parent?: ComponentTyping,
  ) {
    const owners = { import: { what: 'imports' }, export: { what: 'exports' } } as const;
    this.scope = new TypeScope('component', budget, parent?.scope, owners);
    this.#paths =
      parent === undefined ? new Map<ComponentShape | ModuleShape, string>() : parent.#paths;
  }

  shape(): ComponentShape {
    const { budget, scope } = this;
    for (const definition of this.node.definitions) {
      budget.at = definition.offset;
      budget.node = this.node.path;
      budget.spend(1);
      this.#define(definition);
    }
    budget.node = this.node.path;
    const { imports, exports, owners } = scope;
    return budget.shape<ComponentShape>({
      ...{ kind: 'component', importOwner: owners.import, exportOwner: owners.export },
      ...{ imports, exports },
    });
  }

  #define(definition: Definition & Span): void {
    const { scope } = this;
    switch (definition.kind) {
      case 'core module':
      case 'component':
        this.#child(definition.child);
        break;
      case 'core type':
        addCoreType(definition.type, scope);
        break;
      case 'type':
        scope.types.push(resolveType(definition.type, scope));
        if (definition.type.kind === 'resource') this.#checkResource(definition.type);
        break;
      case 'core instance':
        this.#core.instance.push(
          'module' in definition
            ? this.#instantiateCore(definition.module, definition.args)
            : new Map(definition.exports.map((each) => [each.name, this.#coreAt(each)])),
        );
        break;
      case 'instance':
        scope.instances.push(this.#instance(definition));
        break;
      case 'alias':
        if (definition.of === 'core export') this.#coreAlias(definition);
        else scope.alias(definition);
        break;
      case 'canon':
        this.#canon(definition);
        break;
      case 'start':
        this.#start(definition);
        break;
      case 'import':
        scope.declare(
          'import',
          definition.name,
          scope.item('import', definition.name, definition.type),
        );
        break;
      case 'export':
        this.#export(definition);
        break;
      case 'value':
        scope.values.push(scope.value(definition.type));
    }
  }

  #child(position: number): void {
    const { node, bytes, budget, scope } = this;
    const child = node.children[position];
    if (child === undefined) return;
    if (child.kind === 'module') {
      const shape = moduleShape(bytes, child, budget);
      this.#paths.set(shape, child.path);
      scope.modules.push(shape);
    } else {
      const shape = new ComponentTyping(bytes, child, budget, this.options, this).shape();
      this.#paths.set(shape, child.path);
      scope.components.push(shape);
    }
  }

  #checkResource({ representation, destructor }: Extract<DefinedType, { kind: 'resource' }>): void {
    const { budget } = this;
    if (representation !== 'i32' && representation !== 'i64') {
      budget.refuse('type-mismatch', `a resource is represented by ${representation}`);
    }
    const actual = destructor === undefined ? undefined : this.#core.func[destructor];
    const required: CoreShape = {
      kind: 'func',
      type: { kind: 'func', params: [representation], results: [] },
    };
    const mismatch = actual && compareCores(actual, required, budget);
    if (mismatch !== undefined)
      budget.refuse('type-mismatch', `a destructor is ${mismatch.provided}`);
  }

  /** The type of something in an index space. */
  #item({ sort, index }: SortIndex): ItemShape {
    const { scope, budget } = this;
    switch (sort) {
      case 'core module':
        return { sort, type: scope.at(scope.modules, index, sort) };
      case 'func':
        return { sort, type: scope.at(scope.funcs, index, sort) };
      case 'value':
        return { sort, type: scope.at(scope.values, index, sort) };
      case 'type':
        return { sort, type: scope.at(scope.types, index, sort) };
      case 'component':
        return { sort, type: scope.at(scope.components, index, sort) };
      case 'instance':
        return { sort, type: scope.at(scope.instances, index, sort) };
      default:
        return budget.refuse('type-mismatch', `a ${sort} cannot pass between components`);
    }
  }

  #instance(definition: Extract<Definition, { kind: 'instance' }>): InstanceShape {
    const { scope, budget } = this;
    if ('component' in definition) {
      const component = scope.at(scope.components, definition.component, 'component');
      const args = new Map(definition.args.map((each) => [each.name, this.#item(each)]));
      const { exports, mismatch } = instantiate(component, args, scope.owners.export, budget);
      this.#report(mismatch, component);
      return budget.shape<InstanceShape>({ kind: 'instance', exports });
    }
    // No resource has its name here, so nothing here can be one's method.
    const names = new NameScope('export', false);
    const exports = new Map<string, Member>();
    for (const { name, ...reference } of definition.exports) {
      const item = this.#item(reference);
      checkName(name, item, names, budget);
      exports.set(name.name, Object.keys(name).length > 1 ? { ...item, attributes: name } : item);
    }
    return budget.shape<InstanceShape>({ kind: 'instance', exports });
  }

  #export({ name, of, type }: Extract<Definition, { kind: 'export' }>): void {
    const { scope, budget } = this;
    const actual = this.#item(of);
    if (type === undefined) {
      scope.declare('export', name, this.#exportedAs(name.name, actual));
      return;
    }
    const ascribed = scope.item('export', name, type);
    const [given, wanted] = [new Map([[name.name, actual]]), new Map([[name.name, ascribed]])];
    const comparison = new Comparison(budget);
    this.#report(comparison.members(given, wanted, scope.owners.export, 'export'));
    scope.declare('export', name, ascribed);
  }

  /** Exported without a type of its own; a type gets a name by it. */
  #exportedAs(name: string, item: ItemShape): ItemShape {
    if (item.sort !== 'type') return item;
    return { sort: 'type', type: this.scope.named('export', name, item.type) };
  }

  #report(mismatch: Mismatch | undefined, instantiated?: ComponentShape | ModuleShape): void {
    if (mismatch === undefined) return;
    const { budget, options } = this;
    if (options.onMismatch !== undefined) {
      const path = instantiated && this.#paths.get(instantiated);
      const target = path === undefined ? {} : { target: path };
      options.onMismatch({ node: this.node.path, offset: budget.at, ...target, mismatch });
      return;
    }
    const code = mismatch.code === 'import-missing' ? 'argument-missing' : 'type-mismatch';
    budget.refuse(code, formatMismatch(mismatch));
  }

  #start({ func, args, results }: Extract<Definition, { kind: 'start' }>): void {
    const { scope, budget } = this;
    if (this.#isStarted) budget.refuse('type-mismatch', 'a second start definition');
    this.#isStarted = true;
    const { params, result } = scope.at(scope.funcs, func, 'func');
    if (args.length !== params.length || results !== (result === undefined ? 0 : 1)) {
      budget.refuse('type-mismatch', 'a start definition has other arguments than its function');
    }
    const comparison = new Comparison(budget);
    for (const [at, { name, type }] of params.entries()) {
      const given = scope.at(scope.values, args[at] ?? -1, 'value');
      this.#report(within(`param ${name}`, compareValues(given, type, comparison)));
    }
    if (result !== undefined) scope.values.push(result);
  }

  #canon(canon: Canon): void {
    const { scope } = this;
    const made = typeCanon(canon, scope, this.#core);
    if (made.sort === 'func') scope.funcs.push(made.type);
    else this.#core.func.push(made.type);
  }

  #coreAt({ sort, index }: { sort: string; index: number }): CoreShape | undefined {
    const kind = sort.replace('core ', '') as 'func' | 'table' | 'memory' | 'global' | 'tag';
    const space = this.#core[kind] as (CoreShape | undefined)[] | undefined;
    if (space === undefined || index >= space.length) {
      return this.budget.refuse('index-out-of-range', `${sort} ${index} is not defined here`);
    }
    return space[index];
  }

  #instantiateCore(
    index: number,
    args: readonly NamedReference[],
  ): ReadonlyMap<string, CoreShape | undefined> {
    const { scope, budget } = this;
    const instantiated = scope.at(scope.modules, index, 'core module');
    const { imports, exports } = instantiated;
    const given = new Map(args.map((each) => [each.name, each.index]));
    for (const { module, name, type } of imports) {
      budget.spend(1);
      const instance = this.#core.instance[given.get(module) ?? -1];
      const segment = `import ${module} ${name}`;
      if (instance?.has(name) !== true) {
        const code = instance === undefined ? 'import-missing' : 'export-missing';
        const required = `core ${type.kind}`;
        this.#report({ code, path: [segment], provided: 'nothing', required }, instantiated);
        continue;
      }
      const provided = instance.get(name);
      if (provided === undefined) continue;
      this.#report(within(segment, compareCores(provided, type, budget)), instantiated);
    }
    return exports;
  }

  #coreAlias({ instance, name, sort }: Extract<Alias, { of: 'core export' }>): void {
    const { budget } = this;
    const exports = this.scope.at(this.#core.instance, instance, 'core instance');
    if (!exports.has(name)) {
      budget.refuse('export-unknown', `core instance ${instance} does not export ${name}`);
    }
    const exported = exports.get(name);
    const kind = (sort as CoreSort).slice('core '.length) as Exclude<keyof CoreSpaces, 'instance'>;
    if ((exported?.kind ?? 'func') !== kind) {
      const is = exported?.kind ?? 'func';
      budget.refuse('type-mismatch', `the export ${name} is a core ${is}, not a ${sort}`);
    }
    (this.#core[kind] as (CoreShape | undefined)[]).push(exported);
  }
}

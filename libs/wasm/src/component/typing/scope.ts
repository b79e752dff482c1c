import type { Alias } from '../alias.js';
import type { ExternName, ExternType } from '../extern.js';
import type { TypeBudget } from './budget.js';
import type { CoreTypeShape } from './core-types.js';
import { freeResource } from './free-resources.js';
import { checkName, NameScope } from './names.js';
import { openInstance } from './substitute.js';
import {
  unnamed,
  type AnyShape,
  type ComponentShape,
  type FuncShape,
  type InstanceShape,
  type ItemShape,
  type Member,
  type ModuleShape,
  type NamedShape,
  type Owner,
  type ResourceShape,
  type Value,
} from './shapes.js';
import { VisibleTypes } from './visible.js';

/** What the indices of a component, or of a type's body, stand for. */
export class TypeScope {
  readonly types: AnyShape[] = [];
  readonly coreTypes: (CoreTypeShape | ModuleShape)[] = [];
  readonly modules: ModuleShape[] = [];
  readonly components: ComponentShape[] = [];
  readonly instances: InstanceShape[] = [];
  readonly funcs: FuncShape[] = [];
  readonly values: Value[] = [];
  readonly imports = new Map<string, Member>();
  readonly exports = new Map<string, Member>();
  readonly #names = { import: new NameScope('import'), export: new NameScope('export') };
  /** Of a component; what an instance type declares is looked at where it is used. */
  readonly #visible: VisibleTypes | undefined;

  constructor(
    readonly kind: 'component' | 'body',
    readonly budget: TypeBudget,
    readonly parent: TypeScope | undefined,
    /** Of what its imports and exports introduce. */
    readonly owners: { readonly import: Owner; readonly export: Owner },
    /** Whether it is that of a component, there or declared: then what it speaks of must be visible. */
    isComponent = kind === 'component',
  ) {
    if (isComponent) this.#visible = new VisibleTypes(budget);
  }

  /** The scope `levels` further out; the reader has checked that there is one. */
  outer(levels: number): TypeScope {
    return levels === 0 || this.parent === undefined ? this : this.parent.outer(levels - 1);
  }

  /** Whether a component ends between this scope and the one `levels` further out. */
  leavesComponent(levels: number): boolean {
    if (levels === 0) return false;
    return this.kind === 'component' || (this.parent?.leavesComponent(levels - 1) ?? false);
  }

  /** The type at an index, of one kind and without its name. */
  typeOf<K extends AnyShape['kind']>(index: number, kind: K): Extract<AnyShape, { kind: K }> {
    const shape = unnamed(this.at(this.types, index, 'type'));
    if (shape.kind === kind) return shape as Extract<AnyShape, { kind: K }>;
    return this.budget.refuse('type-mismatch', `type ${index} is a ${shape.kind}, not a ${kind}`);
  }

  moduleType(index: number): ModuleShape {
    const shape = this.at(this.coreTypes, index, 'core type');
    if (typeof shape !== 'string' && shape.kind === 'module') return shape;
    return this.budget.refuse('type-mismatch', `core type ${index} is no module type`);
  }

  at<T>(space: readonly T[], index: number, sort: string): T {
    return (
      space[index] ??
      this.budget.refuse('index-out-of-range', `${sort} ${index} is not defined here`)
    );
  }

  /** The type of an import or export by what it says of itself; what it introduces is fresh. */
  item(direction: 'import' | 'export', { name }: ExternName, type: ExternType): ItemShape {
    const { budget } = this;
    const owner = this.owners[direction];
    switch (type.sort) {
      case 'core module':
        return { sort: type.sort, type: this.moduleType(type.type) };
      case 'func':
        return { sort: type.sort, type: this.typeOf(type.type, 'func') };
      case 'component':
        return { sort: type.sort, type: this.typeOf(type.type, 'component') };
      case 'instance': {
        const shape = this.typeOf(type.type, 'instance');
        return { sort: type.sort, type: openInstance(shape, owner, budget) };
      }
      case 'value':
        return 'equals' in type
          ? { sort: type.sort, type: this.at(this.values, type.equals, 'value') }
          : { sort: type.sort, type: this.value(type.type) };
      case 'type':
        return {
          sort: type.sort,
          type:
            'equals' in type
              ? this.named(direction, name, this.at(this.types, type.equals, 'type'))
              : budget.shape<ResourceShape>({ kind: 'resource', owner, name }),
        };
    }
  }

  named(direction: 'import' | 'export', name: string, of: AnyShape): NamedShape {
    const owner = this.owners[direction];
    return this.budget.shape<NamedShape>({ kind: 'named', owner, name, of });
  }

  value(type: Value | number): Value {
    if (typeof type !== 'number') return type;
    const shape = this.at(this.types, type, 'type');
    switch (unnamed(shape).kind) {
      case 'func':
      case 'instance':
      case 'component':
      case 'resource':
        return this.budget.refuse('type-mismatch', `type ${type} is not one of values`);
      default:
        return shape as Value;
    }
  }

  /** Adds an import or export to the scope and to the index space of its sort. */
  declare(direction: 'import' | 'export', name: ExternName, item: ItemShape): void {
    checkName(name, item, this.#names[direction], this.budget);
    this.#visible?.check(direction, name.name, item);
    const extra = Object.keys(name).length > 1 ? { attributes: name } : {};
    const members = direction === 'import' ? this.imports : this.exports;
    members.set(name.name, { ...item, ...extra });
    this.add(item);
  }

  add(item: ItemShape): void {
    switch (item.sort) {
      case 'core module':
        this.modules.push(item.type);
        break;
      case 'func':
        this.funcs.push(item.type);
        break;
      case 'value':
        this.values.push(item.type);
        break;
      case 'type':
        this.types.push(item.type);
        break;
      case 'component':
        this.components.push(item.type);
        break;
      case 'instance':
        this.instances.push(item.type);
    }
  }

  /** What an alias of a component's sorts stands for, added to its index space. */
  alias(alias: Alias): void {
    const { budget } = this;
    if (alias.of === 'export') {
      const { exports } = this.at(this.instances, alias.instance, 'instance');
      const member = exports.get(alias.name);
      const name = JSON.stringify(alias.name);
      if (member === undefined) {
        const message = `instance ${alias.instance} does not export ${name}`;
        return budget.refuse('export-unknown', message);
      }
      if (member.sort !== alias.sort) {
        budget.refuse(
          'type-mismatch',
          `the export ${name} is a ${member.sort}, not a ${alias.sort}`,
        );
      }
      this.add(member);
    } else if (alias.of === 'outer') {
      const scope = this.outer(alias.count);
      if (alias.sort === 'core type') {
        this.coreTypes.push(scope.at(scope.coreTypes, alias.index, alias.sort));
      } else if (alias.sort === 'core module') {
        this.modules.push(scope.at(scope.modules, alias.index, alias.sort));
      } else if (alias.sort === 'component') {
        this.components.push(scope.at(scope.components, alias.index, alias.sort));
      } else {
        const shape = scope.at(scope.types, alias.index, alias.sort);
        if (this.leavesComponent(alias.count)) this.#refuseFreeResource(shape);
        this.types.push(shape);
      }
    }
  }

  /** A component may be instantiated elsewhere, where the resources around it mean nothing. */
  #refuseFreeResource(shape: AnyShape): void {
    const free = freeResource(shape, this.budget);
    if (free === undefined) return;
    const message = `an outer alias takes the resource ${free.name} into another component`;
    this.budget.refuse('type-mismatch', message);
  }
}

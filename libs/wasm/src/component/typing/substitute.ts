import type { TypeBudget, Unsized } from './budget.js';
import type {
  AnyShape,
  InstanceShape,
  ItemShape,
  Member,
  Members,
  NamedShape,
  Owner,
  ResourceShape,
  Value,
} from './shapes.js';

/** What stands in place of a resource or name; undefined leaves it. */
type Replace = (
  shape: ResourceShape | NamedShape,
  within: (shape: AnyShape) => AnyShape,
) => AnyShape | undefined;

/**
 * Writes shapes anew with resources and names replaced. Each shape is visited once, and what holds
 * nothing that is replaced stays the same object.
 */
export class Substitution {
  readonly #done = new Map<AnyShape, AnyShape>();

  constructor(
    private readonly budget: TypeBudget,
    private readonly replace: Replace,
  ) {}

  members(members: Members): Members {
    this.budget.spend(members.size);
    let changed = false;
    const written = new Map<string, Member>();
    for (const [name, member] of members) {
      const item = this.item(member);
      changed ||= item !== member;
      written.set(name, item);
    }
    return changed ? written : members;
  }

  item<T extends ItemShape>(item: T): T {
    if (item.sort === 'core module') return item;
    const type = typeof item.type === 'string' ? item.type : this.shape(item.type);
    return type === item.type ? item : { ...item, type };
  }

  shape<T extends AnyShape>(shape: T): T {
    const done = this.#done.get(shape);
    if (done !== undefined) return done as T;
    this.budget.spend(1);
    const written = this.#write(shape);
    this.#done.set(shape, written);
    return written as T;
  }

  #write(shape: AnyShape): AnyShape {
    switch (shape.kind) {
      case 'resource':
        return this.replace(shape, (inner) => this.shape(inner)) ?? shape;
      case 'named':
        return (
          this.replace(shape, (inner) => this.shape(inner)) ??
          this.#anew(shape, { of: this.shape(shape.of) })
        );
      case 'record':
        return this.#anew(shape, { fields: this.#labelled(shape.fields) });
      case 'variant':
        return this.#anew(shape, { cases: this.#labelled(shape.cases) });
      case 'tuple':
        return this.#anew(shape, { types: this.#same(shape.types, (each) => this.#value(each)) });
      case 'list':
      case 'stream':
      case 'future':
        return shape.element === undefined
          ? shape
          : this.#anew(shape, { element: this.#value(shape.element) });
      case 'option':
        return this.#anew(shape, { type: this.#value(shape.type) });
      case 'result':
        return this.#anew(shape, {
          ...(shape.ok === undefined ? {} : { ok: this.#value(shape.ok) }),
          ...(shape.error === undefined ? {} : { error: this.#value(shape.error) }),
        });
      case 'own':
      case 'borrow':
        return this.#anew(shape, { resource: this.shape(shape.resource) });
      case 'map':
        return this.#anew(shape, { key: this.#value(shape.key), value: this.#value(shape.value) });
      case 'func':
        return this.#anew(shape, {
          params: this.#labelled(shape.params),
          ...(shape.result === undefined ? {} : { result: this.#value(shape.result) }),
        });
      case 'instance':
        return this.#anew(shape, { exports: this.members(shape.exports) });
      case 'component':
        return this.#anew(shape, {
          imports: this.members(shape.imports),
          exports: this.members(shape.exports),
        });
      case 'primitive':
      case 'flags':
      case 'enum':
        return shape;
    }
  }

  #value(value: Value): Value {
    return typeof value === 'string' ? value : this.shape(value);
  }

  #labelled<T extends { readonly type?: Value }>(entries: readonly T[]): readonly T[] {
    return this.#same(entries, (entry) => {
      if (entry.type === undefined) return entry;
      const type = this.#value(entry.type);
      return type === entry.type ? entry : { ...entry, type };
    });
  }

  #same<T>(items: readonly T[], write: (item: T) => T): readonly T[] {
    this.budget.spend(items.length);
    const written = items.map(write);
    return written.every((item, index) => item === items[index]) ? items : written;
  }

  /** The same object where no part of it changed. */
  #anew<T extends AnyShape>(shape: T, parts: Partial<T>): T {
    const keys = Object.keys(parts) as (keyof T)[];
    if (keys.every((key) => parts[key] === shape[key])) return shape;
    return this.budget.shape<T>({ ...shape, ...parts } as unknown as Unsized<T>);
  }
}

/** What an owner introduced, made anew for another: every use of it is told apart. */
export function freshened(from: Owner, to: Owner, budget: TypeBudget): Replace {
  return (shape, within) => {
    if (shape.owner !== from) return undefined;
    if (shape.kind === 'resource') {
      // What represents it is seen where it is defined, and by nobody who has an instance of that.
      const { representation: _, ...opaque } = shape;
      return { ...opaque, owner: to };
    }
    return budget.shape<NamedShape>({ ...shape, owner: to, of: within(shape.of) });
  };
}

/** An instance of an instance type: its resources and names become those of whoever has it. */
export function openInstance(
  { owner, ...type }: InstanceShape,
  to: Owner,
  budget: TypeBudget,
): InstanceShape {
  if (owner === undefined) return type;
  const { exports, ...rest } = type;
  const opened = new Substitution(budget, freshened(owner, to, budget)).members(exports);
  return { ...rest, exports: opened };
}

import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { MAX_COMPONENT_ITEMS, MAX_DEPTH } from '../limits.js';
import { SORTS, type Sort } from './sorts.js';

type ScopeKind = 'component' | 'component type' | 'instance type' | 'module type';

/**
 * The index spaces of a component or of a type's body while it is read, within those around it.
 * Every reference is checked against what was defined before it, as the specification wants. All
 * scopes of a file draw on one budget of items, so that nesting cannot multiply the bounds.
 */
export class Scope {
  readonly #spaces: Partial<Record<Sort, number[]>> = {};
  readonly #ordinals = { module: 0, component: 0 };
  /** Made when the first name is taken: many scopes are of types without any. */
  #names: Set<string> | undefined;

  /** Of the definition being read; what it defines is kept under this number. */
  position = 0;

  private constructor(
    readonly kind: ScopeKind,
    readonly depth: number,
    private readonly parent: Scope | undefined,
    private readonly budget: { left: number },
  ) {}

  static outermost(): Scope {
    return new Scope('component', 0, undefined, { left: MAX_COMPONENT_ITEMS });
  }

  /** The scope of something nested that begins at `offset`. */
  enter(kind: ScopeKind, offset: number): Scope {
    if (this.depth + 1 >= MAX_DEPTH) {
      const message = `a ${kind} is nested more than ${MAX_DEPTH} levels deep`;
      throw new WasmError('depth-exceeded', offset, message);
    }
    return new Scope(kind, this.depth + 1, this, this.budget);
  }

  /** Takes items from the budget of the file. */
  spend(items: number, offset: number): void {
    this.budget.left -= items;
    if (this.budget.left >= 0) return;
    const message = `the file has more than ${MAX_COMPONENT_ITEMS} sections, definitions and parts`;
    throw new WasmError('count-too-large', offset, message);
  }

  /** A count of items that take at least `minSize` bytes each, taken from the budget. */
  count(cursor: Cursor, field: string, minSize: number): number {
    const start = cursor.offset;
    const count = cursor.count(field, MAX_COMPONENT_ITEMS, minSize);
    this.spend(count, start);
    return count;
  }

  /** Counts nested modules and components apart from each other, from 0. */
  nextOrdinal(kind: 'module' | 'component'): number {
    return this.#ordinals[kind]++;
  }

  /** Adds to an index space. */
  define(sort: Sort): void {
    (this.#spaces[sort] ??= []).push(this.position);
  }

  size(sort: Sort): number {
    return this.#spaces[sort]?.length ?? 0;
  }

  /** For each index of a sort, the position of what defined it. */
  spaces(): Record<Sort, number[]> {
    const spaces = SORTS.map((sort) => [sort, this.#spaces[sort] ?? []] as const);
    return Object.fromEntries(spaces) as Record<Sort, number[]>;
  }

  /** Reads an index into one of this scope's spaces. */
  index(cursor: Cursor, sort: Sort): number {
    const start = cursor.offset;
    return this.check(sort, cursor.u32('an index'), start);
  }

  check(sort: Sort, index: number, offset: number): number {
    if (index < this.size(sort)) return index;
    const message = `${sort} ${index} is not defined here; there are ${this.size(sort)} before it`;
    throw new WasmError('index-out-of-range', offset, message);
  }

  /** The scope `count` levels out, as outer aliases count: 0 is this one. */
  outer(count: number, offset: number): Scope {
    if (count > this.depth) {
      const message = `an outer alias goes ${count} levels out of ${this.depth}`;
      throw new WasmError('index-out-of-range', offset, message);
    }
    return count === 0 || !this.parent ? this : this.parent.outer(count - 1, offset);
  }

  /** Takes the name of an import or export, of which a scope has one each. */
  claim(direction: 'import' | 'export', name: string, offset: number): void {
    const key = `${direction} ${name}`;
    this.#names ??= new Set();
    if (this.#names.has(key)) refuseDuplicate(direction, name, offset);
    this.#names.add(key);
  }
}

/** Notices names that are given twice in one list. Most lists are of one name, and need no set. */
export class UniqueNames {
  #first: string | undefined;
  #others: Set<string> | undefined;

  constructor(private readonly field: string) {}

  add(name: string, offset: number): void {
    if (this.#first === undefined) {
      this.#first = name;
      return;
    }
    this.#others ??= new Set([this.#first]);
    if (this.#others.has(name)) refuseDuplicate(this.field, name, offset);
    this.#others.add(name);
  }
}

function refuseDuplicate(field: string, name: string, offset: number): never {
  throw new WasmError('name-duplicate', offset, `a second ${field} ${JSON.stringify(name)}`);
}

import type { Member, TypeBudget } from '@touchstone/wasm';
import { compatibilityKey, isNewer } from './interface-name.js';
import type { Place, Places } from './places.js';

/** What one instance asks the host for. */
export interface Request {
  readonly places: Places;
  readonly item: Member;
}

/** An import of the whole or an export in one, with what all instances ask of it. */
export interface Slot {
  readonly key: string;
  /** Names of exports, from the outside in. */
  readonly path: readonly string[];
  /** In the order of the instances. */
  readonly requests: Request[];
  /** Of an instance. */
  readonly exports: Map<string, Slot>;
}

export interface Entry {
  /** The newest by which it is asked for. */
  name: string;
  /** Who asked first. */
  readonly user: string;
  readonly slot: Slot;
}

/** What all instances ask the host for: one import for all compatible versions of an interface. */
export class Requests {
  /** By key. */
  readonly entries = new Map<string, Entry>();
  /** In the order in which they came up; may grow while they are gone through. */
  readonly slots: Slot[] = [];

  constructor(private readonly budget: TypeBudget) {}

  add(places: Places, name: string, item: Member): void {
    this.#request(this.#entry(places, name).slot, { places, item });
  }

  /** Asks for a type that nobody asked for by itself. */
  addType(places: Places, { import: name, path, type }: Place): Slot {
    let { slot } = this.#entry(places, name);
    for (const inner of path) slot = this.#exportOf(slot, inner);
    slot.requests.push({ places, item: { sort: 'type', type } });
    return slot;
  }

  /** The slot of a type, where somebody asks for it. */
  find({ key, path }: Place): Slot | undefined {
    let slot = this.entries.get(key)?.slot;
    for (const name of path) slot = slot?.exports.get(name);
    return slot !== undefined && (slot.requests.length > 0 || isInstance(slot)) ? slot : undefined;
  }

  #entry({ user }: Places, name: string): Entry {
    const key = compatibilityKey(name);
    const known = this.entries.get(key);
    if (known !== undefined) {
      if (isNewer(name, known.name)) known.name = name;
      return known;
    }
    const entry = { name, user, slot: this.#slot(key, []) };
    this.entries.set(key, entry);
    return entry;
  }

  #slot(key: string, path: readonly string[]): Slot {
    const slot = { key, path, requests: [], exports: new Map<string, Slot>() };
    this.slots.push(slot);
    return slot;
  }

  #exportOf(slot: Slot, name: string): Slot {
    const known = slot.exports.get(name);
    if (known !== undefined) return known;
    const made = this.#slot(slot.key, [...slot.path, name]);
    slot.exports.set(name, made);
    return made;
  }

  #request(slot: Slot, { places, item }: Request): void {
    this.budget.spend(1);
    slot.requests.push({ places, item });
    if (item.sort !== 'instance') return;
    for (const [name, inner] of item.type.exports) {
      this.#request(this.#exportOf(slot, name), { places, item: inner });
    }
  }
}

export function isInstance({ requests: [first], exports }: Slot): boolean {
  return first === undefined ? exports.size > 0 : first.item.sort === 'instance';
}

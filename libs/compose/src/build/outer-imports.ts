import {
  Comparison,
  partsOf,
  Substitution,
  needsName,
  type AnyShape,
  type InstanceShape,
  type ItemShape,
  type Member,
  type Owner,
  type TypeBudget,
} from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import { inOrder } from './in-order.js';
import type { NamedType, Place, Places } from './places.js';
import { isInstance, Requests, type Entry, type Slot } from './requests.js';

/** An import of the whole, for all instances that nobody within gives it to. */
export interface OuterImport {
  readonly key: string;
  /** Of the highest version that is asked for. */
  readonly name: string;
  readonly item: Member;
}

/**
 * What the instances are not given by each other is asked of the host, once for all compatible
 * versions of an interface: with every export that any of them asks for. A type that several name
 * is one type, in the import that names it first; others refer to it there. Whether what is asked
 * for fits what the others ask for is not decided here, but where the instances are made.
 */
export class OuterImports {
  readonly #owner: Owner = { what: 'imports' };
  readonly #requests: Requests;
  readonly #items = new Map<Slot, ItemShape>();
  /** Whose types are being made. */
  readonly #open = new Set<Slot>();
  /** The types of the whole's imports. */
  readonly #homes = new Map<AnyShape, Slot>();
  readonly #substitutions = new Map<Places, Substitution>();

  constructor(private readonly budget: TypeBudget) {
    this.#requests = new Requests(budget);
  }

  adopt(places: Places, name: string, item: Member): void {
    this.#requests.add(places, name, item);
  }

  /**
   * All of them, each after those whose types it uses.
   *
   * @throws ComposeError `import-entangled`
   */
  finish(): OuterImport[] {
    const { entries, slots } = this.#requests;
    for (const slot of slots) if (!isInstance(slot)) this.#itemOf(slot);
    const circle = ([first]: readonly Entry[]): never => this.#refuseCircle(first?.slot);
    const needs = ({ slot }: Entry): Entry[] =>
      [...this.#needsOf(slot)].flatMap(({ key }) => {
        const entry = entries.get(key);
        return entry === undefined || key === slot.key ? [] : [entry];
      });
    return inOrder(entries.values(), needs, circle).map(({ name, slot }) => ({
      ...{ key: slot.key, name, item: withAttributes(this.#assembled(slot), name, slot) },
    }));
  }

  /** The type of what is no instance. */
  #itemOf(slot: Slot): ItemShape {
    const known = this.#items.get(slot);
    if (known !== undefined) return known;
    if (this.#open.has(slot)) return this.#refuseCircle(slot);
    this.#open.add(slot);
    const item = this.#made(slot);
    this.#open.delete(slot);
    this.#items.set(slot, item);
    return item;
  }

  #made(slot: Slot): ItemShape {
    const [first] = slot.requests;
    if (first === undefined) throw new Error('nobody asks for it');
    switch (first.item.sort) {
      case 'type': {
        const type = this.#type(slot);
        this.#homes.set(type, slot);
        return { sort: 'type', type };
      }
      case 'component':
      case 'core module':
        return this.#narrowest(slot);
      case 'func':
      case 'value':
      case 'instance':
        return this.#substitution(first.places).item(bare(first.item));
    }
  }

  /**
   * A type that one of the instances knows to be another's is that; else a resource is one that the
   * host makes, and anything else what the first one says.
   */
  #type(slot: Slot): NamedType {
    const name = slot.path.at(-1) ?? slot.key;
    const { budget } = this;
    const owner = this.#owner;
    const asked = slot.requests.flatMap(({ places, item }) =>
      item.sort === 'type' ? [{ places, type: item.type }] : [],
    );
    const aliases = asked.flatMap(({ places, type }) => {
      const root = places.rootOf(type);
      return root === undefined || this.#requests.find(root) === slot ? [] : [{ places, root }];
    });
    for (const { places, root } of aliases) this.#refuseEntangled(places, root);
    const alias = aliases.find(({ root }) => !root.isWired) ?? aliases[0];
    if (alias !== undefined) {
      const of = this.#standsFor(alias.places, alias.root);
      return budget.shape({ kind: 'named', owner, name, of });
    }
    if (asked.some(({ type }) => type.kind === 'resource')) {
      return budget.shape({ kind: 'resource', owner, name });
    }
    const [{ places, type }] = asked as [(typeof asked)[0]];
    const of = this.#substitution(places).shape(type.kind === 'named' ? type.of : type);
    return budget.shape({ kind: 'named', owner, name, of });
  }

  /** Of components and modules the one that fits all who ask, where there is one. */
  #narrowest({ requests }: Slot): ItemShape {
    const asked = requests.map(({ places, item }) => this.#substitution(places).item(bare(item)));
    const fits = (one: ItemShape): boolean =>
      asked.every((other) => new Comparison(this.budget).item(one, other) === undefined);
    const [first] = asked as [ItemShape];
    return asked.find(fits) ?? first;
  }

  /** Types of an instance's imports replaced by those of the whole's. */
  #substitution(places: Places): Substitution {
    const known = this.#substitutions.get(places);
    if (known !== undefined) return known;
    const made = new Substitution(this.budget, (shape) => {
      const place = places.of(shape);
      if (place === undefined) return undefined;
      const meant = place.isWired ? (places.rootOf(shape) ?? place) : place;
      return this.#standsFor(places, meant);
    });
    this.#substitutions.set(places, made);
    return made;
  }

  /**
   * The type of the whole's imports that has this place. An import that is left may use types of an
   * interface that another component gives: what they are built like can be imported beside it, a
   * resource of that component cannot be known outside.
   */
  #standsFor(places: Places, place: Place): AnyShape {
    this.#refuseEntangled(places, place);
    const { type } = place;
    if (place.isWired && type.kind === 'named' && !needsName(type)) {
      return this.#substitution(places).shape(type.of);
    }
    const slot = this.#requests.find(place) ?? this.#requests.addType(places, place);
    const item = isInstance(slot) ? undefined : this.#itemOf(slot);
    return item?.sort === 'type' ? item.type : type;
  }

  #assembled(slot: Slot): ItemShape {
    if (!isInstance(slot)) return this.#itemOf(slot);
    const depth = slot.path.length;
    const needs = (inner: Slot): Slot[] =>
      [...this.#needsOf(inner)].flatMap((needed) => {
        const isWithin = needed.key === slot.key && isPrefix(slot.path, needed.path);
        const sibling = isWithin ? slot.exports.get(needed.path[depth] ?? '') : undefined;
        return sibling === undefined || sibling === inner ? [] : [sibling];
      });
    const circle = ([first]: readonly Slot[]): never => this.#refuseCircle(first);
    const exports = new Map<string, Member>();
    for (const inner of inOrder(slot.exports.values(), needs, circle)) {
      const name = inner.path.at(-1) ?? '';
      exports.set(name, withAttributes(this.#assembled(inner), name, inner));
    }
    const type = this.budget.shape<InstanceShape>({ kind: 'instance', exports });
    return { sort: 'instance', type };
  }

  /** What the types in it are made of that has a name among the imports. */
  #needsOf(slot: Slot): Set<Slot> {
    const needs = new Set<Slot>();
    if (isInstance(slot)) {
      for (const inner of slot.exports.values()) {
        for (const needed of this.#needsOf(inner)) needs.add(needed);
      }
      return needs;
    }
    const seen = new Set<unknown>();
    const walk = (shape: Parameters<typeof partsOf>[0]): void => {
      for (const part of partsOf(shape)) {
        if (typeof part === 'string' || part.kind === 'module' || seen.has(part)) continue;
        seen.add(part);
        this.budget.spend(1);
        const home = this.#homes.get(part);
        if (home === undefined) walk(part);
        else needs.add(home);
      }
    };
    const { type } = this.#itemOf(slot);
    if (typeof type !== 'string') walk(type);
    return needs;
  }

  #refuseEntangled({ user }: Places, { import: from, path, type, isWired }: Place): void {
    if (!isWired || type.kind !== 'resource') return;
    // What is being made, from the outside in.
    const [slot] = this.#open;
    const name = this.#requests.entries.get(slot?.key ?? '')?.name ?? '';
    const what = [...path, from].join(' of ');
    const message = `${name} is left to the host and uses ${what}, which another component gives: wire both or neither`;
    throw new ComposeError('import-entangled', user, 0, message);
  }

  #refuseCircle(slot: Slot | undefined): never {
    const entry = this.#requests.entries.get(slot?.key ?? '');
    const message = `${entry?.name ?? ''}: imports that are left use each other's types in a circle`;
    throw new ComposeError('import-entangled', entry?.user ?? '/', 0, message);
  }
}

/** What one who asks by this name says beside it: it decides nothing, and the host may want to know. */
function withAttributes(item: ItemShape, name: string, { requests }: Slot): Member {
  const said = requests.find(({ item: { attributes } }) => attributes?.name === name);
  const attributes = said?.item.attributes;
  return attributes === undefined ? item : { ...item, attributes };
}

function isPrefix(one: readonly string[], other: readonly string[]): boolean {
  return one.every((name, at) => other[at] === name);
}

/** Without what a name says beside the type. */
function bare({ sort, type }: ItemShape): ItemShape {
  return { sort, type } as ItemShape;
}

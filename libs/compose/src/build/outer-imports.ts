import { ComposeError } from '../errors.js';
import { funcMismatch, join, joinTypes } from './bind.js';
import { compatibilityKey, isNewer } from './interface-name.js';
import {
  find,
  funcParts,
  needsName,
  partsOf,
  type Item,
  type TypeNode,
  type Value,
} from './types.js';

/** An import of the whole, for all instances that nobody within gives it to. */
export interface OuterImport {
  /** Of the highest version that is asked for. */
  name: string;
  readonly key: string;
  readonly item: Item;
  readonly users: string[];
}

type IsForeign = (type: TypeNode) => boolean;

/**
 * What the instances are not given by each other is asked of the host, once for all compatible
 * versions of an interface: with every export that any of them asks for. Each type has its home in
 * the import that names it first; other imports that use it refer to it there.
 */
export class OuterImports {
  readonly #imports = new Map<string, OuterImport>();

  /**
   * @returns the key of the import that stands for this one
   * @throws ComposeError `type-mismatch`
   */
  adopt(user: string, name: string, item: Item): string {
    // What a wired interface speaks of has its home there, not where another uses it.
    return this.#adopt(user, name, item, ({ spokenOf }) => spokenOf !== undefined);
  }

  #adopt(user: string, name: string, item: Item, isForeign: IsForeign): string {
    const key = compatibilityKey(name);
    const known = this.#imports.get(key);
    if (known === undefined) {
      settle(item, key, isForeign);
      this.#imports.set(key, { name, key, item, users: [user] });
      return key;
    }
    const refuse = (path: readonly string[], reason: string): never => {
      const place = [name, ...path].join(' › ');
      const message = `${place}: ${user} asks for it otherwise than ${known.users[0] ?? 'another'}: ${reason}`;
      throw new ComposeError('type-mismatch', user, 0, message);
    };
    merge(known.item, item, { key, isForeign, refuse }, []);
    known.users.push(user);
    if (isNewer(name, known.name)) known.name = name;
    return key;
  }

  /**
   * All of them, each after those whose types it uses.
   *
   * @throws ComposeError `import-entangled`
   */
  inOrder(): OuterImport[] {
    for (const entry of this.#imports.values()) this.#complete(entry);
    const ordered: OuterImport[] = [];
    const state = new Map<string, 'open' | 'done'>();
    const visit = (entry: OuterImport): void => {
      const { key, name } = entry;
      if (state.get(key) === 'done') return;
      if (state.get(key) === 'open') {
        const message = `${name}: imports that are left use each other's types in a circle`;
        throw new ComposeError('import-entangled', entry.users[0] ?? '/', 0, message);
      }
      state.set(key, 'open');
      for (const home of homesUsed(entry)) {
        const other = this.#imports.get(home);
        if (other !== undefined) visit(other);
      }
      state.set(key, 'done');
      ordered.push(entry);
    };
    for (const entry of this.#imports.values()) visit(entry);
    return ordered;
  }

  /**
   * An import may use types of an interface that another component gives. What they are built like
   * can be imported beside it; a resource of that component cannot be known outside.
   */
  #complete(entry: OuterImport): void {
    walkTypes(entry, (node) => {
      if (node.home !== undefined || !needsName(node)) return;
      const { spokenOf } = node;
      const known = spokenOf && this.#imports.get(compatibilityKey(spokenOf.interface));
      const taken = known?.item.sort !== 'instance' || known.item.exports.has(spokenOf?.name ?? '');
      if (node.shape.kind === 'resource' || !spokenOf || (known && taken)) {
        const what = spokenOf ? `${spokenOf.name} of ${spokenOf.interface}` : 'a type';
        const message = `${entry.name} is left to the host and uses ${what}, which another component gives: wire both or neither`;
        throw new ComposeError('import-entangled', entry.users[0] ?? '/', 0, message);
      }
      const exports = new Map<string, Item>([[spokenOf.name, { sort: 'type', type: node }]]);
      const item = { sort: 'instance', exports } as const;
      this.#adopt(entry.users[0] ?? '/', spokenOf.interface, item, () => false);
    });
  }
}

/** Gives every type that an import names its home there, unless it has one elsewhere. */
function settle(item: Item, key: string, isForeign: IsForeign): void {
  if (item.sort === 'type') {
    const node = find(item.type);
    if (node.home === undefined && !isForeign(node)) node.home = key;
    if (node.given === 'awaited') node.given = 'by the host';
  } else if (item.sort === 'instance') {
    for (const inner of item.exports.values()) settle(inner, key, isForeign);
  }
}

interface Merging {
  readonly key: string;
  readonly isForeign: IsForeign;
  readonly refuse: (path: readonly string[], reason: string) => never;
}

function merge(known: Item, item: Item, merging: Merging, path: readonly string[]): void {
  const { key, isForeign, refuse } = merging;
  if (known.sort === 'instance' && item.sort === 'instance') {
    for (const [name, inner] of item.exports) {
      const same = known.exports.get(name);
      if (same === undefined) {
        settle(inner, key, isForeign);
        known.exports.set(name, inner);
      } else merge(same, inner, merging, [...path, name]);
    }
    return;
  }
  let reason: string | undefined = `one is a ${known.sort}, the other a ${item.sort}`;
  if (known.sort === 'type' && item.sort === 'type') {
    const [one, other] = [find(known.type), find(item.type)];
    moveHome(one, other, key);
    // Both are the host's to give: from here on it must give one for both.
    const isHosts = one.given === 'by the host' && other.given === 'by the host';
    if (isHosts && one !== other) join(other, one);
    reason = joinTypes(other, one);
  } else if (known.sort === 'func' && item.sort === 'func') {
    reason = funcMismatch(known.func, item.func);
  }
  if (reason !== undefined) refuse(path, reason);
}

/** One of two users may know that a type comes from elsewhere, where the other was not told. */
function moveHome(known: TypeNode, item: TypeNode, key: string): void {
  if (known.home === key && item.home !== undefined) known.home = item.home;
}

function homesUsed(entry: OuterImport): Set<string> {
  const homes = new Set<string>();
  walkTypes(entry, ({ home }) => {
    if (home !== undefined && home !== entry.key) homes.add(home);
  });
  return homes;
}

/** Visits every type that writing an import takes, parts before what is made of them; what has its home elsewhere is not entered. */
function walkTypes({ key, item }: OuterImport, visit: (node: TypeNode) => void): void {
  const seen = new Set<TypeNode>();
  const value = (type: Value): void => {
    if (typeof type === 'string') return;
    const node = find(type);
    if (seen.has(node)) return;
    seen.add(node);
    if (node.home === undefined || node.home === key) partsOf(node).forEach(value);
    visit(node);
  };
  const walk = (inner: Item): void => {
    if (inner.sort === 'type') value(inner.type);
    else if (inner.sort === 'func') funcParts(inner.func).forEach(value);
    else if (inner.sort === 'instance') for (const one of inner.exports.values()) walk(one);
  };
  walk(item);
}

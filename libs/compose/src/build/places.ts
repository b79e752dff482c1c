import type {
  AnyShape,
  ItemShape,
  Members,
  NamedShape,
  ResourceShape,
  TypeBudget,
} from '@touchstone/wasm';
import { compatibilityKey } from './interface-name.js';

/** A type that goes by a name. */
export type NamedType = ResourceShape | NamedShape;

/** Where a type has its name among the imports of a component. */
export interface Place {
  /** Of the import, the same for all compatible versions. */
  readonly key: string;
  /** Names of exports within it, from the outside in. */
  readonly path: readonly string[];
  readonly import: string;
  /** Another instance gives this import, and not the host. */
  readonly isWired: boolean;
  readonly type: NamedType;
}

/** The named types of one instance's imports, by where they are named first. */
export class Places {
  readonly #places = new Map<AnyShape, Place>();

  constructor(
    readonly user: string,
    imports: Members,
    isWired: (name: string) => boolean,
    private readonly budget: TypeBudget,
  ) {
    for (const [name, member] of imports) {
      this.#settle(
        member,
        { key: compatibilityKey(name), import: name, isWired: isWired(name) },
        [],
      );
    }
  }

  of(type: AnyShape): Place | undefined {
    return this.#places.get(type);
  }

  /** The place of the type that this one is another name for, in the end; its own where it is none. */
  rootOf(type: AnyShape): Place | undefined {
    let root: Place | undefined;
    for (let at = type; ; at = at.of) {
      root = this.#places.get(at) ?? root;
      if (at.kind !== 'named') return root;
    }
  }

  #settle(
    { sort, type }: ItemShape,
    of: Pick<Place, 'key' | 'import' | 'isWired'>,
    path: readonly string[],
  ): void {
    this.budget.spend(1);
    if (sort === 'instance') {
      for (const [name, member] of type.exports) this.#settle(member, of, [...path, name]);
    } else if (sort === 'type' && (type.kind === 'named' || type.kind === 'resource')) {
      if (!this.#places.has(type)) this.#places.set(type, { ...of, path, type });
    }
  }
}

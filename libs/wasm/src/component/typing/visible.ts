import type { TypeBudget } from './budget.js';
import { partsOf } from './parts.js';
import {
  unnamed,
  type AnyShape,
  type InstanceShape,
  type ItemShape,
  type Owner,
  type ResourceShape,
} from './shapes.js';

type Direction = 'import' | 'export';

/** Types that are one of a kind, and so must have a name wherever they are seen from outside. */
const NOMINAL: readonly AnyShape['kind'][] = ['record', 'variant', 'flags', 'enum', 'resource'];

/**
 * Which types of a component have a name outside of it. What an import or export speaks of must
 * have one (component model, Explainer.md, "Import and Export Definitions", on types that are
 * "external-visible"): by an import, or for exports by an earlier export too.
 */
export class VisibleTypes {
  /** Beside types under a name of their own: resources, and what instances export as it is. */
  readonly #named: Record<Direction, Set<AnyShape>> = { import: new Set(), export: new Set() };

  constructor(
    private readonly owners: Readonly<Record<Direction, Owner>>,
    private readonly budget: TypeBudget,
  ) {}

  /** @throws WasmError `type-unnamed` */
  check(direction: Direction, name: string, item: ItemShape): void {
    const inside = new Set<AnyShape>();
    const found = this.#unnamedIn(direction, item, inside);
    if (found !== undefined) {
      const what = found.kind === 'resource' ? `resource ${found.name}` : found.kind;
      const message = `the ${direction} ${JSON.stringify(name)} speaks of a ${what} that has no name outside`;
      this.budget.refuse('type-unnamed', message);
    }
    // What is imported may be spoken of by exports too.
    for (const shape of inside) {
      this.#named.export.add(shape);
      if (direction === 'import') this.#named.import.add(shape);
    }
  }

  #unnamedIn(direction: Direction, item: ItemShape, inside: Set<AnyShape>): AnyShape | undefined {
    switch (item.sort) {
      case 'type': {
        // The type itself has the name that it is given here.
        const bare = unnamed(item.type);
        inside.add(item.type);
        if (bare.kind === 'instance' || bare.kind === 'component') return undefined;
        return this.#firstOf(direction, bare, inside);
      }
      case 'func':
        return this.#firstOf(direction, item.type, inside);
      case 'instance':
        return this.#unnamedInInstance(direction, item.type, inside);
      case 'core module':
      case 'component':
      case 'value':
        return undefined;
    }
  }

  #unnamedInInstance(
    direction: Direction,
    { exports }: InstanceShape,
    inside: Set<AnyShape>,
  ): AnyShape | undefined {
    for (const member of exports.values()) {
      const found = this.#unnamedIn(direction, member, inside);
      if (found !== undefined) return found;
    }
    return undefined;
  }

  /** The first nominal type below a shape that is not reached by a name. */
  #firstOf(
    direction: Direction,
    shape: AnyShape,
    inside: ReadonlySet<AnyShape>,
  ): AnyShape | undefined {
    const seen = new Set<AnyShape>();
    const walk = (part: AnyShape): AnyShape | undefined => {
      if (seen.has(part)) return undefined;
      seen.add(part);
      this.budget.spend(1);
      if (this.#isNamed(direction, part, inside)) return undefined;
      if (NOMINAL.includes(part.kind)) return part;
      return below(part);
    };
    const below = (part: AnyShape): AnyShape | undefined => {
      for (const each of partsOf(part)) {
        if (typeof each === 'string' || each.kind === 'module') continue;
        const found = walk(each);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return below(shape);
  }

  #isNamed(direction: Direction, shape: AnyShape, inside: ReadonlySet<AnyShape>): boolean {
    if (inside.has(shape) || this.#named[direction].has(shape)) return true;
    // What is exported is not yet there for what is imported.
    if (shape.kind === 'named') return direction === 'export' || shape.owner !== this.owners.export;
    return shape.kind === 'resource' && !this.#isOurs(shape);
  }

  /** Defined in this component: it has a name once it was exported. */
  #isOurs({ owner }: ResourceShape): boolean {
    return owner === this.owners.export;
  }
}

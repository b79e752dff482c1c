import type { TypeBudget } from './budget.js';
import { needsName, unnamed, type AnyShape, type InstanceShape, type ItemShape } from './shapes.js';

type Direction = 'import' | 'export';

/**
 * Which types of a component have a name outside of it. What an import or export speaks of must
 * have one (component model, Explainer.md, "Import and Export Definitions", on types that are
 * "external-visible"): by an import, or for exports by an earlier export too. It is the name that
 * counts and not what stands behind it: of a type that is exported, what is exported later speaks
 * by the index that the export made.
 */
export class VisibleTypes {
  readonly #named: Record<Direction, Set<AnyShape>> = { import: new Set(), export: new Set() };

  constructor(private readonly budget: TypeBudget) {}

  /** @throws WasmError `type-unnamed` */
  check(direction: Direction, name: string, item: ItemShape): void {
    const found = this.#unnamedIn(direction, item);
    if (found === undefined) return;
    const what = found.kind === 'resource' ? `resource ${found.name}` : found.kind;
    const message = `the ${direction} ${JSON.stringify(name)} speaks of a ${what} that has no name outside`;
    this.budget.refuse('type-unnamed', message);
  }

  /** What the exports of an instance name is named as they are gone through. */
  #unnamedIn(direction: Direction, item: ItemShape): AnyShape | undefined {
    switch (item.sort) {
      case 'type': {
        const found = this.#unnamedInType(direction, unnamed(item.type));
        this.#name(direction, item.type);
        return found;
      }
      case 'func':
        return this.#firstBelow(direction, item.type);
      case 'instance':
        return this.#firstOf(item.type, (member) => this.#unnamedIn(direction, member));
      case 'core module':
      case 'component':
      case 'value':
        return undefined;
    }
  }

  /** Of the type of an instance that is not there, nothing is named by itself. */
  #unnamedInType(direction: Direction, bare: AnyShape): AnyShape | undefined {
    if (bare.kind === 'component') return undefined;
    if (bare.kind !== 'instance') return this.#firstBelow(direction, bare);
    return this.#firstOf(bare, (member) => {
      if (member.sort === 'type') return this.#unnamedInType(direction, unnamed(member.type));
      if (member.sort === 'instance') return this.#unnamedInType(direction, member.type);
      return member.sort === 'func' ? this.#firstBelow(direction, member.type) : undefined;
    });
  }

  /** What is imported may be spoken of by exports too. */
  #name(direction: Direction, shape: AnyShape): void {
    this.#named.export.add(shape);
    if (direction === 'import') this.#named.import.add(shape);
  }

  /** The first nominal type below a shape that is not reached by a name. */
  #firstBelow(direction: Direction, shape: AnyShape): AnyShape | undefined {
    const seen = new Set<AnyShape>();
    const walk = (part: AnyShape): AnyShape | undefined => {
      if (seen.has(part)) return undefined;
      seen.add(part);
      if (this.#named[direction].has(part)) return undefined;
      // A name from elsewhere is none here: of a component around this one, or of an instance in it.
      return needsName(part) ? unnamed(part) : below(part);
    };
    const below = (part: AnyShape): AnyShape | undefined => {
      for (const each of this.budget.partsOf(part)) {
        if (typeof each === 'string' || each.kind === 'module') continue;
        const found = walk(each);
        if (found !== undefined) return found;
      }
      return undefined;
    };
    return below(shape);
  }

  #firstOf(
    { exports }: InstanceShape,
    check: (member: ItemShape) => AnyShape | undefined,
  ): AnyShape | undefined {
    this.budget.spend(exports.size);
    for (const member of exports.values()) {
      const found = check(member);
      if (found !== undefined) return found;
    }
    return undefined;
  }
}

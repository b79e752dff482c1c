import { TypeBudget } from './budget.js';
import { compareModules } from './compare-cores.js';
import { compareFuncs, compareValues, differ, type ValueContext } from './compare-values.js';
import { describeItem } from './describe.js';
import { first, within, type Mismatch, type Verdict } from './mismatch.js';
import {
  unnamed,
  type AnyShape,
  type ComponentShape,
  type InstanceShape,
  type ItemShape,
  type Members,
  type Owner,
  type ResourceShape,
  type Value,
} from './shapes.js';
import { Substitution } from './substitute.js';

type Direction = 'import' | 'export';

/**
 * Compares what is provided with what is required, member by member, by the subtyping rules of the
 * component model (Explainer.md, "Type Checking"). Resources that the required side introduces are
 * first bound to those that are provided under their names; from then on each is itself alone.
 */
export class Comparison implements ValueContext {
  readonly resources = new Map<ResourceShape, ResourceShape>();
  readonly #equal = new Map<AnyShape, Set<AnyShape>>();
  readonly #matched = new Set<ResourceShape>();
  /** Who introduced resources that are never matched by their use. */
  readonly #closed: Set<Owner>;

  constructor(
    private readonly budget: TypeBudget,
    /** Match resources that neither side introduces by how they are used, each with one other. */
    private readonly matchFree = false,
    closed: Iterable<Owner> = [],
  ) {
    this.#closed = new Set(closed);
  }

  members(provided: Members, required: Members, owner?: Owner, direction?: Direction): Verdict {
    if (owner !== undefined) this.#closed.add(owner);
    if (owner !== undefined || this.matchFree) this.bind(provided, required, owner);
    return first(required, ([name, wanted]) => {
      const segment = `${direction ?? wanted.sort} ${name}`;
      const given = provided.get(name);
      if (given !== undefined) return within(segment, this.item(given, wanted));
      const code = direction === 'import' ? 'import-missing' : 'export-missing';
      return { code, path: [segment], provided: 'nothing', required: describeItem(wanted) };
    });
  }

  item(provided: ItemShape, required: ItemShape): Verdict {
    this.budget.spend(1);
    if (provided.sort !== required.sort) {
      const [a, b] = [describeItem(provided), describeItem(required)];
      return { code: 'kind-different', path: [], provided: a, required: b };
    }
    switch (provided.sort) {
      case 'core module':
        return compareModules(provided.type, (required as typeof provided).type, this.budget);
      case 'value':
        return compareValues(provided.type, (required as typeof provided).type, this);
      case 'func':
      case 'type':
      case 'instance':
      case 'component':
        return this.shape(provided.type, required.type as AnyShape);
    }
  }

  shape(provided: AnyShape, required: AnyShape): Verdict {
    const [a, b] = [unnamed(provided), unnamed(required)];
    if (a.kind !== b.kind) return differ('kind-different', provided, required);
    switch (a.kind) {
      case 'resource':
        return this.sameResource(a, b as ResourceShape)
          ? undefined
          : differ('resource-different', provided, required);
      case 'func':
        return compareFuncs(a, b as typeof a, this);
      case 'instance':
        return this.#instances(a, b as typeof a);
      case 'component':
        return this.#components(a, b as typeof a);
      default:
        return compareValues(provided as Value, required as Value, this);
    }
  }

  /**
   * Binds the resources of `required` that `owner` introduced, or that nobody here did, to those
   * provided under the same names.
   */
  bind(provided: Members, required: Members, owner: Owner | undefined): void {
    for (const [name, wanted] of required) {
      this.budget.spend(1);
      const given = provided.get(name);
      if (given?.sort !== wanted.sort) continue;
      if (wanted.sort === 'instance') {
        this.bind((given as typeof wanted).type.exports, wanted.type.exports, owner);
      } else if (wanted.sort === 'type') {
        const [a, b] = [unnamed((given as typeof wanted).type), wanted.type];
        if (a.kind !== 'resource' || b.kind !== 'resource') continue;
        const isOurs = owner === undefined ? !this.#closed.has(b.owner) : b.owner === owner;
        if (isOurs && !this.resources.has(b)) this.resources.set(b, a);
      }
    }
  }

  sameResource(provided: ResourceShape, required: ResourceShape): boolean {
    const bound = this.resources.get(required);
    if (bound !== undefined) return bound === provided;
    if (provided === required) return true;
    const isFree = !this.#closed.has(provided.owner) && !this.#closed.has(required.owner);
    if (!this.matchFree || !isFree || this.#matched.has(provided)) return false;
    this.#matched.add(provided);
    this.resources.set(required, provided);
    return true;
  }

  spend(parts: number): void {
    this.budget.spend(parts);
  }

  isKnownEqual(provided: AnyShape, required: AnyShape): boolean {
    this.budget.spend(1);
    return this.#equal.get(provided)?.has(required) ?? false;
  }

  noteEqual(provided: AnyShape, required: AnyShape): void {
    const known = this.#equal.get(provided);
    if (known === undefined) this.#equal.set(provided, new Set([required]));
    else known.add(required);
  }

  /** An instance may export more than is asked for. */
  #instances(a: InstanceShape, b: InstanceShape): Verdict {
    if (a.owner !== undefined) this.#closed.add(a.owner);
    return this.members(a.exports, b.exports, b.owner);
  }

  /**
   * A component may export more and import less. What it would be given is what the required one
   * asks for; what it exports then speaks of the resources that it was given.
   */
  #components(a: ComponentShape, b: ComponentShape): Verdict {
    for (const { importOwner, exportOwner } of [a, b]) {
      this.#closed.add(importOwner).add(exportOwner);
    }
    this.budget.spend(this.#closed.size);
    const given = new Comparison(this.budget, this.matchFree, this.#closed);
    const wanted = this.#substituted(this.resources).shape(b);
    const imports = given.members(wanted.imports, a.imports, a.importOwner, 'import');
    if (imports !== undefined) return imports;
    const exports = this.#substituted(given.resources).members(a.exports);
    return this.members(exports, wanted.exports, wanted.exportOwner, 'export');
  }

  #substituted(resources: ReadonlyMap<ResourceShape, ResourceShape>): Substitution {
    return new Substitution(this.budget, (shape) =>
      shape.kind === 'resource' ? resources.get(shape) : undefined,
    );
  }
}

/**
 * Whether something of the type `provided` can stand where `required` is asked for; answers where
 * the two part, or nothing when it can. Resources that come from elsewhere on both sides are
 * matched by their use, consistently.
 *
 * @throws WasmError `type-too-large`
 */
export function checkSubtype(provided: ItemShape, required: ItemShape): Mismatch | undefined {
  return new Comparison(new TypeBudget(), true).item(provided, required);
}

/** Whether something of the type `provided` can stand where `required` is asked for. */
export function isSubtype(provided: ItemShape, required: ItemShape): boolean {
  return checkSubtype(provided, required) === undefined;
}

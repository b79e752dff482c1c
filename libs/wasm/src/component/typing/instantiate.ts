import type { TypeBudget } from './budget.js';
import type { Mismatch } from './mismatch.js';
import type { AnyShape, ComponentShape, ItemShape, Members, NamedShape, Owner } from './shapes.js';
import { Comparison } from './subtype.js';
import { freshened, Substitution } from './substitute.js';

export interface Instantiated {
  readonly exports: Members;
  readonly mismatch: Mismatch | undefined;
}

/**
 * What an instance of a component exports: types that it imports are those it is given, resources
 * that it defines are new ones with every instance (component model, "Type Checking").
 */
export function instantiate(
  component: ComponentShape,
  args: ReadonlyMap<string, ItemShape>,
  owner: Owner,
  budget: TypeBudget,
): Instantiated {
  const comparison = new Comparison(budget);
  const { imports, importOwner, exports, exportOwner } = component;
  const mismatch = comparison.members(args, imports, importOwner, 'import');
  const names = new Map<NamedShape, AnyShape>();
  pairNames(args, imports, importOwner, names, budget);
  const { resources } = comparison;
  const fresh = freshened(exportOwner, owner, budget);
  const substitution = new Substitution(budget, (shape, within) => {
    const given = shape.kind === 'named' ? names.get(shape) : resources.get(shape);
    return given ?? fresh(shape, within);
  });
  return { exports: substitution.members(exports), mismatch };
}

/** The names that a component imports, with the types that stand behind them outside. */
function pairNames(
  args: ReadonlyMap<string, ItemShape>,
  imports: Members,
  owner: Owner,
  names: Map<NamedShape, AnyShape>,
  budget: TypeBudget,
): void {
  for (const [name, wanted] of imports) {
    budget.spend(1);
    const given = args.get(name);
    if (given?.sort !== wanted.sort) continue;
    if (wanted.sort === 'instance') {
      const { exports } = (given as typeof wanted).type;
      pairNames(exports, wanted.type.exports, owner, names, budget);
    } else if (wanted.sort === 'type') {
      const { type } = given as typeof wanted;
      if (wanted.type.kind === 'named' && wanted.type.owner === owner) names.set(wanted.type, type);
    }
  }
}

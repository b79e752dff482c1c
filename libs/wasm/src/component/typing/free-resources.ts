import type { TypeBudget } from './budget.js';
import type { AnyShape, ModuleShape, Owner, ResourceShape } from './shapes.js';

/** A resource that a type speaks of and does not introduce itself. */
export function freeResource(shape: AnyShape, budget: TypeBudget): ResourceShape | undefined {
  const introduced = new Set<Owner>();
  const found: ResourceShape[] = [];
  const seen = new Set<AnyShape | ModuleShape>();
  const walk = (each: AnyShape | ModuleShape): void => {
    if (seen.has(each)) return;
    seen.add(each);
    if (each.kind === 'resource') found.push(each);
    if (each.kind === 'instance' && each.owner !== undefined) introduced.add(each.owner);
    if (each.kind === 'component') introduced.add(each.importOwner).add(each.exportOwner);
    for (const part of budget.partsOf(each)) if (typeof part !== 'string') walk(part);
  };
  walk(shape);
  return found.find(({ owner }) => !introduced.has(owner));
}

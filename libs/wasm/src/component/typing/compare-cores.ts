import { describeCore } from './describe.js';
import { first, within, type Verdict } from './mismatch.js';
import type { CoreLimits } from '../core-types.js';
import type { CoreShape, ModuleShape } from './shapes.js';
import type { TypeBudget } from './budget.js';
import type { CoreTypeShape } from './core-types.js';

/** A module fits that exports more and imports less (component model, "Type Checking"). */
export function compareModules(a: ModuleShape, b: ModuleShape, budget: TypeBudget): Verdict {
  budget.spend(a.imports.length + b.imports.length + b.exports.size);
  const given = new Map(b.imports.map((each) => [JSON.stringify([each.module, each.name]), each]));
  const imports = first(a.imports, ({ module, name, type }) => {
    const offered = given.get(JSON.stringify([module, name]));
    const segment = `import ${module} ${name}`;
    if (offered !== undefined) return within(segment, compareCores(offered.type, type, budget));
    const required = describeCore(type);
    return { code: 'import-missing', path: [segment], provided: 'nothing', required };
  });
  return (
    imports ??
    first(b.exports, ([name, type]) => {
      const exported = a.exports.get(name);
      if (exported !== undefined)
        return within(`export ${name}`, compareCores(exported, type, budget));
      const required = describeCore(type);
      return { code: 'export-missing', path: [`export ${name}`], provided: 'nothing', required };
    })
  );
}

/** Import matching of the core specification (3.3, 4.5.4): equal, but for bounds that may be tighter. */
export function compareCores(a: CoreShape, b: CoreShape, budget: TypeBudget): Verdict {
  if (a.kind !== b.kind) return differ(a, b, 'kind-different');
  return isMatching(a, b, budget) ? undefined : differ(a, b, 'type-different');
}

function isMatching(a: CoreShape, b: CoreShape, budget: TypeBudget): boolean {
  switch (a.kind) {
    case 'func':
    case 'tag':
      return isSameType(a.type, (b as typeof a).type, budget);
    case 'global': {
      const { type, mutable } = b as typeof a;
      return a.type === type && a.mutable === mutable;
    }
    case 'table': {
      const { element, limits } = b as typeof a;
      return a.element === element && isWithin(a.limits, limits);
    }
    case 'memory':
      return isWithin(a.limits, (b as typeof a).limits);
  }
}

function isSameType(a: CoreTypeShape, b: CoreTypeShape, budget: TypeBudget): boolean {
  if (typeof a === 'string' || typeof b === 'string') {
    // Texts are compared many characters at once.
    if (typeof a === 'string') budget.spend(Math.ceil(a.length / 64));
    return a === b;
  }
  if (a === b) return true;
  budget.spend(a.params.length + a.results.length);
  return isSameList(a.params, b.params) && isSameList(a.results, b.results);
}

function isSameList(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((each, at) => each === b[at]);
}

function isWithin(a: CoreLimits, b: CoreLimits): boolean {
  const isSameKind = a.shared === b.shared && a.index === b.index && pageSize(a) === pageSize(b);
  if (!isSameKind || BigInt(a.minimum) < BigInt(b.minimum)) return false;
  if (b.maximum === undefined) return true;
  return a.maximum !== undefined && BigInt(a.maximum) <= BigInt(b.maximum);
}

/** Log2 of bytes; 64 KiB unless it says otherwise. */
function pageSize({ pageSizeLog2 = 16 }: CoreLimits): number {
  return pageSizeLog2;
}

function differ(a: CoreShape, b: CoreShape, code: 'kind-different' | 'type-different'): Verdict {
  return { code, path: [], provided: describeCore(a), required: describeCore(b) };
}

import type { CoreExternType, CoreLimits } from '../core-types.js';
import type { CoreType, ModuleDeclaration } from '../types.js';
import type { TypeBudget } from './budget.js';
import { expandedValueType, referenceTo, shapesOfGroup, type CoreTypeShape } from './core-types.js';
import type { TypeScope } from './scope.js';
import type { CoreMember, CoreShape, ModuleShape } from './shapes.js';

export function addCoreType(type: CoreType, scope: TypeScope): void {
  if (type.kind === 'module') {
    scope.coreTypes.push(resolveModuleType(type.declarations, scope));
    return;
  }
  scope.coreTypes.push(...shapesOfGroup(type.types, typesAlone(scope), scope.budget));
}

/** The core types of a scope without its module types. */
function typesAlone({ coreTypes }: TypeScope): {
  length: number;
  at(index: number): CoreTypeShape | undefined;
} {
  const at = (index: number): CoreTypeShape | undefined => {
    const type = coreTypes[index];
    return typeof type === 'object' && type.kind === 'module' ? undefined : type;
  };
  return { length: coreTypes.length, at };
}

/** A module type counts its own types from 0. */
function resolveModuleType(
  declarations: readonly ModuleDeclaration[],
  outer: TypeScope,
): ModuleShape {
  const { budget } = outer;
  const types: CoreTypeShape[] = [];
  const imports: CoreMember[] = [];
  const exports = new Map<string, CoreShape>();
  const taken = new Set<string>();
  for (const declaration of declarations) {
    budget.spend(1);
    switch (declaration.kind) {
      case 'type':
        types.push(...shapesOfGroup(declaration.type.types, types, budget));
        break;
      case 'alias': {
        // Levels are counted from the module type itself.
        const scope = outer.outer(Math.max(declaration.outer - 1, 0));
        const space = declaration.outer === 0 ? types : typesAlone(scope);
        types.push(
          space.at(declaration.index) ??
            budget.refuse('type-mismatch', `core type ${declaration.index} is a module type`),
        );
        break;
      }
      case 'import': {
        const { module, name, type } = declaration;
        const key = JSON.stringify([module, name]);
        if (taken.has(key)) budget.refuse('name-duplicate', `a second import ${key}`);
        taken.add(key);
        imports.push({ module, name, type: coreShape(type, types, budget) });
        break;
      }
      case 'export':
        exports.set(declaration.name, coreShape(declaration.type, types, budget));
    }
  }
  return budget.shape<ModuleShape>({ kind: 'module', imports, exports });
}

/** A core import or export with its types in place of their indices. */
export function coreShape(
  type: CoreExternType,
  types: readonly CoreTypeShape[],
  budget: TypeBudget,
): CoreShape {
  const at = (index: number): CoreTypeShape =>
    types[index] ?? budget.refuse('index-out-of-range', `core type ${index} is not defined here`);
  const text = (index: number): string => referenceTo(at(index), budget);
  switch (type.kind) {
    case 'func':
    case 'tag':
      return { kind: type.kind, type: at(type.type) };
    case 'global':
      return { ...type, type: expandedValueType(type.type, text) };
    case 'table':
      return { ...type, element: expandedValueType(type.element, text) };
    case 'memory':
      checkMemory(type.limits, budget);
      return type;
  }
}

/** Core specification 3.2.3 and 3.2.6: pages that the addresses of a memory reach. */
function checkMemory(
  { minimum, maximum, shared, index, pageSizeLog2 = 16 }: CoreLimits,
  budget: TypeBudget,
): void {
  const most = 2n ** BigInt(Math.max((index === 'i64' ? 64 : 32) - pageSizeLog2, 0));
  const [least, upTo] = [BigInt(minimum), maximum === undefined ? undefined : BigInt(maximum)];
  const fits = least <= most && (upTo === undefined || (least <= upTo && upTo <= most));
  if (!fits) budget.refuse('type-malformed', `a memory of ${minimum} to ${maximum ?? most} pages`);
  if (shared && upTo === undefined)
    budget.refuse('type-malformed', 'a shared memory without a maximum');
}

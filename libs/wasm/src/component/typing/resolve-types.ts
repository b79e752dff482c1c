import type { CoreExternType } from '../core-types.js';
import type { CoreType, Declaration, DefinedType, ModuleDeclaration } from '../types.js';
import type { DefinedValueType, LabelledType, ValueType } from '../value-types.js';
import type { TypeBudget } from './budget.js';
import { expandedValueType, shapesOfGroup, type CoreTypeShape } from './core-types.js';
import { isLabel } from './extern-names.js';
import { TypeScope } from './scope.js';
import {
  bareValue,
  type AnyShape,
  type Case,
  type ComponentShape,
  type CoreMember,
  type CoreShape,
  type FuncShape,
  type InstanceShape,
  type LabelledValue,
  type ModuleShape,
  type NamedShape,
  type ResourceShape,
  type Value,
  type ValueShape,
} from './shapes.js';

/** The type that a definition stands for, its indices followed. */
export function resolveType(type: DefinedType, scope: TypeScope): AnyShape {
  const { budget } = scope;
  switch (type.kind) {
    case 'func': {
      const params = labelled(type.params, 'parameter', scope);
      const result = optional('result', type.result, scope);
      const shape = budget.shape<FuncShape>({
        ...{ kind: 'func', async: type.async, params },
        ...result,
      });
      if (result.result !== undefined && borrows(result.result)) {
        budget.refuse('type-mismatch', 'a function returns a borrowed handle');
      }
      return shape;
    }
    case 'instance':
    case 'component':
      return resolveBody(type.kind, type.declarations, scope);
    case 'resource':
      return budget.shape<ResourceShape>({
        ...{ kind: 'resource', owner: scope.owners.export, name: '' },
        representation: type.representation,
      });
    default:
      return resolveValueType(type, scope);
  }
}

function resolveValueType(type: DefinedValueType, scope: TypeScope): ValueShape {
  const { budget } = scope;
  const value = (each: ValueType): Value => scope.value(each);
  switch (type.kind) {
    case 'record':
      return budget.shape({ kind: type.kind, fields: labelled(type.fields, 'field', scope) });
    case 'variant': {
      checkLabels(type.cases, 'case', budget);
      const cases = type.cases.map(({ name, type: of }): Case => ({
        name,
        ...optional('type', of, scope),
      }));
      return budget.shape({ kind: type.kind, cases });
    }
    case 'flags':
    case 'enum':
      checkLabels(
        type.names.map((name) => ({ name })),
        'label',
        budget,
      );
      return budget.shape(type);
    case 'list':
      return budget.shape({ ...type, element: value(type.element) });
    case 'tuple':
      return budget.shape({ kind: type.kind, types: type.types.map(value) });
    case 'option':
      return budget.shape({ kind: type.kind, type: value(type.type) });
    case 'result':
      return budget.shape({
        kind: type.kind,
        ...optional('ok', type.ok, scope),
        ...optional('error', type.error, scope),
      });
    case 'own':
    case 'borrow':
      scope.typeOf(type.resource, 'resource');
      return budget.shape({
        kind: type.kind,
        resource: scope.types[type.resource] as ResourceShape | NamedShape,
      });
    case 'stream':
    case 'future': {
      const element = optional('element', type.element, scope);
      if (element.element !== undefined && borrows(element.element)) {
        budget.refuse('type-mismatch', `a ${type.kind} carries a borrowed handle`);
      }
      if (type.kind === 'stream' && element.element !== undefined) {
        const isText = bareValue(element.element) === 'char';
        if (isText) budget.refuse('type-mismatch', 'a stream of char is not allowed yet');
      }
      return budget.shape({ kind: type.kind, ...element });
    }
    case 'map':
      return budget.shape({ kind: 'map', key: mapKey(type.key, scope), value: value(type.value) });
    case 'primitive':
      return budget.shape(type);
  }
}

/** `keytype`: integers, booleans, characters and strings. */
function mapKey(type: ValueType, scope: TypeScope): Value {
  const key = scope.value(type);
  const bare = bareValue(key);
  const fits = typeof bare === 'string' && !['f32', 'f64', 'error-context'].includes(bare);
  return fits
    ? key
    : scope.budget.refuse('type-mismatch', 'a map has a key of a type that none has');
}

function labelled(entries: LabelledType[], what: string, scope: TypeScope): LabelledValue[] {
  checkLabels(entries, what, scope.budget);
  return entries.map(({ name, type }) => ({ name, type: scope.value(type) }));
}

function optional<K extends string>(
  key: K,
  type: ValueType | undefined,
  scope: TypeScope,
): { [P in K]?: Value } {
  return (type === undefined ? {} : { [key]: scope.value(type) }) as { [P in K]?: Value };
}

function borrows(value: Value): boolean {
  return typeof value !== 'string' && value.borrows;
}

function checkLabels(
  entries: readonly { readonly name: string }[],
  what: string,
  budget: TypeBudget,
): void {
  const taken = new Set<string>();
  for (const { name } of entries) {
    if (!isLabel(name)) budget.refuse('name-invalid', `${JSON.stringify(name)} is no ${what}`);
    const canonical = name.toLowerCase();
    if (taken.has(canonical)) budget.refuse('name-duplicate', `a second ${what} ${name}`);
    taken.add(canonical);
  }
}

function resolveBody(
  kind: 'component' | 'instance',
  declarations: readonly Declaration[],
  outer: TypeScope,
): ComponentShape | InstanceShape {
  const { budget } = outer;
  const owner = { what: kind === 'instance' ? 'body' : 'exports' } as const;
  const importOwner = { what: 'imports' } as const;
  const owners = { import: importOwner, export: owner };
  const scope = new TypeScope('body', budget, outer, owners, kind === 'component');
  for (const declaration of declarations) {
    budget.spend(1);
    declare(declaration, scope);
  }
  const { imports, exports } = scope;
  return kind === 'instance'
    ? budget.shape<InstanceShape>({ kind, owner, exports })
    : budget.shape<ComponentShape>({ kind, importOwner, exportOwner: owner, imports, exports });
}

function declare(declaration: Declaration, scope: TypeScope): void {
  switch (declaration.kind) {
    case 'core type':
      addCoreType(declaration.type, scope);
      break;
    case 'type':
      scope.types.push(resolveType(declaration.type, scope));
      break;
    case 'alias':
      scope.alias(declaration);
      break;
    case 'import':
    case 'export': {
      const { kind, name, type } = declaration;
      scope.declare(kind, name, scope.item(kind, name, type));
    }
  }
}

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
      case 'type': {
        const group = declaration.type.kind === 'module' ? [] : declaration.type.types;
        types.push(...shapesOfGroup(group, types, budget));
        break;
      }
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
  const text = (index: number): string => {
    const shape = at(index);
    const written = typeof shape === 'string' ? shape : JSON.stringify(shape);
    budget.spend(written.length);
    return written;
  };
  switch (type.kind) {
    case 'func':
    case 'tag':
      return { kind: type.kind, type: at(type.type) };
    case 'global':
      return { ...type, type: expandedValueType(type.type, text) };
    case 'table':
      return { ...type, element: expandedValueType(type.element, text) };
    case 'memory':
      return type;
  }
}

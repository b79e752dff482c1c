import type { Declaration, DefinedType } from '../types.js';
import type { DefinedValueType, LabelledType, ValueType } from '../value-types.js';
import type { TypeBudget } from './budget.js';
import { isLabel } from './extern-names.js';
import { addCoreType } from './resolve-cores.js';
import { TypeScope } from './scope.js';
import {
  bareValue,
  type AnyShape,
  type Case,
  type ComponentShape,
  type FuncShape,
  type InstanceShape,
  type LabelledValue,
  type NamedShape,
  type ResourceShape,
  type Value,
  type ValueShape,
} from './shapes.js';
import { checkValueSize } from './value-size.js';

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
    default: {
      const shape = resolveValueType(type, scope);
      checkValueSize(shape, budget);
      return shape;
    }
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

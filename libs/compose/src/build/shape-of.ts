import type { DefinedValueType, ValueType } from '@touchstone/wasm';
import type { TypeNode, TypeShape, Value } from './types.js';

/** What indices stand for where a type is defined. */
interface Places {
  readonly value: (type: ValueType) => Value;
  readonly resource: (index: number) => TypeNode;
}

/** A type of values as its definition has it, with what its indices stand for. */
export function shapeOf(type: DefinedValueType, { value, resource }: Places): TypeShape {
  switch (type.kind) {
    case 'primitive':
    case 'flags':
    case 'enum':
      return type;
    case 'record':
      return {
        kind: 'record',
        fields: type.fields.map((field) => ({ name: field.name, type: value(field.type) })),
      };
    case 'variant':
      return {
        kind: 'variant',
        cases: type.cases.map(({ name, type: of }) =>
          of === undefined ? { name } : { name, type: value(of) },
        ),
      };
    case 'list': {
      const { element, length } = type;
      return { kind: 'list', element: value(element), ...(length === undefined ? {} : { length }) };
    }
    case 'tuple':
      return { kind: 'tuple', types: type.types.map(value) };
    case 'option':
      return { kind: 'option', type: value(type.type) };
    case 'result':
      return {
        kind: 'result',
        ...(type.ok === undefined ? {} : { ok: value(type.ok) }),
        ...(type.error === undefined ? {} : { error: value(type.error) }),
      };
    case 'own':
    case 'borrow':
      return { kind: type.kind, resource: resource(type.resource) };
    case 'stream':
    case 'future':
      return type.element === undefined
        ? { kind: type.kind }
        : { kind: type.kind, element: value(type.element) };
    case 'map':
      return { kind: 'map', key: value(type.key), value: value(type.value) };
  }
}

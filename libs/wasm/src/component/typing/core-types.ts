import type { CoreCompositeType, CoreFuncType, CoreSubType } from '../core-types.js';
import type { TypeBudget } from './budget.js';

/**
 * A core type that is told apart from every other: a function of number and abstract reference
 * types as it is, anything else by its canonical text.
 */
export type CoreTypeShape = CoreFuncType | string;

const reference = /^\(ref (null )?(\d+)\)$/u;

/**
 * The types of a recursion group (core specification 3.1, "rolling"): what they refer to outside of
 * the group by its own canonical text, each other by position. Equal text is an equal type.
 */
export function shapesOfGroup(
  types: readonly CoreSubType[],
  known: { readonly length: number; at(index: number): CoreTypeShape | undefined },
  budget: TypeBudget,
): CoreTypeShape[] {
  const [only] = types;
  if (types.length === 1 && only?.final === true && only.supertypes.length === 0) {
    const { type } = only;
    const isPlain =
      type.kind === 'func' &&
      [...type.params, ...type.results].every((each) => !reference.test(each));
    if (isPlain) return [type];
  }
  const text = (index: number): string => {
    const position = index - known.length;
    if (position >= 0) {
      if (position < types.length) return `rec.${position}`;
      return budget.refuse('index-out-of-range', `core type ${index} is not defined here`);
    }
    const shape = known.at(index);
    if (shape === undefined) return budget.refuse('type-mismatch', `core type ${index} is no type`);
    return typeof shape === 'string' ? shape : JSON.stringify(shape);
  };
  for (const { supertypes } of types) {
    for (const index of supertypes) {
      if (!isFinal(index - known.length, types, text(index))) continue;
      budget.refuse('type-mismatch', `core type ${index} is final and the supertype of another`);
    }
  }
  const group = JSON.stringify(types.map((type) => rolled(type, text)));
  budget.spend(group.length * types.length);
  return types.map((_, position) => `${group}.${position}`);
}

/** Of a type of the group by its position there, of one before it by its canonical text. */
function isFinal(position: number, types: readonly CoreSubType[], text: string): boolean {
  if (position >= 0) return types[position]?.final === true;
  const dot = text.lastIndexOf('.');
  if (!text.startsWith('[')) return true;
  const group = JSON.parse(text.slice(0, dot)) as readonly { readonly final: boolean }[];
  return group[Number(text.slice(dot + 1))]?.final === true;
}

/** A value type with the types that it refers to by index written out. */
export function expandedValueType(type: string, text: (index: number) => string): string {
  return type.replace(reference, (_, nullable: string | undefined, index: string) => {
    return `(ref ${nullable ?? ''}${text(Number(index))})`;
  });
}

function rolled(
  { final, supertypes, type }: CoreSubType,
  text: (index: number) => string,
): unknown {
  return { final, supertypes: supertypes.map(text), type: rolledType(type, text) };
}

function rolledType(type: CoreCompositeType, text: (index: number) => string): unknown {
  const value = (each: string): string => expandedValueType(each, text);
  switch (type.kind) {
    case 'func':
      return { ...type, params: type.params.map(value), results: type.results.map(value) };
    case 'struct':
      return { ...type, fields: type.fields.map((each) => ({ ...each, type: value(each.type) })) };
    case 'array':
      return { ...type, element: { ...type.element, type: value(type.element.type) } };
  }
}

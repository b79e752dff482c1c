import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import type { CoreCompositeType, CoreFuncType, CoreSubType } from '../core-types.js';
import type { TypeBudget } from './budget.js';

/**
 * A core type that is told apart from every other: a function of number and abstract reference
 * types as it is, anything else by its canonical text.
 */
export type CoreTypeShape = CoreFuncType | string;

/** Characters, as many as SHA-256 has in hexadecimal. */
const LONGEST_REFERENCE = 64;

/** Ends the text of a type that can have no subtypes. */
const FINAL = ' final';

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
  /** Of the group, or of what is before it. */
  const at = (index: number): CoreTypeShape | CoreSubType => {
    const position = index - known.length;
    const type = position >= 0 ? types[position] : known.at(index);
    if (type !== undefined) return type;
    const code = position >= 0 ? 'index-out-of-range' : 'type-mismatch';
    return budget.refuse(code, `core type ${index} is no type that is defined here`);
  };
  const text = (index: number): string => {
    const type = at(index);
    return index >= known.length
      ? `rec.${index - known.length}`
      : referenceTo(type as CoreTypeShape, budget);
  };
  for (const { supertypes } of types) {
    for (const index of supertypes) {
      if (!isFinal(at(index))) continue;
      budget.refuse('type-mismatch', `core type ${index} is final and the supertype of another`);
    }
  }
  const group = JSON.stringify(types.map((type) => rolled(type, text)));
  budget.spend(group.length * types.length);
  return types.map(({ final }, position) => `${group}.${position}${final ? FINAL : ''}`);
}

/** Of a type of the group as it is written, of one before it by its canonical text. */
function isFinal(type: CoreTypeShape | CoreSubType): boolean {
  if (typeof type === 'string') return type.endsWith(FINAL);
  return 'kind' in type || type.final;
}

/**
 * How other types speak of a type: by its canonical text, or where that is long by its digest, so
 * that types which refer to each other do not grow with every step.
 */
export function referenceTo(type: CoreTypeShape, budget: TypeBudget): string {
  const text = typeof type === 'string' ? type : JSON.stringify(type);
  budget.spend(typeof type === 'string' ? LONGEST_REFERENCE : text.length);
  if (text.length <= LONGEST_REFERENCE) return text;
  const known = budget.digests.get(text);
  if (known !== undefined) return known;
  budget.spend(text.length);
  const digest = bytesToHex(sha256(utf8ToBytes(text)));
  budget.digests.set(text, digest);
  return digest;
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

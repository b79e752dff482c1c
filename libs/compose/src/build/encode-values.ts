import type {
  FuncShape,
  NamedShape,
  PrimitiveType,
  ResourceShape,
  Value,
  ValueShape,
} from '@touchstone/wasm';
import { leb, signedIndex, text, vector } from './binary.js';

const PRIMITIVE_BYTES: Readonly<Record<PrimitiveType, number>> = {
  bool: 0x7f,
  s8: 0x7e,
  u8: 0x7d,
  s16: 0x7c,
  u16: 0x7b,
  s32: 0x7a,
  u32: 0x79,
  s64: 0x78,
  u64: 0x77,
  f32: 0x76,
  f64: 0x75,
  char: 0x74,
  string: 0x73,
  'error-context': 0x64,
};

type Defined = Exclude<Value, string> | NamedShape | ResourceShape;
/** Answers the index of a type that another is made of. */
export type IndexOf = (type: Defined) => number;

/** `functype` of the component model (Binary.md, "Type Definitions"). */
export function encodeFunc({ async, params, result }: FuncShape, indexOf: IndexOf): number[] {
  return [
    async ? 0x43 : 0x40,
    ...labelled(params, indexOf),
    ...(result === undefined ? [0x01, 0x00] : [0x00, ...encodeValue(result, indexOf)]),
  ];
}

/** `defvaltype` of the component model. */
export function encodeShape(shape: ValueShape, indexOf: IndexOf): number[] {
  const value = (type: Value): number[] => encodeValue(type, indexOf);
  switch (shape.kind) {
    case 'primitive':
      return [PRIMITIVE_BYTES[shape.type]];
    case 'record':
      return [0x72, ...labelled(shape.fields, indexOf)];
    case 'variant': {
      const cases = shape.cases.map(({ name, type }) => [
        ...text(name),
        ...optional(type, indexOf),
        0,
      ]);
      return [0x71, ...vector(cases)];
    }
    case 'list':
      return shape.length === undefined
        ? [0x70, ...value(shape.element)]
        : [0x67, ...value(shape.element), ...leb(shape.length)];
    case 'tuple':
      return [0x6f, ...vector(shape.types.map(value))];
    case 'flags':
      return [0x6e, ...vector(shape.names.map(text))];
    case 'enum':
      return [0x6d, ...vector(shape.names.map(text))];
    case 'option':
      return [0x6b, ...value(shape.type)];
    case 'result':
      return [0x6a, ...optional(shape.ok, indexOf), ...optional(shape.error, indexOf)];
    case 'own':
      return [0x69, ...leb(indexOf(shape.resource))];
    case 'borrow':
      return [0x68, ...leb(indexOf(shape.resource))];
    case 'stream':
      return [0x66, ...optional(shape.element, indexOf)];
    case 'future':
      return [0x65, ...optional(shape.element, indexOf)];
    case 'map':
      return [0x63, ...value(shape.key), ...value(shape.value)];
  }
}

function encodeValue(type: Value, indexOf: IndexOf): number[] {
  return typeof type === 'string' ? [PRIMITIVE_BYTES[type]] : signedIndex(indexOf(type));
}

function labelled(
  entries: readonly { readonly name: string; readonly type: Value }[],
  indexOf: IndexOf,
): number[] {
  return vector(entries.map(({ name, type }) => [...text(name), ...encodeValue(type, indexOf)]));
}

function optional(type: Value | undefined, indexOf: IndexOf): number[] {
  return type === undefined ? [0x00] : [0x01, ...encodeValue(type, indexOf)];
}

import type { PrimitiveType } from '../value-types.js';
import type { TypeBudget } from './budget.js';
import { unnamed, type Case, type Layout, type Value, type ValueShape } from './shapes.js';

/** Of a value in linear memory, in bytes (CanonicalABI.md, "Element Size"). */
const MAX_VALUE_SIZE = 2 ** 28;
const POINTER = 8;

const primitives: Readonly<Record<PrimitiveType, number>> = {
  ...{ bool: 1, s8: 1, u8: 1, s16: 2, u16: 2, s32: 4, u32: 4, s64: 8, u64: 8 },
  ...{ f32: 4, f64: 8, char: 4, string: 2 * POINTER, 'error-context': 4 },
};
const POINTERS: Layout = { size: 2 * POINTER, align: POINTER };
const HANDLE: Layout = { size: 4, align: 4 };

/** @throws WasmError `type-too-large` */
export function checkValueSize(shape: ValueShape, budget: TypeBudget): void {
  const { size } = layoutOf(shape, budget);
  if (size < MAX_VALUE_SIZE) return;
  budget.refuse('type-too-large', `a ${shape.kind} takes ${size} bytes, ${MAX_VALUE_SIZE} or more`);
}

function layoutOf(value: Value, budget: TypeBudget): Layout {
  if (typeof value === 'string') return primitive(value);
  const shape = unnamed(value) as ValueShape;
  const known = budget.layouts.get(shape);
  if (known !== undefined) return known;
  budget.spend(1);
  const layout = compute(shape, (part) => layoutOf(part, budget));
  budget.layouts.set(shape, layout);
  return layout;
}

function compute(shape: ValueShape, of: (value: Value) => Layout): Layout {
  switch (shape.kind) {
    case 'primitive':
      return primitive(shape.type);
    case 'record':
      return sequence(shape.fields.map(({ type }) => of(type)));
    case 'tuple':
      return sequence(shape.types.map(of));
    case 'list': {
      if (shape.length === undefined) return POINTERS;
      const { size, align } = of(shape.element);
      return { size: size * shape.length, align };
    }
    case 'map':
      return POINTERS;
    case 'flags': {
      const size = integerOf(shape.names.length, [8, 16]);
      return { size, align: size };
    }
    case 'enum':
      return cases(
        shape.names.map((name) => ({ name })),
        of,
      );
    case 'variant':
      return cases(shape.cases, of);
    case 'option':
      return cases([{ name: 'none' }, { name: 'some', type: shape.type }], of);
    case 'result': {
      const { ok, error } = shape;
      const labelled = [ok, error].map((type): Case => ({ name: '', ...(type && { type }) }));
      return cases(labelled, of);
    }
    case 'own':
    case 'borrow':
    case 'stream':
    case 'future':
      return HANDLE;
  }
}

function primitive(type: PrimitiveType): Layout {
  const size = primitives[type];
  return { size, align: Math.min(size, POINTER) };
}

function sequence(parts: readonly Layout[]): Layout {
  let [size, widest] = [0, 1];
  for (const part of parts) {
    size = aligned(size, part.align) + part.size;
    widest = Math.max(widest, part.align);
  }
  return { size: aligned(size, widest), align: widest };
}

function cases(all: readonly Case[], of: (value: Value) => Layout): Layout {
  const discriminant = integerOf(all.length, [2 ** 8, 2 ** 16]);
  let [size, align] = [0, 1];
  for (const { type } of all) {
    if (type === undefined) continue;
    const payload = of(type);
    size = Math.max(size, payload.size);
    align = Math.max(align, payload.align);
  }
  const widest = Math.max(align, discriminant);
  return { size: aligned(aligned(discriminant, align) + size, widest), align: widest };
}

/** Bytes of the integer that tells as many things apart. */
function integerOf(count: number, [byte, short]: readonly [number, number]): number {
  if (count <= byte) return 1;
  return count <= short ? 2 : 4;
}

function aligned(size: number, align: number): number {
  return Math.ceil(size / align) * align;
}

import type { CoreFuncType, CoreLimits, CoreShape, ModuleShape } from '@touchstone/wasm';
import { leb, text, vector } from './binary.js';

const VALUE_TYPES: Readonly<Record<string, readonly number[]>> = {
  ...{ i32: [0x7f], i64: [0x7e], f32: [0x7d], f64: [0x7c], v128: [0x7b] },
  ...{ funcref: [0x70], externref: [0x6f], anyref: [0x6e], eqref: [0x6d], i31ref: [0x6c] },
  ...{ structref: [0x6b], arrayref: [0x6a], exnref: [0x69], nullref: [0x71] },
  '(ref null func)': [0x63, 0x70],
  '(ref func)': [0x64, 0x70],
  '(ref null extern)': [0x63, 0x6f],
  '(ref extern)': [0x64, 0x6f],
};

/**
 * `core:moduletype` of the component model (Binary.md, "Type Definitions"); each type of a function
 * stands in it once. Undefined of a module that speaks of types it would have to define as GC does.
 */
export function encodeModule({ imports, exports }: ModuleShape): number[] | undefined {
  const writer = new ModuleTypeWriter();
  for (const { module, name, type } of imports) {
    writer.add([0x00, ...text(module), ...text(name)], type);
  }
  for (const [name, type] of exports) writer.add([0x03, ...text(name)], type);
  return writer.isWhole ? [0x50, ...vector(writer.declarations)] : undefined;
}

class ModuleTypeWriter {
  readonly declarations: number[][] = [];
  readonly #funcs = new Map<string, number>();
  isWhole = true;

  /** An import or export: what comes before its type, and that. */
  add(head: readonly number[], shape: CoreShape): void {
    const type = this.#externType(shape);
    this.declarations.push([...head, ...type]);
  }

  #externType(shape: CoreShape): number[] {
    switch (shape.kind) {
      case 'func':
        return [0x00, ...leb(this.#func(shape.type))];
      case 'table':
        return [0x01, ...this.#value(shape.element), ...limits(shape.limits)];
      case 'memory':
        return [0x02, ...limits(shape.limits)];
      case 'global':
        return [0x03, ...this.#value(shape.type), shape.mutable ? 1 : 0];
      case 'tag':
        return [0x04, 0x00, ...leb(this.#func(shape.type))];
    }
  }

  #func(type: CoreFuncType | string): number {
    const key = typeof type === 'string' ? type : JSON.stringify(type);
    const known = this.#funcs.get(key);
    if (known !== undefined) return known;
    const { params = [], results = [] } = typeof type === 'string' ? {} : type;
    if (typeof type === 'string') this.isWhole = false;
    const values = (types: readonly string[]): number[] =>
      vector(types.map((each) => this.#value(each)));
    this.declarations.push([0x01, 0x60, ...values(params), ...values(results)]);
    const index = this.#funcs.size;
    this.#funcs.set(key, index);
    return index;
  }

  #value(type: string): number[] {
    const bytes = VALUE_TYPES[type];
    if (bytes === undefined) this.isWhole = false;
    return [...(bytes ?? [])];
  }
}

function limits({ minimum, maximum, shared, index, pageSizeLog2 }: CoreLimits): number[] {
  const flags =
    (maximum === undefined ? 0 : 0x01) |
    (shared ? 0x02 : 0) |
    (index === 'i64' ? 0x04 : 0) |
    (pageSizeLog2 === undefined ? 0 : 0x08);
  return [
    flags,
    ...wideLeb(BigInt(minimum)),
    ...(maximum === undefined ? [] : wideLeb(BigInt(maximum))),
    ...(pageSizeLog2 === undefined ? [] : leb(pageSizeLog2)),
  ];
}

function wideLeb(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80n) {
    bytes.push(Number(rest & 0x7fn) | 0x80);
    rest >>= 7n;
  }
  return [...bytes, Number(rest)];
}

import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** Hand assembly of modules for the tests. Bytes are given as arrays, text as UTF-8. */
export type Bytes = readonly number[] | Uint8Array;

export const preamble = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];

export function join(...parts: Bytes[]): Uint8Array {
  return concatBytes(...parts.map((part) => Uint8Array.from(part)));
}

export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** The same integer in five bytes, as a linker that fills in sizes afterwards writes it. */
export function paddedLeb(value: number): number[] {
  const groups = [0, 7, 14, 21].map((shift) => ((value >>> shift) & 0x7f) | 0x80);
  return [...groups, value >>> 28];
}

export function text(value: string): Uint8Array {
  const bytes = utf8ToBytes(value);
  return join(leb(bytes.length), bytes);
}

export function vector(items: readonly Bytes[]): Uint8Array {
  return join(leb(items.length), ...items);
}

export function section(id: number, ...body: Bytes[]): Uint8Array {
  const bytes = join(...body);
  return join([id], leb(bytes.length), bytes);
}

export function custom(name: string, ...body: Bytes[]): Uint8Array {
  return section(0, text(name), ...body);
}

export function module(...sections: Bytes[]): Uint8Array {
  return join(preamble, ...sections);
}

export interface FunctionsOptions {
  /** Bodies with locals and `end`, without their size. */
  bodies: readonly Bytes[];
  importedFunctions?: number;
  /** By position among the bodies. */
  names?: readonly string[];
  before?: readonly Bytes[];
  after?: readonly Bytes[];
}

/** A module of functions of type () → (). */
export function moduleOfFunctions(options: FunctionsOptions): Uint8Array {
  const { bodies, importedFunctions = 0, names, before = [], after = [] } = options;
  const imports = Array.from({ length: importedFunctions }, (_, index) =>
    join(text('env'), text(`f${index}`), [0x00, 0x00]),
  );
  return module(
    ...before,
    section(1, vector([[0x60, 0x00, 0x00]])),
    ...(importedFunctions > 0 ? [section(2, vector(imports))] : []),
    section(3, vector(bodies.map(() => [0x00]))),
    section(10, vector(bodies.map((body) => join(leb(body.length), body)))),
    ...after,
    ...(names === undefined ? [] : [nameSection(names, importedFunctions)]),
  );
}

export function nameSection(names: readonly string[], firstIndex = 0): Uint8Array {
  const map = vector(names.map((name, index) => join(leb(firstIndex + index), text(name))));
  return custom('name', [0x01], leb(map.length), map);
}

/** A body that pushes a constant of one LEB128 byte and drops it, `times` over. */
export function body(constant: number, times = 1): number[] {
  const once = [0x41, constant & 0x3f, 0x1a];
  return [0x00, ...Array.from({ length: times }, () => once).flat(), 0x0b];
}

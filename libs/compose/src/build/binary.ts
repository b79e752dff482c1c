import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';
import type { ExternName, Sort } from '@touchstone/wasm';

/** Writing the binary format of the component model (Binary.md). */

/** What passes between components: the sorts that arguments, aliases and exports may have. */
export type PassedSort = Extract<Sort, 'core module' | 'func' | 'type' | 'component' | 'instance'>;

const SORT_BYTES: Readonly<Record<PassedSort, readonly number[]>> = {
  'core module': [0x00, 0x11],
  func: [0x01],
  type: [0x03],
  component: [0x04],
  instance: [0x05],
};

const PREAMBLE = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/** The shortest LEB128 of an unsigned integer of at most 32 bits. */
export function leb(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

/** An index where a type may stand, `s33`: as signed, so its highest bit must be clear. */
export function signedIndex(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x40) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  return [...bytes, rest];
}

export function text(value: string): number[] {
  const bytes = utf8ToBytes(value);
  return [...leb(bytes.length), ...bytes];
}

export function vector(items: readonly (readonly number[])[]): number[] {
  return [...leb(items.length), ...items.flat()];
}

/** `importname` and `exportname`, with what is said beside the name. */
export function externName(name: string, beside?: Omit<ExternName, 'name'>): number[] {
  const { implements: id, versionSuffix, externalId } = beside ?? {};
  const attributes = [id, versionSuffix, externalId].flatMap((value, kind) =>
    value === undefined ? [] : [[kind, ...text(value)]],
  );
  if (attributes.length === 0) return [0x00, ...text(name)];
  return [0x02, ...text(name), ...vector(attributes)];
}

export const reference = (sort: PassedSort, index: number): number[] => [
  ...SORT_BYTES[sort],
  ...leb(index),
];

/** `externdesc` of anything but a type, by its type. */
export const described = (sort: Exclude<PassedSort, 'type'>, type: number): number[] =>
  reference(sort, type);
export const typeEquals = (type: number): number[] => [0x03, 0x00, ...leb(type)];
export const SUB_RESOURCE: readonly number[] = [0x03, 0x01];

export const aliasOfExport = (sort: PassedSort, instance: number, name: string): number[] => [
  ...SORT_BYTES[sort],
  0x00,
  ...leb(instance),
  ...text(name),
];
/** Of a type one scope further out. */
export const aliasOfOuterType = (index: number): number[] => [
  ...SORT_BYTES.type,
  0x02,
  0x01,
  ...leb(index),
];

export interface Argument {
  readonly name: string;
  readonly sort: PassedSort;
  readonly index: number;
}

export function instantiation(component: number, args: readonly Argument[]): number[] {
  const items = args.map(({ name, sort, index }) => [...text(name), ...reference(sort, index)]);
  return [0x00, ...leb(component), ...vector(items)];
}

const SECTION_IDS = {
  'core type': 3,
  instance: 5,
  alias: 6,
  type: 7,
  import: 10,
  export: 11,
} as const;
type SectionName = keyof typeof SECTION_IDS;

/** A component section by section; definitions of one kind that follow each other share one. */
export class ComponentWriter {
  readonly #parts: Uint8Array[] = [Uint8Array.from(PREAMBLE)];
  #open: { readonly name: SectionName; readonly items: (readonly number[])[] } | undefined;

  define(name: SectionName, item: readonly number[]): void {
    if (this.#open?.name !== name) this.#close();
    this.#open ??= { name, items: [] };
    this.#open.items.push(item);
  }

  /** A component nested in this one, as it is. */
  nest(bytes: Uint8Array): void {
    this.#close();
    this.#parts.push(Uint8Array.from([0x04, ...leb(bytes.length)]), bytes);
  }

  finish(): Uint8Array {
    this.#close();
    return concatBytes(...this.#parts);
  }

  #close(): void {
    if (this.#open === undefined) return;
    const { name, items } = this.#open;
    this.#open = undefined;
    const body = vector(items);
    this.#parts.push(Uint8Array.from([SECTION_IDS[name], ...leb(body.length)]));
    this.#parts.push(Uint8Array.from(body));
  }
}

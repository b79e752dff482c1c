import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';

/** What an index counts: each sort has an index space of its own in every component. */
export const SORTS = [
  'core func',
  'core table',
  'core memory',
  'core global',
  'core tag',
  'core type',
  'core module',
  'core instance',
  'func',
  'value',
  'type',
  'component',
  'instance',
] as const;

export type Sort = (typeof SORTS)[number];
export type CoreSort = Extract<Sort, `core ${string}`>;

/** A reference to a definition. */
export interface SortIndex {
  sort: Sort;
  index: number;
}

const coreSorts: ReadonlyMap<number, CoreSort> = new Map([
  [0x00, 'core func'],
  [0x01, 'core table'],
  [0x02, 'core memory'],
  [0x03, 'core global'],
  [0x04, 'core tag'],
  [0x10, 'core type'],
  [0x11, 'core module'],
  [0x12, 'core instance'],
]);

const componentSorts: ReadonlyMap<number, Sort> = new Map([
  [0x01, 'func'],
  [0x02, 'value'],
  [0x03, 'type'],
  [0x04, 'component'],
  [0x05, 'instance'],
]);

/** `core:sort` of the component binary format. */
export function readCoreSort(cursor: Cursor): CoreSort {
  const start = cursor.offset;
  const byte = cursor.u8('a core sort');
  return coreSorts.get(byte) ?? refuseSort(start, byte);
}

/** `sort` of the component binary format. */
export function readSort(cursor: Cursor): Sort {
  const start = cursor.offset;
  const byte = cursor.u8('a sort');
  if (byte === 0x00) return readCoreSort(cursor);
  return componentSorts.get(byte) ?? refuseSort(start, byte);
}

function refuseSort(offset: number, byte: number): never {
  const message = `0x${byte.toString(16)} is no sort of definition`;
  throw new WasmError('definition-malformed', offset, message);
}

import { alignEntries, type Alignment } from './align.js';
import { InstructionDecoder } from './instructions/decode.js';
import { shapeOf, type Shape } from './instructions/fingerprint.js';
import type { Span, WasmModule } from './module.js';
import { readFunctionNames } from './names.js';

export interface Entry extends Span {
  index: number;
}

/** The functions or data segments of one side. */
export interface EntriesOfSide {
  module: WasmModule;
  section: 'code' | 'data';
  entries: readonly Entry[];
  names: ReadonlyMap<number, string> | undefined;
}

/** Both sides' entries, and which goes with which. */
export interface Pairing {
  claimed: EntriesOfSide;
  observed: EntriesOfSide;
  alignment: Alignment;
}

interface ListOfSide {
  module: WasmModule;
  entries: readonly Entry[];
}

export function pairFunctions(left: ListOfSide, right: ListOfSide): Pairing {
  const side = ({ module, entries }: ListOfSide): EntriesOfSide => ({
    ...{ module, entries, section: 'code' },
    names: readFunctionNames(module),
  });
  const [claimed, observed] = [side(left), side(right)];
  const alignment = alignEntries(
    { ...listOf(claimed), shapeOf: shapes(claimed) },
    { ...listOf(observed), shapeOf: shapes(observed) },
  );
  return { claimed, observed, alignment };
}

export function pairSegments(left: ListOfSide, right: ListOfSide): Pairing {
  const side = ({ module, entries }: ListOfSide): EntriesOfSide => ({
    ...{ module, entries, section: 'data', names: undefined },
  });
  const [claimed, observed] = [side(left), side(right)];
  return { claimed, observed, alignment: alignEntries(listOf(claimed), listOf(observed)) };
}

function listOf({ module, entries, names }: EntriesOfSide): {
  bytes: Uint8Array;
  spans: readonly Entry[];
  nameOf?: (position: number) => string | undefined;
} {
  const list = { bytes: module.bytes, spans: entries };
  if (names === undefined || names.size === 0) return list;
  return { ...list, nameOf: (position) => names.get(entries[position]?.index ?? -1) };
}

/** Read when first asked for: most functions are paired by their bytes and never decoded. */
function shapes({ module, entries }: EntriesOfSide): (position: number) => Shape | undefined {
  const decoder = new InstructionDecoder(module.bytes);
  const known = new Map<number, Shape | undefined>();
  return (position) => {
    if (known.has(position)) return known.get(position);
    const entry = entries[position];
    const readable = entry !== undefined && decoder.body(entry);
    const shape = readable ? shapeOf(decoder.tokens) : undefined;
    known.set(position, shape);
    return shape;
  };
}

import { alignEntries } from '../align.js';
import { WasmError } from '../errors.js';
import { readImports, type ImportKind } from '../imports.js';
import { TOKEN } from '../instructions/tokens.js';
import type { Span, WasmModule } from '../module.js';
import type { Pairing } from '../pairing.js';
import { samePiece } from '../ranges.js';
import { readGlobalSpans, readTypeSpans } from '../sections.js';
import { AddressMap } from './addresses.js';

/** Which index of the observed module names what an index of the claimed one names. */
export class Correspondence {
  readonly #functions: Map<number, number>;
  readonly #globals: Map<number, number>;
  #data: Map<number, number> | undefined;
  #addresses: AddressMap | undefined;
  readonly #types: readonly [Span[], Span[]];

  constructor(
    private readonly left: WasmModule,
    private readonly right: WasmModule,
    functions: Pairing,
    private readonly segments: Pairing | undefined,
  ) {
    this.#functions = importsOf(left, right, 'function');
    addPairs(this.#functions, functions);
    this.#globals = importsOf(left, right, 'global');
    this.#pairGlobals();
    this.#types = [spansOrNone(left, readTypeSpans), spansOrNone(right, readTypeSpans)];
  }

  /** Of tokens that name by index; `a` and `b` differ. */
  same(kind: number, a: number, b: number): boolean {
    switch (kind) {
      case TOKEN.function:
        return this.#functions.get(a) === b;
      case TOKEN.global:
        return this.#globals.get(a) === b;
      case TOKEN.data:
        return this.#segmentOf(a) === b;
      case TOKEN.type:
        return this.#sameType(a, b);
      default:
        return false;
    }
  }

  /** Made when first asked for, as there may be a hundred thousand segments. */
  get addresses(): AddressMap {
    this.#addresses ??= new AddressMap(this.left.bytes, this.right.bytes, this.segments);
    return this.#addresses;
  }

  #segmentOf(a: number): number | undefined {
    if (this.#data === undefined) {
      this.#data = new Map();
      if (this.segments !== undefined) addPairs(this.#data, this.segments);
    }
    return this.#data.get(a);
  }

  /** Of function indices: the partner's, if there is one. */
  functionOf(a: number): number | undefined {
    return this.#functions.get(a);
  }

  #sameType(a: number, b: number): boolean {
    const [x, y] = [this.#types[0][a], this.#types[1][b]];
    if (x === undefined || y === undefined) return false;
    return samePiece({ bytes: this.left.bytes, ...x }, { bytes: this.right.bytes, ...y });
  }

  #pairGlobals(): void {
    const { left, right } = this;
    const [as, bs] = [spansOrNone(left, readGlobalSpans), spansOrNone(right, readGlobalSpans)];
    const [aFirst, bFirst] = [left, right].map((module) => imported(module, 'global').length);
    const { claimed } = alignEntries(
      { bytes: left.bytes, spans: as },
      { bytes: right.bytes, spans: bs },
    );
    for (const [position, partner] of claimed.entries())
      if (partner !== -1) this.#globals.set((aFirst ?? 0) + position, (bFirst ?? 0) + partner);
  }
}

function addPairs(map: Map<number, number>, { claimed, observed, alignment }: Pairing): void {
  for (let position = 0; position < alignment.claimed.length; position += 1) {
    const a = claimed.entries[position];
    const b = observed.entries[alignment.claimed[position] ?? -1];
    if (a !== undefined && b !== undefined) map.set(a.index, b.index);
  }
}

/** Imports of the same name, the first of them with the first. */
function importsOf(left: WasmModule, right: WasmModule, kind: ImportKind): Map<number, number> {
  const waiting = new Map<string, number[]>();
  for (const [index, name] of imported(right, kind).entries()) {
    const indices = waiting.get(name);
    if (indices === undefined) waiting.set(name, [index]);
    else indices.push(index);
  }
  for (const indices of waiting.values()) indices.reverse();
  const map = new Map<number, number>();
  for (const [index, name] of imported(left, kind).entries()) {
    const partner = waiting.get(name)?.pop();
    if (partner !== undefined) map.set(index, partner);
  }
  return map;
}

function imported(module: WasmModule, kind: ImportKind): string[] {
  return orNone(() => readImports(module))
    .filter((each) => each.kind === kind)
    .map(({ module: from, name }) => JSON.stringify([from, name]));
}

function spansOrNone(module: WasmModule, read: (module: WasmModule) => Span[]): Span[] {
  return orNone(() => read(module));
}

/** What cannot be read corresponds to nothing. */
function orNone<T>(read: () => T[]): T[] {
  try {
    return read();
  } catch (error) {
    if (error instanceof WasmError) return [];
    throw error;
  }
}

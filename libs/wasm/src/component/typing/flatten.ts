import type { CoreFuncType } from '../core-types.js';
import type { TypeBudget } from './budget.js';
import { bareValue, type FuncShape, type Value } from './shapes.js';

/** `MAX_FLAT_PARAMS`, `MAX_FLAT_ASYNC_PARAMS` and `MAX_FLAT_RESULTS` of the canonical ABI. */
const MAX_PARAMS = 16;
const MAX_ASYNC_PARAMS = 4;
const MAX_RESULTS = 1;

export interface FlatFunc {
  readonly type: CoreFuncType;
  /** Strings, lists, or more values than are passed flat: linear memory is needed. */
  readonly needsMemory: boolean;
  /** Something is written into the memory of the core side, which must be asked for room. */
  readonly needsRealloc: boolean;
}

/** What addresses a memory: of a 64-bit one, i64. */
export type Pointer = 'i32' | 'i64';

interface FlatOptions {
  readonly operation: 'lift' | 'lower';
  readonly async: boolean;
  readonly callback: boolean;
  readonly pointer: Pointer;
}

/** The core type of a function that is lifted or lowered (CanonicalABI.md, "Flattening"). */
export function flattenFunc(
  { params, result }: FuncShape,
  { operation, pointer, ...options }: FlatOptions,
  budget: TypeBudget,
): FlatFunc {
  const isLift = operation === 'lift';
  const limit = options.async && !isLift ? MAX_ASYNC_PARAMS : MAX_PARAMS;
  const flatParams = new Flat(limit, pointer, budget);
  for (const { type } of params) flatParams.add(type);
  // An async function that is lifted gives its result by `task.return`, as parameters.
  const flatResult = new Flat(options.async ? MAX_PARAMS : MAX_RESULTS, pointer, budget);
  if (result !== undefined) flatResult.add(result);
  const core = flatParams.isOver ? [pointer] : [...flatParams.types];
  const type = (coreParams: string[], results: string[]): CoreFuncType => {
    return { kind: 'func', params: coreParams, results };
  };
  const needsMemory =
    flatParams.pointers ||
    flatParams.isOver ||
    flatResult.pointers ||
    (flatResult.isOver && (isLift || !options.async));
  const writesParams = flatParams.pointers || flatParams.isOver;
  const flat = { needsMemory, needsRealloc: isLift ? writesParams : flatResult.pointers };
  if (options.async && isLift) {
    return { ...flat, type: type(core, options.callback ? ['i32'] : []) };
  }
  if (options.async) {
    const isReturning = result !== undefined;
    const memory = { needsMemory: needsMemory || isReturning };
    return { ...flat, ...memory, type: type(isReturning ? [...core, pointer] : core, ['i32']) };
  }
  if (!flatResult.isOver) return { ...flat, type: type(core, [...flatResult.types]) };
  return { ...flat, type: isLift ? type(core, [pointer]) : type([...core, pointer], []) };
}

/** What `task.return` takes. */
export function flattenResult(
  result: Value | undefined,
  pointer: Pointer,
  budget: TypeBudget,
): CoreFuncType {
  const flat = new Flat(MAX_PARAMS, pointer, budget);
  if (result !== undefined) flat.add(result);
  return { kind: 'func', params: flat.isOver ? [pointer] : [...flat.types], results: [] };
}

/** Whether a value of the type points into linear memory. */
export function hasPointers(value: Value, budget: TypeBudget): boolean {
  const flat = new Flat(MAX_PARAMS, 'i32', budget);
  flat.add(value);
  return flat.pointers;
}

/** Core types as they are passed side by side, as long as there are not too many. */
class Flat {
  readonly types: string[] = [];
  pointers = false;

  constructor(
    private readonly limit: number,
    private readonly pointer: Pointer,
    private readonly budget: TypeBudget,
  ) {}

  get isOver(): boolean {
    return this.types.length > this.limit;
  }

  add(value: Value): void {
    this.budget.spend(1);
    const bare = bareValue(value);
    if (typeof bare === 'string') {
      if (bare === 'string') this.#addPointer();
      else this.#push(primitives[bare] ?? 'i32');
      return;
    }
    switch (bare.kind) {
      case 'record':
        for (const { type } of bare.fields) this.add(type);
        break;
      case 'tuple':
        for (const type of bare.types) this.add(type);
        break;
      case 'list':
        if (bare.length === undefined) this.#addPointer();
        else this.#addRepeated(bare.element, bare.length);
        break;
      case 'map':
        this.#addPointer();
        break;
      case 'variant':
        this.#addCases(bare.cases.map(({ type }) => type));
        break;
      case 'option':
        this.#addCases([bare.type]);
        break;
      case 'result':
        this.#addCases([bare.ok, bare.error]);
        break;
      default:
        this.#push('i32');
    }
  }

  #push(type: string): void {
    if (!this.isOver) this.types.push(type);
  }

  #addPointer(): void {
    this.pointers = true;
    this.#push(this.pointer);
    this.#push(this.pointer);
  }

  /** Once more than the limit stand there, further ones change nothing. */
  #addRepeated(element: Value, length: number): void {
    const before = this.types.length;
    for (let at = 0; at < length && !this.isOver; at += 1) {
      this.add(element);
      if (this.types.length === before) return;
    }
  }

  #addCases(cases: readonly (Value | undefined)[]): void {
    this.#push('i32');
    const joined: string[] = [];
    for (const type of cases) {
      if (type === undefined) continue;
      const flat = new Flat(this.limit, this.pointer, this.budget);
      flat.add(type);
      this.pointers ||= flat.pointers;
      for (const [at, each] of flat.types.entries()) joined[at] = join(joined[at], each);
    }
    for (const each of joined) this.#push(each);
  }
}

const primitives: Readonly<Record<string, string>> = {
  ...{ s64: 'i64', u64: 'i64', f32: 'f32', f64: 'f64' },
};

function join(a: string | undefined, b: string): string {
  if (a === undefined || a === b) return b;
  const narrow = ['i32', 'f32'];
  return narrow.includes(a) && narrow.includes(b) ? 'i32' : 'i64';
}

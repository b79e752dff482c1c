import type { Canon, CanonOption } from '../canon.js';
import type { CoreFuncType } from '../core-types.js';
import { builtin, checkThreadStart } from './builtins.js';
import { compareCores } from './compare-cores.js';
import { flattenFunc, flattenResult, hasPointers, type Pointer } from './flatten.js';
import type { CoreSpaces } from './core-spaces.js';
import type { TypeScope } from './scope.js';
import type { CoreShape, FuncShape } from './shapes.js';

type Made =
  | { readonly sort: 'func'; readonly type: FuncShape }
  /** Undefined where the core type is not worked out: built-ins of 64-bit memories, shared threads. */
  | { readonly sort: 'core func'; readonly type: CoreShape | undefined };

/** What a canonical definition makes, its operands held against each other (Explainer.md, "Canonical Definitions"). */
export function typeCanon(canon: Canon, scope: TypeScope, core: CoreSpaces): Made {
  const options = new Options(canon, scope, core);
  switch (canon.operation) {
    case 'lift': {
      const type = scope.typeOf(canon.type ?? 0, 'func');
      options.checkLift(type, core.func[canon.coreFunc ?? 0]);
      return { sort: 'func', type };
    }
    case 'lower': {
      const type = scope.at(scope.funcs, canon.func ?? 0, 'func');
      return { sort: 'core func', type: options.lowered(type) };
    }
    case 'task.return': {
      const result = canon.result === undefined ? undefined : scope.value(canon.result);
      const type = flattenResult(result, options.pointer, scope.budget);
      options.refuseAll(['async', 'callback', 'post-return', 'realloc']);
      return { sort: 'core func', type: { kind: 'func', type } };
    }
    case 'resource.new':
    case 'resource.rep': {
      const rep = [localRepresentation(canon, scope)];
      const isNew = canon.operation === 'resource.new';
      const type = isNew ? func(rep, ['i32']) : func(['i32'], rep);
      return { sort: 'core func', type: { kind: 'func', type } };
    }
    case 'context.get':
    case 'context.set': {
      const { valueType = 'i32' } = canon;
      if (valueType !== 'i32' && valueType !== 'i64') {
        scope.budget.refuse('type-mismatch', `a context holds no ${valueType}`);
      }
      core.context ??= valueType;
      if (core.context !== valueType) {
        const message = `a context holds ${valueType}, where an earlier one holds ${core.context}`;
        scope.budget.refuse('type-mismatch', message);
      }
      const types = [valueType];
      const isGet = canon.operation === 'context.get';
      const type = func(isGet ? [] : types, isGet ? types : []);
      return { sort: 'core func', type: { kind: 'func', type } };
    }
    case 'thread.new-indirect':
      checkThreadStart(canon, scope, core);
      return { sort: 'core func', type: builtin(canon.operation) };
    default:
      options.checkSubject();
      return { sort: 'core func', type: options.isWide ? undefined : builtin(canon.operation) };
  }
}

/** Only the component that defines a resource sees what represents it. */
function localRepresentation({ operation, type = 0 }: Canon, scope: TypeScope): string {
  const { representation, owner } = scope.typeOf(type, 'resource');
  if (representation !== undefined && owner === scope.owners.export) return representation;
  const message = `${operation} of a resource that is not defined here`;
  return scope.budget.refuse('type-mismatch', message);
}

function func(params: string[], results: string[]): CoreFuncType {
  return { kind: 'func', params, results };
}

/** The options of one canonical definition, and what they must fit. */
class Options {
  readonly isWide: boolean;
  readonly #index: ReadonlyMap<CanonOption['kind'], number | undefined>;

  constructor(
    private readonly canon: Canon,
    private readonly scope: TypeScope,
    private readonly core: CoreSpaces,
  ) {
    this.#index = new Map(
      (canon.options ?? []).map((each) => [each.kind, 'index' in each ? each.index : undefined]),
    );
    const memory = core.memory[this.#index.get('memory') ?? canon.coreMemory ?? -1];
    this.isWide = memory?.kind === 'memory' && memory.limits.index === 'i64';
    if (this.#index.has('realloc') && memory === undefined)
      this.#refuse('has a realloc and no memory');
    if (memory?.kind === 'memory' && memory.limits.shared) this.#refuse('has a shared memory');
    const { pointer } = this;
    this.#expect('realloc', func([pointer, pointer, pointer, pointer], [pointer]));
  }

  /** What addresses the memory. */
  get pointer(): Pointer {
    return this.isWide ? 'i64' : 'i32';
  }

  /** What streams, futures and resources work on. */
  checkSubject(): void {
    const { operation, type = 0 } = this.canon;
    const { scope } = this;
    const [family, verb] = operation.split('.');
    if (family === 'resource') scope.typeOf(type, 'resource');
    if (family !== 'stream' && family !== 'future') return;
    const { element } = scope.typeOf(type, family);
    if ((verb !== 'read' && verb !== 'write') || element === undefined) return;
    const needsRealloc = verb === 'read' && hasPointers(element, scope.budget);
    this.#require({ needsMemory: true, needsRealloc });
  }

  refuseAll(options: readonly CanonOption['kind'][]): void {
    for (const option of options) if (this.#index.has(option)) this.#refuse(`cannot be ${option}`);
  }

  checkLift(type: FuncShape, lifted: CoreShape | undefined): void {
    const isAsync = this.#index.has('async');
    const callback = this.#index.has('callback');
    if (callback && !isAsync) this.#refuse('has a callback and is not async');
    if (isAsync && !type.async) this.#refuse('is async, of a function that is not');
    if (isAsync && this.#index.has('post-return')) this.#refuse('is async and has a post-return');
    const abi = { operation: 'lift', async: isAsync, callback, pointer: this.pointer } as const;
    const flat = flattenFunc(type, abi, this.scope.budget);
    this.#require(flat);
    this.#match('the lifted function', lifted, flat.type);
    this.#expect('post-return', func(flat.type.results, []));
    this.#expect('callback', func(['i32', 'i32', 'i32'], ['i32']));
  }

  lowered(type: FuncShape): CoreShape | undefined {
    this.refuseAll(['post-return', 'callback']);
    if (this.#index.has('async') && !type.async) {
      this.#refuse('is async, of a function that is not');
    }
    const isAsync = this.#index.has('async');
    const abi = {
      operation: 'lower',
      async: isAsync,
      callback: false,
      pointer: this.pointer,
    } as const;
    const flat = flattenFunc(type, abi, this.scope.budget);
    this.#require(flat);
    return { kind: 'func', type: flat.type };
  }

  #require({ needsMemory, needsRealloc }: { needsMemory: boolean; needsRealloc: boolean }): void {
    if (needsMemory && !this.#index.has('memory')) this.#refuse('needs a memory');
    if (needsRealloc && !this.#index.has('realloc')) this.#refuse('needs a realloc');
  }

  #expect(option: 'realloc' | 'post-return' | 'callback', type: CoreFuncType): void {
    const index = this.#index.get(option);
    if (index !== undefined) this.#match(`its ${option}`, this.core.func[index], type);
  }

  #match(what: string, actual: CoreShape | undefined, type: CoreFuncType): void {
    if (actual === undefined) return;
    const mismatch = compareCores(actual, { kind: 'func', type }, this.scope.budget);
    if (mismatch === undefined) return;
    const { provided, required } = mismatch;
    this.#refuse(`has for ${what} ${provided}, where ${required} is needed`);
  }

  #refuse(message: string): never {
    return this.scope.budget.refuse('type-mismatch', `canon ${this.canon.operation} ${message}`);
  }
}

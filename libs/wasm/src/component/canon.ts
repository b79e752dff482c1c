import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import { readCoreValueType, readFlag, type CoreValueType } from './core-types.js';
import type { Scope } from './scope.js';
import { readResult } from './types.js';
import { readList, type ValueType } from './value-types.js';

/** Of what `context.get` and `context.set` reach (component model, CanonicalABI.md). */
const MAX_CONTEXT_SLOT = 1;

export type CanonOption =
  | { kind: 'utf8' | 'utf16' | 'latin1+utf16' | 'async' }
  | { kind: 'memory' | 'realloc' | 'post-return' | 'callback'; index: number };

/** What a canonical function is made with; which of these there are follows from its operation. */
export interface CanonOperands {
  coreFunc?: number;
  func?: number;
  type?: number;
  coreType?: number;
  coreTable?: number;
  coreMemory?: number;
  options?: CanonOption[];
  async?: boolean;
  cancellable?: boolean;
  shared?: boolean;
  /** Absent as well when there is no result. */
  result?: ValueType;
  valueType?: CoreValueType;
  slot?: number;
}

export interface Canon extends CanonOperands {
  kind: 'canon';
  /** In the text format's words: `lift`, `lower`, `resource.drop`, `stream.read`. */
  operation: string;
}

type Operand = keyof CanonOperands;

const operations: ReadonlyMap<number, readonly [string, ...Operand[]]> = new Map<
  number,
  readonly [string, ...Operand[]]
>([
  [0x00, ['lift', 'coreFunc', 'options', 'type']],
  [0x01, ['lower', 'func', 'options']],
  [0x02, ['resource.new', 'type']],
  [0x03, ['resource.drop', 'type']],
  [0x04, ['resource.rep', 'type']],
  [0x05, ['task.cancel']],
  [0x06, ['subtask.cancel', 'async']],
  [0x09, ['task.return', 'result', 'options']],
  [0x0a, ['context.get', 'valueType', 'slot']],
  [0x0b, ['context.set', 'valueType', 'slot']],
  [0x0c, ['thread.yield', 'cancellable']],
  [0x0d, ['subtask.drop']],
  [0x0e, ['stream.new', 'type']],
  [0x0f, ['stream.read', 'type', 'options']],
  [0x10, ['stream.write', 'type', 'options']],
  [0x11, ['stream.cancel-read', 'type', 'async']],
  [0x12, ['stream.cancel-write', 'type', 'async']],
  [0x13, ['stream.drop-readable', 'type']],
  [0x14, ['stream.drop-writable', 'type']],
  [0x15, ['future.new', 'type']],
  [0x16, ['future.read', 'type', 'options']],
  [0x17, ['future.write', 'type', 'options']],
  [0x18, ['future.cancel-read', 'type', 'async']],
  [0x19, ['future.cancel-write', 'type', 'async']],
  [0x1a, ['future.drop-readable', 'type']],
  [0x1b, ['future.drop-writable', 'type']],
  [0x1c, ['error-context.new', 'options']],
  [0x1d, ['error-context.debug-message', 'options']],
  [0x1e, ['error-context.drop']],
  [0x1f, ['waitable-set.new']],
  [0x20, ['waitable-set.wait', 'cancellable', 'coreMemory']],
  [0x21, ['waitable-set.poll', 'cancellable', 'coreMemory']],
  [0x22, ['waitable-set.drop']],
  [0x23, ['waitable.join']],
  [0x24, ['backpressure.inc']],
  [0x25, ['backpressure.dec']],
  [0x26, ['thread.index']],
  [0x27, ['thread.new-indirect', 'coreType', 'coreTable']],
  [0x28, ['thread.resume-later']],
  [0x29, ['thread.suspend', 'cancellable']],
  [0x2a, ['thread.suspend-then-resume', 'cancellable']],
  [0x2b, ['thread.yield-then-resume', 'cancellable']],
  [0x2c, ['thread.suspend-then-promote', 'cancellable']],
  [0x2d, ['thread.yield-then-promote', 'cancellable']],
  [0x40, ['thread.spawn-ref', 'shared', 'coreType']],
  [0x41, ['thread.spawn-indirect', 'shared', 'coreType', 'coreTable']],
  [0x42, ['thread.available-parallelism', 'shared']],
]);

/** Reads a canonical function and defines it: `lift` makes a func, all others a core func. */
export function readCanon(cursor: Cursor, scope: Scope): Canon {
  const start = cursor.offset;
  const opcode = cursor.u8('a canonical function');
  const [operation, ...operands] = operations.get(opcode) ?? [];
  if (operation === undefined) {
    refuse(start, `0x${opcode.toString(16)} is no canonical function`);
  }
  if (opcode <= 0x01 && cursor.u8('the sort of a canonical function') !== 0x00) {
    refuse(start, `${operation} is of a sort other than func`);
  }
  const canon: Canon = { kind: 'canon', operation };
  for (const operand of operands) readOperand(cursor, scope, operand, canon);
  scope.define(opcode === 0x00 ? 'func' : 'core func');
  return canon;
}

function readOperand(cursor: Cursor, scope: Scope, operand: Operand, into: CanonOperands): void {
  switch (operand) {
    case 'coreFunc':
      into.coreFunc = scope.index(cursor, 'core func');
      break;
    case 'func':
      into.func = scope.index(cursor, 'func');
      break;
    case 'type':
      into.type = scope.index(cursor, 'type');
      break;
    case 'coreType':
      into.coreType = scope.index(cursor, 'core type');
      break;
    case 'coreTable':
      into.coreTable = scope.index(cursor, 'core table');
      break;
    case 'coreMemory':
      into.coreMemory = scope.index(cursor, 'core memory');
      break;
    case 'options':
      into.options = readOptions(cursor, scope);
      break;
    case 'async':
    case 'cancellable':
    case 'shared':
      into[operand] = readFlag(cursor, 'a mark of a canonical function');
      break;
    case 'result': {
      const result = readResult(cursor, scope);
      if (result !== undefined) into.result = result;
      break;
    }
    case 'valueType':
      into.valueType = readCoreValueType(cursor);
      break;
    case 'slot': {
      const start = cursor.offset;
      into.slot = cursor.u32('the slot of a context');
      if (into.slot > MAX_CONTEXT_SLOT) {
        const message = `a context has the slots 0 and 1, not ${into.slot}`;
        throw new WasmError('definition-malformed', start, message);
      }
    }
  }
}

function readOptions(cursor: Cursor, scope: Scope): CanonOption[] {
  const seen = new Set<string>();
  return readList(cursor, scope, 'the number of canonical options', 1, () => {
    const start = cursor.offset;
    const option = readOption(cursor, scope);
    const isEncoding = option.kind.includes('utf');
    const key = isEncoding ? 'string encoding' : option.kind;
    if (seen.has(key)) refuse(start, `a second canonical option ${key}`);
    seen.add(key);
    return option;
  });
}

function readOption(cursor: Cursor, scope: Scope): CanonOption {
  const start = cursor.offset;
  const code = cursor.u8('a canonical option');
  switch (code) {
    case 0x00:
      return { kind: 'utf8' };
    case 0x01:
      return { kind: 'utf16' };
    case 0x02:
      return { kind: 'latin1+utf16' };
    case 0x03:
      return { kind: 'memory', index: scope.index(cursor, 'core memory') };
    case 0x04:
      return { kind: 'realloc', index: scope.index(cursor, 'core func') };
    case 0x05:
      return { kind: 'post-return', index: scope.index(cursor, 'core func') };
    case 0x06:
      return { kind: 'async' };
    case 0x07:
      return { kind: 'callback', index: scope.index(cursor, 'core func') };
    default:
      return refuse(start, `0x${code.toString(16)} is no canonical option`);
  }
}

function refuse(offset: number, message: string): never {
  throw new WasmError('definition-malformed', offset, message);
}

import type { Canon } from '../canon.js';
import type { CoreSpaces } from './core-spaces.js';
import { describeCore } from './describe.js';
import type { TypeScope } from './scope.js';
import type { CoreShape } from './shapes.js';

/** Core types of built-ins that depend on nothing: parameters, then results. */
const builtins: Readonly<Record<string, string>> = {
  'task.cancel': ':',
  'subtask.cancel': 'i32:i32',
  'subtask.drop': 'i32:',
  'thread.yield': ':i32',
  'thread.index': ':i32',
  'thread.new-indirect': 'i32 i32:i32',
  'thread.resume-later': 'i32:',
  'thread.suspend': ':i32',
  'thread.suspend-then-resume': 'i32:i32',
  'thread.yield-then-resume': 'i32:i32',
  'thread.suspend-then-promote': 'i32:i32',
  'thread.yield-then-promote': 'i32:i32',
  'thread.available-parallelism': ':i32',
  'backpressure.inc': ':',
  'backpressure.dec': ':',
  'waitable-set.new': ':i32',
  'waitable-set.wait': 'i32 i32:i32',
  'waitable-set.poll': 'i32 i32:i32',
  'waitable-set.drop': 'i32:',
  'waitable.join': 'i32 i32:',
  'error-context.new': 'i32 i32:i32',
  'error-context.debug-message': 'i32 i32:',
  'error-context.drop': 'i32:',
  'stream.new': ':i64',
  'stream.read': 'i32 i32 i32:i32',
  'stream.write': 'i32 i32 i32:i32',
  'stream.cancel-read': 'i32:i32',
  'stream.cancel-write': 'i32:i32',
  'stream.drop-readable': 'i32:',
  'stream.drop-writable': 'i32:',
  'future.new': ':i64',
  'future.read': 'i32 i32:i32',
  'future.write': 'i32 i32:i32',
  'future.cancel-read': 'i32:i32',
  'future.cancel-write': 'i32:i32',
  'future.drop-readable': 'i32:',
  'future.drop-writable': 'i32:',
  'resource.drop': 'i32:',
};

/** The core type of a built-in by its name; undefined of threads that are shared. */
export function builtin(operation: string): CoreShape | undefined {
  const signature = builtins[operation];
  if (signature === undefined) return undefined;
  const [params = '', results = ''] = signature.split(':');
  const types = (text: string): string[] => text.split(' ').filter((each) => each !== '');
  return { kind: 'func', type: { kind: 'func', params: types(params), results: types(results) } };
}

/** What a thread begins with stands in a table of functions and takes one number. */
export function checkThreadStart(
  { coreType = 0, coreTable = 0, operation }: Canon,
  scope: TypeScope,
  core: CoreSpaces,
): void {
  const start = scope.at(scope.coreTypes, coreType, 'core type');
  const isStart =
    typeof start !== 'string' &&
    start.kind === 'func' &&
    start.params.join() === 'i32' &&
    start.results.length === 0;
  if (!isStart) {
    scope.budget.refuse('type-mismatch', `${operation} of a function that does not take one i32`);
  }
  const table = scope.at(core.table, coreTable, 'core table');
  const isOfFuncs =
    table.kind === 'table' &&
    ['funcref', '(ref null func)'].includes(table.element) &&
    table.limits.index === 'i32' &&
    !table.limits.shared;
  if (!isOfFuncs) {
    scope.budget.refuse('type-mismatch', `${operation} from a ${describeCore(table)}`);
  }
}

import type { Cursor } from '../cursor.js';
import { WasmError } from '../errors.js';
import type { Scope } from './scope.js';
import { readSort, type Sort } from './sorts.js';

/** A name for something that an instance exports, or that a scope further out defines. */
export type Alias = { kind: 'alias'; sort: Sort } & (
  | { of: 'export'; instance: number; name: string }
  | { of: 'core export'; instance: number; name: string }
  | { of: 'outer'; count: number; index: number }
);

const outerSorts: readonly Sort[] = ['core module', 'core type', 'component', 'type'];
const typeAliases = {
  export: ['instance', 'type'],
  outer: ['core type', 'type'],
} satisfies Record<string, Sort[]>;

/** Reads an alias and defines it in the scope. */
export function readAlias(cursor: Cursor, scope: Scope): Alias {
  const start = cursor.offset;
  const sort = readSort(cursor);
  const form = cursor.u8('the target of an alias');
  const alias = readTarget(cursor, scope, sort, form, start);
  if (!isAllowed(alias, scope)) {
    const message = `a ${scope.kind} cannot have an alias of ${sort} by ${alias.of}`;
    throw new WasmError('definition-malformed', start, message);
  }
  scope.define(sort);
  return alias;
}

function readTarget(cursor: Cursor, scope: Scope, sort: Sort, form: number, start: number): Alias {
  switch (form) {
    case 0x00: {
      const instance = scope.index(cursor, 'instance');
      return { kind: 'alias', sort, of: 'export', instance, name: cursor.text('an alias') };
    }
    case 0x01: {
      const instance = scope.index(cursor, 'core instance');
      return { kind: 'alias', sort, of: 'core export', instance, name: cursor.text('an alias') };
    }
    case 0x02: {
      const at = cursor.offset;
      const count = cursor.u32('the levels of an outer alias');
      const index = scope.outer(count, at).index(cursor, sort);
      return { kind: 'alias', sort, of: 'outer', count, index };
    }
    default: {
      const message = `0x${form.toString(16)} is no target of an alias`;
      throw new WasmError('definition-malformed', start, message);
    }
  }
}

/** Which sorts an alias may have: fewer in the body of a type than in a component. */
function isAllowed({ of, sort }: Alias, { kind }: Scope): boolean {
  const isCore = sort.startsWith('core ');
  if (kind !== 'component') {
    return of !== 'core export' && (typeAliases[of] as readonly Sort[]).includes(sort);
  }
  if (of === 'outer') return outerSorts.includes(sort);
  if (of === 'core export') return isCore && sort !== 'core module' && sort !== 'core instance';
  return !isCore || sort === 'core module';
}

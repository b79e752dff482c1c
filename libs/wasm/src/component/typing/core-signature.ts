import type { Cursor } from '../../cursor.js';
import { MAX_FUNCTIONS } from '../../limits.js';
import {
  bodyCursor,
  expectEnd,
  findSection,
  type SectionName,
  type WasmModule,
} from '../../module.js';
import { skipExpression } from '../../sections.js';
import { moduleAt, type ModuleNode } from '../component.js';
import {
  readCoreExternType,
  readCoreValueType,
  readFlag,
  readLimits,
  readSubType,
  type CoreSubType,
} from '../core-types.js';
import { readExports } from '../module-exports.js';
import { Scope } from '../scope.js';
import type { TypeBudget } from './budget.js';
import { shapesOfGroup, type CoreTypeShape } from './core-types.js';
import { coreShape } from './resolve-cores.js';
import type { CoreMember, CoreShape, ModuleShape } from './shapes.js';

type Spaces = Record<CoreShape['kind'], CoreShape[]>;

interface Reading {
  readonly module: WasmModule;
  /** Checks indices of types and bounds what is read. */
  readonly scope: Scope;
  readonly budget: TypeBudget;
  readonly types: CoreTypeShape[];
  readonly spaces: Spaces;
}

const kinds = {
  function: 'func',
  table: 'table',
  memory: 'memory',
  global: 'global',
  tag: 'tag',
} as const;

/** What a core module imports and exports, with types (core specification 5.5). */
export function moduleShape(bytes: Uint8Array, node: ModuleNode, budget: TypeBudget): ModuleShape {
  const module = moduleAt(bytes, node);
  const spaces = { func: [], table: [], memory: [], global: [], tag: [] };
  const reading = { module, scope: Scope.outermost(), budget, types: [], spaces };
  readTypes(reading);
  const imports = readImportTypes(reading);
  readDefined(reading);
  const exports = new Map<string, CoreShape>();
  for (const { kind, name, index } of readExports(module)) {
    const exported = (spaces as Spaces)[kinds[kind]][index];
    if (exported === undefined) {
      budget.refuse(
        'index-out-of-range',
        `the export ${name} is of ${kind} ${index}, which is none`,
      );
    }
    exports.set(name, exported);
  }
  return budget.shape<ModuleShape>({ kind: 'module', imports, exports });
}

function readTypes({ module, scope, budget, types }: Reading): void {
  eachEntry(module, 'type', (cursor) => {
    budget.spend(1);
    const isGroup = cursor.bytes[cursor.offset] === 0x4e;
    if (isGroup) cursor.u8('a recursion group');
    const count = isGroup ? cursor.count('the number of recursive types', MAX_FUNCTIONS, 2) : 1;
    const group: CoreSubType[] = [];
    for (let position = 0; position < count; position += 1) {
      const start = cursor.offset;
      group.push(readSubType(cursor, scope, cursor.u8('a core type'), start));
    }
    for (const shape of shapesOfGroup(group, types, budget)) {
      types.push(shape);
      scope.define('core type');
    }
  });
}

function readImportTypes({ module, scope, budget, types, spaces }: Reading): CoreMember[] {
  const imports: CoreMember[] = [];
  const names = new Set<string>();
  eachEntry(module, 'import', (cursor) => {
    budget.spend(1);
    const from = cursor.text('the module name of an import');
    const name = cursor.text('the name of an import');
    const key = JSON.stringify([from, name]);
    if (names.has(key)) budget.refuse('name-duplicate', `a second core import ${key}`);
    names.add(key);
    const type = coreShape(readCoreExternType(cursor, scope), types, budget);
    imports.push({ module: from, name, type });
    spaces[type.kind].push(type);
  });
  return imports;
}

function readDefined({ module, scope, budget, types, spaces }: Reading): void {
  const add = (type: Parameters<typeof coreShape>[0]): void => {
    budget.spend(1);
    spaces[type.kind].push(coreShape(type, types, budget));
  };
  eachEntry(module, 'function', (cursor) => {
    add({ kind: 'func', type: scope.index(cursor, 'core type') });
  });
  eachEntry(module, 'table', (cursor) => {
    const isInitialised = cursor.bytes[cursor.offset] === 0x40;
    if (isInitialised) cursor.skip(2, 'the form of a table');
    const element = readCoreValueType(cursor);
    add({ kind: 'table', element, limits: readLimits(cursor, 0x07) });
    if (isInitialised) skipExpression(cursor);
  });
  eachEntry(module, 'memory', (cursor) => {
    add({ kind: 'memory', limits: readLimits(cursor, 0x0f) });
  });
  eachEntry(module, 'tag', (cursor) => {
    readFlag(cursor, 'the attribute of a tag');
    add({ kind: 'tag', type: scope.index(cursor, 'core type') });
  });
  eachEntry(module, 'global', (cursor) => {
    const type = readCoreValueType(cursor);
    add({ kind: 'global', type, mutable: readFlag(cursor, 'a mutability') });
    skipExpression(cursor);
  });
}

function eachEntry(
  module: WasmModule,
  name: Exclude<SectionName, 'custom'>,
  read: (cursor: Cursor) => void,
): void {
  const section = findSection(module, name);
  if (section === undefined) return;
  const cursor = bodyCursor(module, section);
  const count = cursor.count(`the number of entries of section ${name}`, MAX_FUNCTIONS, 1);
  for (let position = 0; position < count; position += 1) read(cursor);
  expectEnd(cursor, name);
}

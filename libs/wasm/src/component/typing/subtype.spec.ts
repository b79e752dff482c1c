import { describe, expect, it } from 'vitest';

import type { Bytes } from '../../assemble.fixture.js';
import { formatMismatch } from './mismatch.js';
import { checkSubtype, isSubtype } from './subtype.js';
import {
  BOOL,
  borrow,
  componentType,
  exportDecl,
  flags,
  FUNC,
  func,
  importDecl,
  instanceType,
  listOf,
  own,
  pair,
  record,
  RESOURCE,
  resultOf,
  STRING,
  typeDecl,
  U32,
  U8,
  variant,
} from './types.fixture.js';

/** An instance with a function `f` that returns the one type defined before it. */
const returning = (type: Bytes): Uint8Array =>
  instanceType(typeDecl(type), typeDecl(func([], 0)), exportDecl('f', FUNC, 1));
/** The same of a type that must have a name to be seen. */
const returningNamed = (type: Bytes): Uint8Array =>
  instanceType(
    typeDecl(type),
    exportDecl('t', 0x03, 0x00, 0),
    typeDecl(func([], 1)),
    exportDecl('f', FUNC, 2),
  );
const nothing = func([]);
const exporting = (...names: string[]): Uint8Array =>
  instanceType(typeDecl(nothing), ...names.map((name) => exportDecl(name, FUNC, 0)));
/** `read` of a stream returns bytes, or the error, or something else. */
const stream = (ok: Bytes): Uint8Array =>
  instanceType(
    exportDecl('input-stream', ...RESOURCE),
    typeDecl(borrow(0)),
    typeDecl(ok),
    typeDecl(resultOf(2, U32)),
    typeDecl(func([['self', 1]], 3)),
    exportDecl('[method]input-stream.read', FUNC, 4),
  );

describe('checkSubtype', () => {
  it.each([
    ['the same', exporting('a'), exporting('a')],
    ['more exports than are asked for', exporting('b', 'a', 'c'), exporting('a', 'b')],
    ['exports in another order', exporting('b', 'a'), exporting('a', 'b')],
    ['a resource of the same name', stream(listOf(U8)), stream(listOf(U8))],
    [
      'a name for a type where the type stands',
      instanceType(
        typeDecl(listOf(U8)),
        exportDecl('bytes', 0x03, 0x00, 0),
        typeDecl(func([], 1)),
        exportDecl('f', FUNC, 2),
      ),
      returning(listOf(U8)),
    ],
  ])('takes %s', (_, provided, required) => {
    expect(checkSubtype(...pair(provided, required))).toBeUndefined();
    expect(isSubtype(...pair(provided, required))).toBe(true);
  });

  it.each([
    ['a missing export', exporting('a'), exporting('a', 'b'), 'func b › nothing vs func()'],
    [
      'a result of another type, by its path',
      stream(listOf(U8)),
      stream([0x73]),
      'func [method]input-stream.read › result › ok › list<u8> vs string',
    ],
    [
      'an element of another type',
      returning(listOf(U8)),
      returning(listOf(U32)),
      'func f › result › element › u8 vs u32',
    ],
    [
      'a field more',
      returningNamed(record(['a', U8], ['b', U8])),
      returningNamed(record(['a', U8])),
      'type t › record { a: u8, b: u8 } vs record { a: u8 }',
    ],
    [
      'a field of another type',
      returningNamed(record(['a', U8], ['b', U8])),
      returningNamed(record(['a', U8], ['b', BOOL])),
      'type t › field b › u8 vs bool',
    ],
    [
      'a case without what it carries',
      returningNamed(variant(['x'], ['y'])),
      returningNamed(variant(['x'], ['y', STRING])),
      'type t › case y › none vs string',
    ],
    [
      'flags in another order',
      returningNamed(flags('r', 'w')),
      returningNamed(flags('w', 'r')),
      'type t › flags { r, w } vs flags { w, r }',
    ],
    [
      'a parameter of another name',
      instanceType(typeDecl(func([['a', U8]])), exportDecl('f', FUNC, 0)),
      instanceType(typeDecl(func([['b', U8]])), exportDecl('f', FUNC, 0)),
      'func f › func(a: u8) vs func(b: u8)',
    ],
    [
      'a record where a resource is asked for',
      instanceType(typeDecl(record(['a', U8])), exportDecl('r', 0x03, 0x00, 0)),
      instanceType(exportDecl('r', ...RESOURCE)),
      'type r › r (record { a: u8 }) vs resource r',
    ],
  ])('refuses %s', (_, provided, required, message) => {
    const mismatch = checkSubtype(...pair(provided, required));
    expect(mismatch && formatMismatch(mismatch)).toBe(message);
  });

  /** Two resources and a function that takes one of them. */
  const resources = (taken: number, ...alias: number[]): Uint8Array =>
    instanceType(
      exportDecl('r', ...RESOURCE),
      exportDecl('s', ...(alias.length === 0 ? RESOURCE : alias)),
      typeDecl(own(taken)),
      typeDecl(func([['x', 2]])),
      exportDecl('f', FUNC, 3),
    );

  it('tells resources apart, through the names they are given', () => {
    const sameAs = [0x03, 0x00, 0x00] as const;
    expect(checkSubtype(...pair(resources(0), resources(1)))).toMatchObject({
      code: 'resource-different',
      path: ['func f', 'param x'],
    });
    // Where s is r by another name, either may be taken.
    expect(isSubtype(...pair(resources(0, ...sameAs), resources(1, ...sameAs)))).toBe(true);
    // What is promised to be one resource must be one; what is may be used as two.
    expect(isSubtype(...pair(resources(0), resources(0, ...sameAs)))).toBe(false);
    expect(isSubtype(...pair(resources(0, ...sameAs), resources(1)))).toBe(true);
  });

  it('lets a component export more and import less', () => {
    const of = (imported: string[], exported: string[]): Uint8Array =>
      componentType(
        typeDecl(nothing),
        ...imported.map((name) => importDecl(name, FUNC, 0)),
        ...exported.map((name) => exportDecl(name, FUNC, 0)),
      );
    const check = (a: Uint8Array, b: Uint8Array): unknown => checkSubtype(...pair(a, b, 0x04));
    expect(check(of(['a'], ['x', 'y']), of(['a', 'b'], ['x']))).toBeUndefined();
    expect(check(of(['a', 'b'], ['x']), of(['a'], ['x']))).toMatchObject({
      code: 'import-missing',
      path: ['import b'],
    });
    expect(check(of([], ['x']), of([], ['x', 'y']))).toMatchObject({ path: ['export y'] });
  });

  it('follows a resource from what a component imports to what it exports', () => {
    const passing = (exported: number): Uint8Array =>
      componentType(
        importDecl('r', ...RESOURCE),
        importDecl('s', ...RESOURCE),
        typeDecl(own(exported)),
        typeDecl(func([], 2)),
        exportDecl('make', FUNC, 3),
      );
    expect(isSubtype(...pair(passing(0), passing(0), 0x04))).toBe(true);
    expect(checkSubtype(...pair(passing(0), passing(1), 0x04))).toMatchObject({
      code: 'resource-different',
      path: ['export make', 'result'],
    });
  });
});

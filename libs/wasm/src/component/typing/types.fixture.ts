import { join, leb, text, vector, type Bytes } from '../../assemble.fixture.js';
import { WasmError } from '../../errors.js';
import { component, externName, imports, types } from '../assemble.fixture.js';
import { readComponent } from '../component.js';
import { typeComponent } from './resolve-component.js';
import type { ComponentShape, Member } from './shapes.js';

/** Hand assembly of types: a declaration of a body is a type or an export. */
export const typeDecl = (type: Bytes): Uint8Array => join([0x01], type);
export const exportDecl = (name: string, ...externType: number[]): Uint8Array =>
  join([0x04], externName(name), externType);
export const importDecl = (name: string, ...externType: number[]): Uint8Array =>
  join([0x03], externName(name), externType);

export const instanceType = (...declarations: Bytes[]): Uint8Array =>
  join([0x42], vector(declarations));
export const componentType = (...declarations: Bytes[]): Uint8Array =>
  join([0x41], vector(declarations));

export const FUNC = 0x01;
export const RESOURCE = [0x03, 0x01] as const;
export const U8 = 0x7d;
export const U32 = 0x79;
export const STRING = 0x73;
export const BOOL = 0x7f;

export const listOf = (type: number): Uint8Array => join([0x70, type]);
export const resultOf = (ok: number, error: number): Uint8Array => join([0x6a, 1, ok, 1, error]);
export const record = (...fields: [string, number][]): Uint8Array =>
  join([0x72], vector(fields.map(([name, type]) => join(text(name), [type]))));
export const variant = (...cases: [string, number?][]): Uint8Array =>
  join(
    [0x71],
    vector(
      cases.map(([name, type]) => join(text(name), type === undefined ? [0] : [1, type], [0])),
    ),
  );
export const flags = (...names: string[]): Uint8Array => join([0x6e], vector(names.map(text)));
export const own = (resource: number): Uint8Array => join([0x69, resource]);
export const borrow = (resource: number): Uint8Array => join([0x68, resource]);
export const func = (params: [string, number][], result?: number): Uint8Array =>
  join(
    [0x40],
    vector(params.map(([name, type]) => join(text(name), [type]))),
    result === undefined ? [0x01, 0x00] : [0x00, result],
  );

export function typed(bytes: Uint8Array): ComponentShape {
  return typeComponent(bytes, readComponent(bytes));
}

/** What one component imports under two types, of sort instance (5) or component (4). */
export function pair(provided: Bytes, required: Bytes, sort = 0x05): [Member, Member] {
  const bytes = component(
    types(provided, required),
    imports(join(externName('a'), [sort], leb(0)), join(externName('b'), [sort], leb(1))),
  );
  const shape = typed(bytes);
  const [a, b] = [shape.imports.get('a'), shape.imports.get('b')];
  if (a === undefined || b === undefined) throw new Error('the pair is not there');
  return [a, b];
}

/** The code with which a component is refused; `taken` when it is not. */
export function codeOf(bytes: Uint8Array): string {
  try {
    typed(bytes);
  } catch (error) {
    if (error instanceof WasmError) return error.code;
    throw error;
  }
  return 'taken';
}

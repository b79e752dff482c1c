import type { PrimitiveType } from '@touchstone/wasm';

/** How deep types may stand in one another; wasm-tools takes a hundred. */
export const MAX_TYPE_DEPTH = 100;

/** A primitive by its name, or a type that was defined. */
export type Value = PrimitiveType | TypeNode;

export interface Field {
  readonly name: string;
  readonly type: Value;
}

export type TypeShape =
  | { readonly kind: 'resource' }
  | { readonly kind: 'primitive'; readonly type: PrimitiveType }
  | { readonly kind: 'record'; readonly fields: readonly Field[] }
  | { readonly kind: 'variant'; readonly cases: readonly { name: string; type?: Value }[] }
  | { readonly kind: 'list'; readonly element: Value; readonly length?: number }
  | { readonly kind: 'tuple'; readonly types: readonly Value[] }
  | { readonly kind: 'flags' | 'enum'; readonly names: readonly string[] }
  | { readonly kind: 'option'; readonly type: Value }
  | { readonly kind: 'result'; readonly ok?: Value; readonly error?: Value }
  | { readonly kind: 'own' | 'borrow'; readonly resource: TypeNode }
  | { readonly kind: 'stream' | 'future'; readonly element?: Value }
  | { readonly kind: 'map'; readonly key: Value; readonly value: Value };

/**
 * A type as one place in one instance has it. Two nodes that must be one type, because what one
 * names is given for the other, are joined; what they have in common then stands in the node that
 * `find` answers. Resources have no other equality than this.
 */
export interface TypeNode {
  readonly shape: TypeShape;
  readonly depth: number;
  joined?: TypeNode;
  /**
   * Of resources: one that an import asks for and nobody has given yet, one that the host gives.
   * Without either it is made by an instance, and is no other than itself.
   */
  given?: 'awaited' | 'by the host';
  /** Key of the outer import that names this type first; see outer-imports.ts. */
  home?: string;
  /** By which name a wired import speaks of it, for imports that use it and are not wired. */
  spokenOf?: { readonly interface: string; readonly name: string };
}

export interface FuncShape {
  readonly async: boolean;
  readonly params: readonly Field[];
  readonly result?: Value;
}

/** What an import or export is. */
export type Item =
  | { readonly sort: 'type'; readonly type: TypeNode }
  | { readonly sort: 'func'; readonly func: FuncShape }
  | { readonly sort: 'instance'; readonly exports: Map<string, Item> }
  /** Modules, components and values: they can be passed over, never passed on. */
  | { readonly sort: 'core module' | 'component' | 'value' };

/** The node that stands for this one and for all that were joined with it. */
export function find(node: TypeNode): TypeNode {
  let root = node;
  while (root.joined !== undefined) root = root.joined;
  for (let at = node; at.joined !== undefined;) {
    const next = at.joined;
    at.joined = root;
    at = next;
  }
  return root;
}

/** Types that must go by a name wherever they are imported; all others may be spelt out. */
export function needsName({ shape }: TypeNode): boolean {
  return ['resource', 'record', 'variant', 'flags', 'enum'].includes(shape.kind);
}

/** The types that a type is made of, in the order in which it names them. */
export function partsOf({ shape }: TypeNode): Value[] {
  switch (shape.kind) {
    case 'resource':
    case 'primitive':
    case 'flags':
    case 'enum':
      return [];
    case 'record':
      return shape.fields.map(({ type }) => type);
    case 'variant':
      return given(shape.cases.map(({ type }) => type));
    case 'tuple':
      return [...shape.types];
    case 'option':
      return [shape.type];
    case 'result':
      return given([shape.ok, shape.error]);
    case 'own':
    case 'borrow':
      return [shape.resource];
    case 'list':
    case 'stream':
    case 'future':
      return given([shape.element]);
    case 'map':
      return [shape.key, shape.value];
  }
}

export function given(values: readonly (Value | undefined)[]): Value[] {
  return values.filter((value) => value !== undefined);
}

export function funcParts({ params, result }: FuncShape): Value[] {
  return given([...params.map(({ type }) => type), result]);
}

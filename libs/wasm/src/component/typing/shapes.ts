import type { CoreExternType, CoreFuncType } from '../core-types.js';
import type { ExternName } from '../extern.js';
import type { PrimitiveType } from '../value-types.js';

/** Who introduced a resource or a name: an import list, an export list or a body. Compared by identity. */
export interface Owner {
  readonly what: 'imports' | 'exports' | 'body';
}

/** What every shape knows of itself, so that no walk over shapes outgrows its bounds. */
export interface Extent {
  /** Parts of the type written out as a tree. */
  readonly size: number;
  readonly depth: number;
  /** A borrowed handle stands somewhere in it. */
  readonly borrows: boolean;
}

/** Bytes that a value takes in a 64-bit memory, the largest there is, and where it may begin. */
export interface Layout {
  readonly size: number;
  readonly align: number;
}

/** A primitive, or a type that was defined; never an index. */
export type Value = PrimitiveType | ValueShape | NamedShape;

export interface LabelledValue {
  readonly name: string;
  readonly type: Value;
}

export interface Case {
  readonly name: string;
  readonly type?: Value;
}

/** The types of values, after `defvaltype` of the component model. */
export type ValueShape = Extent &
  (
    | { readonly kind: 'primitive'; readonly type: PrimitiveType }
    | { readonly kind: 'record'; readonly fields: readonly LabelledValue[] }
    | { readonly kind: 'variant'; readonly cases: readonly Case[] }
    | { readonly kind: 'list'; readonly element: Value; readonly length?: number }
    | { readonly kind: 'tuple'; readonly types: readonly Value[] }
    | { readonly kind: 'flags' | 'enum'; readonly names: readonly string[] }
    | { readonly kind: 'option'; readonly type: Value }
    | { readonly kind: 'result'; readonly ok?: Value; readonly error?: Value }
    | { readonly kind: 'own' | 'borrow'; readonly resource: ResourceShape | NamedShape }
    | { readonly kind: 'stream' | 'future'; readonly element?: Value }
    | { readonly kind: 'map'; readonly key: Value; readonly value: Value }
  );

/** An abstract or defined resource: equal to itself and to nothing else. */
export interface ResourceShape extends Extent {
  readonly kind: 'resource';
  readonly owner: Owner;
  /** What it is imported or exported as where it comes from; for messages and WIT. */
  readonly name: string;
  /** Only where it is defined itself may its representation be seen. */
  readonly representation?: string;
}

/** A type under a name of its own, given by an import or export with an `eq` bound: equal to what it names. */
export interface NamedShape extends Extent {
  readonly kind: 'named';
  readonly owner: Owner;
  readonly name: string;
  readonly of: AnyShape;
}

export interface FuncShape extends Extent {
  readonly kind: 'func';
  readonly async: boolean;
  readonly params: readonly LabelledValue[];
  readonly result?: Value;
}

export interface InstanceShape extends Extent {
  readonly kind: 'instance';
  /** Of what the type itself introduces; an instance that is there has none left. */
  readonly owner?: Owner;
  readonly exports: Members;
}

export interface ComponentShape extends Extent {
  readonly kind: 'component';
  readonly importOwner: Owner;
  readonly exportOwner: Owner;
  readonly imports: Members;
  readonly exports: Members;
}

/** A core import or export; types of functions stand in place of their indices. */
export type CoreShape =
  | Exclude<CoreExternType, { kind: 'func' | 'tag' }>
  | { readonly kind: 'func' | 'tag'; readonly type: CoreFuncType | string };

export interface CoreMember {
  readonly module: string;
  readonly name: string;
  readonly type: CoreShape;
}

export interface ModuleShape extends Extent {
  readonly kind: 'module';
  readonly imports: readonly CoreMember[];
  readonly exports: ReadonlyMap<string, CoreShape>;
}

export type AnyShape =
  ValueShape | ResourceShape | NamedShape | FuncShape | InstanceShape | ComponentShape;

/** The type of something imported or exported (`externtype`). */
export type ItemShape =
  | { readonly sort: 'core module'; readonly type: ModuleShape }
  | { readonly sort: 'func'; readonly type: FuncShape }
  | { readonly sort: 'value'; readonly type: Value }
  | { readonly sort: 'type'; readonly type: AnyShape }
  | { readonly sort: 'component'; readonly type: ComponentShape }
  | { readonly sort: 'instance'; readonly type: InstanceShape };

export type Member = ItemShape & {
  /** `implements`, `external-id` and the like: they say more and decide nothing. */
  readonly attributes?: ExternName;
};

/** Imports or exports by name, in the order in which they stand. */
export type Members = ReadonlyMap<string, Member>;

/** What a shape is once its names are put aside. */
export function unnamed(shape: AnyShape): Exclude<AnyShape, NamedShape> {
  let bare = shape;
  while (bare.kind === 'named') bare = bare.of;
  return bare;
}

/** Whether it must have a name wherever it is seen from outside; all else may be spelt out there. */
export function needsName(shape: AnyShape): boolean {
  return ['record', 'variant', 'flags', 'enum', 'resource'].includes(unnamed(shape).kind);
}

export function bareValue(value: Value): PrimitiveType | Exclude<AnyShape, NamedShape> {
  if (typeof value === 'string') return value;
  const bare = unnamed(value);
  return bare.kind === 'primitive' ? bare.type : bare;
}

/** The resource that a handle is of. */
export function resourceOf({ resource }: { resource: ResourceShape | NamedShape }): ResourceShape {
  return unnamed(resource) as ResourceShape;
}

import { unnamed, type Members, type NamedShape, type ResourceShape } from '../typing/shapes.js';

export type NamedType = ResourceShape | NamedShape;

/** Where a type has its name: in an interface, in the world, or in an interface without a name. */
export interface Home {
  /** The interface's id, `world`, or the direction and name of an interface without one. */
  readonly scope: string;
  readonly name: string;
}

/** `wasi:io/streams@0.2.0`, taken apart for where it is declared and how it is referred to. */
export interface InterfaceId {
  /** With its version: `wasi:io@0.2.0`. */
  readonly package: string;
  readonly name: string;
}

/** The types of a document by where they are declared first. */
export class Homes {
  readonly #homes = new Map<NamedType, Home>();

  /**
   * Notes the types of one interface or of the world; what has a home keeps it. A resource that is
   * only ever seen under a name, as one that a component defines and exports in an interface, is at
   * home under the first.
   */
  settle(scope: string, members: Members): void {
    for (const [name, { sort, type }] of members) {
      if (sort !== 'type' || (type.kind !== 'resource' && type.kind !== 'named')) continue;
      const bare = unnamed(type);
      for (const each of bare.kind === 'resource' ? [type, bare] : [type]) {
        if (!this.#homes.has(each)) this.#homes.set(each, { scope, name });
      }
    }
  }

  of(type: NamedType): Home | undefined {
    return this.#homes.get(type);
  }
}

/** Only what has an id can be referred to from elsewhere. */
export function isInterfaceId(scope: string): boolean {
  return scope.includes('/');
}

export function splitInterfaceId(id: string): InterfaceId {
  const slash = id.indexOf('/');
  const at = id.indexOf('@', slash);
  const [end, version] = at === -1 ? [id.length, ''] : [at, id.slice(at)];
  return { package: `${id.slice(0, slash)}${version}`, name: id.slice(slash + 1, end) };
}

/** As it is written from within a package: short where it is the same one. */
export function interfacePath(id: string, within: string): string {
  const { package: of, name } = splitInterfaceId(id);
  return of === within ? escaped(name) : id;
}

const keywords = new Set(
  [
    'use type func u8 u16 u32 u64 s8 s16 s32 s64 f32 f64 float32 float64 char bool string',
    'resource record flags variant enum option result future stream list map tuple own borrow',
    'as from static interface world import export package with include constructor',
    'error-context async',
  ]
    .join(' ')
    .split(' '),
);

/** A name that WIT would read as a keyword is marked. */
export function escaped(name: string): string {
  return keywords.has(name) ? `%${name}` : name;
}

import type { PrimitiveType } from '@touchstone/wasm';
import {
  aliasOfExport,
  aliasOfOuterType,
  described,
  externName,
  leb,
  signedIndex,
  SUB_RESOURCE,
  text,
  typeEquals,
  vector,
  type ComponentWriter,
} from './binary.js';
import {
  find,
  funcParts,
  partsOf,
  type Field,
  type FuncShape,
  type Item,
  type TypeNode,
  type TypeShape,
  type Value,
} from './types.js';

const PRIMITIVE_BYTES: Readonly<Record<PrimitiveType, number>> = {
  bool: 0x7f,
  s8: 0x7e,
  u8: 0x7d,
  s16: 0x7c,
  u16: 0x7b,
  s32: 0x7a,
  u32: 0x79,
  s64: 0x78,
  u64: 0x77,
  f32: 0x76,
  f64: 0x75,
  char: 0x74,
  string: 0x73,
  'error-context': 0x64,
};

/** Answers the index of a type that is defined nowhere in the scope that is being written. */
type Outside = (type: TypeNode) => number | undefined;

/** The types of one scope: of the component that is written, or of an instance type in it. */
abstract class TypeScope {
  protected readonly indices = new Map<TypeNode, number>();
  protected types = 0;

  /** Writes a definition; the number of types grows by one. */
  protected abstract write(type: readonly number[]): void;
  /** Brings in a type that has its name elsewhere. */
  protected abstract bring(type: TypeNode): number | undefined;

  /** Index of a type, which is brought in or spelt out unless the scope has it. */
  index(type: TypeNode): number {
    const node = find(type);
    const known = this.indices.get(node) ?? this.bring(node);
    return known ?? this.define(node);
  }

  /** Spells out a type as a definition of its own. */
  protected define(node: TypeNode): number {
    for (const part of partsOf(node)) this.#prepare(part);
    this.write(encodeShape(node.shape, this.#encoder));
    return this.named(node);
  }

  func(func: FuncShape): number {
    for (const part of funcParts(func)) this.#prepare(part);
    this.write(encodeFunc(func, this.#encoder));
    return this.types++;
  }

  /** From now on the type goes by this index, which is that of its name. */
  named(type: TypeNode): number {
    this.indices.set(find(type), this.types);
    return this.types++;
  }

  #prepare(value: Value): void {
    if (typeof value !== 'string') this.index(value);
  }

  readonly #encoder: Encoder = {
    value: (value) =>
      typeof value === 'string' ? [PRIMITIVE_BYTES[value]] : signedIndex(this.index(value)),
    resource: (type) => leb(this.index(type)),
  };
}

/** An instance type: its body is the declarations of what it exports. */
class InstanceType extends TypeScope {
  readonly #declarations: number[][] = [];
  readonly #exported = new Set<TypeNode>();

  constructor(
    private readonly home: string,
    private readonly outside: Outside,
  ) {
    super();
  }

  /** @returns name of the first export that cannot be written, if there is one */
  encode(exports: ReadonlyMap<string, Item>): number[] | { readonly unsupported: string } {
    for (const [name, item] of exports) {
      if (item.sort === 'type') this.#exportType(name, item.type);
      else if (item.sort === 'func') {
        this.#export(name, described('func', this.func(item.func)));
      } else return { unsupported: name };
    }
    return [0x42, ...vector(this.#declarations)];
  }

  #exportType(name: string, type: TypeNode): void {
    const node = find(type);
    const isOwn = node.home === this.home && !this.indices.has(node);
    if (node.shape.kind === 'resource' && isOwn) this.#export(name, SUB_RESOURCE);
    else this.#export(name, typeEquals(isOwn ? this.define(node) : this.index(node)));
    // Methods belong to the first name of a resource; a later one is an alias of it.
    if (this.#exported.has(node)) this.types += 1;
    else this.named(node);
    this.#exported.add(node);
  }

  #export(name: string, type: readonly number[]): void {
    this.#declarations.push([0x04, ...externName(name), ...type]);
  }

  protected write(type: readonly number[]): void {
    this.#declarations.push([0x01, ...type]);
  }

  protected bring(type: TypeNode): number | undefined {
    if (type.home === this.home) return undefined;
    const outer = this.outside(type);
    if (outer === undefined) return undefined;
    this.#declarations.push([0x02, ...aliasOfOuterType(outer)]);
    return this.named(type);
  }
}

/** Types and imports of the component that is written. */
export class ImportEncoder extends TypeScope {
  readonly #instanceOf = new Map<TypeNode, { readonly instance: number; readonly name: string }>();
  #instances = 0;
  #funcs = 0;

  constructor(private readonly writer: ComponentWriter) {
    super();
  }

  get counts(): { instances: number; funcs: number; types: number } {
    return { instances: this.#instances, funcs: this.#funcs, types: this.types };
  }

  /**
   * Writes an import.
   * @returns its index, or the export of it that cannot be written
   */
  import(name: string, key: string, item: Item): number | { readonly unsupported: string } {
    if (item.sort === 'instance') return this.#importInstance(name, key, item.exports);
    if (item.sort === 'func') {
      this.#write(name, described('func', this.func(item.func)));
      return this.#funcs++;
    }
    if (item.sort !== 'type') return { unsupported: name };
    const node = find(item.type);
    const isOwn = node.home === key && !this.indices.has(node);
    if (node.shape.kind === 'resource' && isOwn) this.#write(name, SUB_RESOURCE);
    else this.#write(name, typeEquals(isOwn ? this.define(node) : this.index(node)));
    return this.named(node);
  }

  #importInstance(
    name: string,
    key: string,
    exports: ReadonlyMap<string, Item>,
  ): number | { readonly unsupported: string } {
    const outside: Outside = (type) => this.indices.get(type) ?? this.bring(type);
    const body = new InstanceType(key, outside).encode(exports);
    if ('unsupported' in body) return body;
    this.writer.define('type', body);
    this.#write(name, described('instance', this.types++));
    for (const [label, item] of exports) {
      if (item.sort !== 'type') continue;
      const node = find(item.type);
      const isKnown = node.home !== key || this.#instanceOf.has(node);
      if (!isKnown) this.#instanceOf.set(node, { instance: this.#instances, name: label });
    }
    return this.#instances++;
  }

  #write(name: string, type: readonly number[]): void {
    this.writer.define('import', [...externName(name), ...type]);
  }

  protected write(type: readonly number[]): void {
    this.writer.define('type', type);
  }

  protected bring(type: TypeNode): number | undefined {
    const place = this.#instanceOf.get(type);
    if (place === undefined) return undefined;
    this.writer.define('alias', aliasOfExport('type', place.instance, place.name));
    return this.named(type);
  }
}

/** How a type that another is made of is referred to where it stands. */
interface Encoder {
  readonly value: (value: Value) => number[];
  readonly resource: (type: TypeNode) => number[];
}

function encodeFunc({ async, params, result }: FuncShape, encoder: Encoder): number[] {
  return [
    async ? 0x43 : 0x40,
    ...encodeFields(params, encoder),
    ...(result === undefined ? [0x01, 0x00] : [0x00, ...encoder.value(result)]),
  ];
}

function encodeFields(fields: readonly Field[], { value }: Encoder): number[] {
  return vector(fields.map(({ name, type }) => [...text(name), ...value(type)]));
}

function optional(type: Value | undefined, { value }: Encoder): number[] {
  return type === undefined ? [0x00] : [0x01, ...value(type)];
}

function encodeShape(shape: TypeShape, encoder: Encoder): number[] {
  const { value } = encoder;
  switch (shape.kind) {
    case 'resource':
      // Reached by nothing that is checked first: a resource has a name, see outer-imports.ts.
      throw new Error('a resource cannot be spelt out');
    case 'primitive':
      return [PRIMITIVE_BYTES[shape.type]];
    case 'record':
      return [0x72, ...encodeFields(shape.fields, encoder)];
    case 'variant': {
      const cases = shape.cases.map(({ name, type }) => [
        ...text(name),
        ...optional(type, encoder),
        0,
      ]);
      return [0x71, ...vector(cases)];
    }
    case 'list':
      return shape.length === undefined
        ? [0x70, ...value(shape.element)]
        : [0x67, ...value(shape.element), ...leb(shape.length)];
    case 'tuple':
      return [0x6f, ...vector(shape.types.map(value))];
    case 'flags':
      return [0x6e, ...vector(shape.names.map(text))];
    case 'enum':
      return [0x6d, ...vector(shape.names.map(text))];
    case 'option':
      return [0x6b, ...value(shape.type)];
    case 'result':
      return [0x6a, ...optional(shape.ok, encoder), ...optional(shape.error, encoder)];
    case 'own':
      return [0x69, ...encoder.resource(shape.resource)];
    case 'borrow':
      return [0x68, ...encoder.resource(shape.resource)];
    case 'stream':
      return [0x66, ...optional(shape.element, encoder)];
    case 'future':
      return [0x65, ...optional(shape.element, encoder)];
    case 'map':
      return [0x63, ...value(shape.key), ...value(shape.value)];
  }
}

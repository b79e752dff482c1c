import {
  partsOf,
  type AnyShape,
  type ItemShape,
  type Member,
  type Members,
  type ModuleShape,
} from '@touchstone/wasm';
import { ComposeError } from '../errors.js';
import {
  aliasOfExport,
  aliasOfOuterType,
  described,
  externName,
  SUB_RESOURCE,
  typeEquals,
  vector,
  type ComponentWriter,
  type PassedSort,
} from './binary.js';
import { encodeModule } from './encode-modules.js';
import { encodeFunc, encodeShape } from './encode-values.js';

type Section = 'core type' | 'type' | 'alias' | 'import' | 'export';
type Sort = PassedSort | 'core type';

/** Where a type has its name: an export of an instance, or of one in it. */
interface InInstance {
  readonly instance: number;
  readonly path: readonly string[];
}

/** The types of one scope: of the component that is written, or of the body of a type in it. */
abstract class TypeScope {
  readonly counts: Record<Sort, number> = {
    ...{ 'core type': 0, 'core module': 0, func: 0, type: 0, component: 0, instance: 0 },
  };
  readonly #indices = new Map<AnyShape, number>();
  readonly #inInstances = new Map<AnyShape, InInstance>();

  protected abstract write(section: Section, bytes: readonly number[]): void;
  /** Brings in a type that scopes further out know. */
  protected abstract fromOutside(type: AnyShape): number | undefined;

  /** Writes an import or export; from then on its types go by their names there. */
  declare(direction: 'import' | 'export', name: string, item: Member): number {
    const bytes = [...externName(name, item.attributes), ...this.#externType(name, item)];
    this.write(direction, bytes);
    if (item.sort === 'value') throw new Error('there is no type for it');
    const index = this.counts[item.sort]++;
    if (item.sort === 'type') this.#indices.set(item.type, index);
    else if (item.sort === 'instance') this.#settle(item.type.exports, index, []);
    return index;
  }

  /** Index of a type that has one here, or somewhere from where it can be brought in. */
  find(type: AnyShape): number | undefined {
    return this.#indices.get(type) ?? this.#fromInstance(type) ?? this.fromOutside(type);
  }

  protected known(type: AnyShape, index: number): number {
    this.#indices.set(type, index);
    return index;
  }

  #settle(exports: Members, instance: number, path: readonly string[]): void {
    for (const [name, { sort, type }] of exports) {
      const place = { instance, path: [...path, name] };
      if (sort === 'instance') this.#settle(type.exports, instance, place.path);
      else if (sort === 'type' && !this.#inInstances.has(type)) this.#inInstances.set(type, place);
    }
  }

  #fromInstance(type: AnyShape): number | undefined {
    const place = this.#inInstances.get(type);
    if (place === undefined) return undefined;
    let { instance } = place;
    for (const name of place.path.slice(0, -1)) {
      this.write('alias', aliasOfExport('instance', instance, name));
      instance = this.counts.instance++;
    }
    this.write('alias', aliasOfExport('type', instance, place.path.at(-1) ?? ''));
    return this.known(type, this.counts.type++);
  }

  #externType(name: string, { sort, type }: ItemShape): readonly number[] {
    switch (sort) {
      case 'type': {
        // A resource that nobody knows yet is made by its name here.
        if (type.kind === 'resource' && this.find(type) === undefined) return SUB_RESOURCE;
        return typeEquals(this.#index(type.kind === 'named' ? type.of : type));
      }
      case 'func':
      case 'instance':
      case 'component':
        return described(sort, this.#define(type));
      case 'core module':
        return described(sort, this.#module(name, type));
      case 'value':
        return unsupported(name, 'a value');
    }
  }

  #module(name: string, type: ModuleShape): number {
    const bytes = encodeModule(type);
    if (bytes === undefined) return unsupported(name, 'a module of types that only it defines');
    this.write('core type', bytes);
    return this.counts['core type']++;
  }

  #index(type: AnyShape): number {
    const found = this.find(type);
    if (found !== undefined) return found;
    return type.kind === 'named' ? this.#index(type.of) : this.known(type, this.#define(type));
  }

  /** Spells out a type as a definition of its own. */
  #define(type: AnyShape): number {
    const bytes = this.#spelt(type);
    this.write('type', bytes);
    return this.counts.type++;
  }

  #spelt(type: AnyShape): number[] {
    const indexOf = (part: AnyShape): number => this.#index(part);
    switch (type.kind) {
      case 'resource':
      case 'named':
        throw new Error(`${type.name} has no definition: it goes by its name`);
      case 'instance':
        return [0x42, ...new Body(this).encode([['export', type.exports]])];
      case 'component':
        return [
          0x41,
          ...new Body(this).encode([
            ['import', type.imports],
            ['export', type.exports],
          ]),
        ];
      case 'func':
        this.#prepare(type);
        return encodeFunc(type, indexOf);
      default:
        this.#prepare(type);
        return encodeShape(type, indexOf);
    }
  }

  /** What a type is made of is defined before it. */
  #prepare(type: AnyShape): void {
    for (const part of partsOf(type)) {
      if (typeof part !== 'string' && part.kind !== 'module') this.#index(part);
    }
  }
}

/** The body of an instance or component type. */
class Body extends TypeScope {
  readonly #declarations: number[][] = [];

  constructor(private readonly parent: TypeScope) {
    super();
  }

  encode(lists: readonly (readonly ['import' | 'export', Members])[]): number[] {
    for (const [direction, members] of lists) {
      for (const [name, item] of members) this.declare(direction, name, item);
    }
    return vector(this.#declarations);
  }

  protected write(section: Section, bytes: readonly number[]): void {
    this.#declarations.push([DECLARATIONS[section], ...bytes]);
  }

  protected fromOutside(type: AnyShape): number | undefined {
    const outer = this.parent.find(type);
    if (outer === undefined) return undefined;
    this.write('alias', aliasOfOuterType(outer));
    return this.known(type, this.counts.type++);
  }
}

const DECLARATIONS: Readonly<Record<Section, number>> = {
  ...{ 'core type': 0x00, type: 0x01, alias: 0x02, import: 0x03, export: 0x04 },
};

/** Types and imports of the component that is written. */
export class ImportEncoder extends TypeScope {
  constructor(private readonly writer: ComponentWriter) {
    super();
  }

  protected write(section: Section, bytes: readonly number[]): void {
    this.writer.define(section, bytes);
  }

  protected fromOutside(): undefined {
    return undefined;
  }
}

function unsupported(name: string, what: string): never {
  const message = `${name}: ${what} cannot be asked of the host`;
  throw new ComposeError('item-unsupported', '/', 0, message);
}

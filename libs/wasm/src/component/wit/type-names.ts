import type { TypeBudget } from '../typing/budget.js';
import type { ParsedName } from '../typing/extern-names.js';
import { bareValue, type FuncShape, type LabelledValue, type Value } from '../typing/shapes.js';
import { escaped, isInterfaceId, type Home, type Homes, type NamedType } from './homes.js';

/** Types as they are called from within one interface or world. */
export class TypeNames {
  /** Types of other interfaces that are called by name here, and by which. */
  readonly used = new Map<string, { readonly home: Home; readonly as: string }>();
  readonly #taken: Set<string>;

  constructor(
    readonly scope: string,
    readonly homes: Homes,
    private readonly budget: TypeBudget,
    taken: Iterable<string>,
  ) {
    this.#taken = new Set(taken);
  }

  value(value: Value): string {
    this.budget.spend(1);
    if (typeof value === 'string') return value;
    switch (value.kind) {
      case 'named':
        return this.named(value);
      case 'primitive':
        return value.type;
      case 'list':
        return `list<${this.value(value.element)}${value.length === undefined ? '' : `, ${value.length}`}>`;
      case 'tuple':
        return `tuple<${value.types.map((each) => this.value(each)).join(', ')}>`;
      case 'option':
        return `option<${this.value(value.type)}>`;
      case 'result':
        return this.#result(value.ok, value.error);
      case 'own':
        return this.named(value.resource);
      case 'borrow':
        return `borrow<${this.named(value.resource)}>`;
      case 'stream':
      case 'future':
        return value.element === undefined
          ? value.kind
          : `${value.kind}<${this.value(value.element)}>`;
      case 'map':
        return `map<${this.value(value.key)}, ${this.value(value.value)}>`;
      case 'record':
      case 'variant':
      case 'flags':
      case 'enum':
        return this.#refuse(`a ${value.kind} without a name`);
    }
  }

  /** Whether a type is declared here under this name, and is not another name of one. */
  isHome(type: NamedType, name: string): boolean {
    const home = this.homes.of(type);
    return home?.scope === this.scope && home.name === name;
  }

  /** A type by the name it has here; one of another interface is taken over by name. */
  named(type: NamedType): string {
    const home = this.homes.of(type);
    if (home?.scope === this.scope) return escaped(home.name);
    if (home !== undefined && isInterfaceId(home.scope)) return escaped(this.#use(home));
    if (type.kind === 'resource') return this.#refuse('a resource without a name');
    return type.of.kind === 'resource' || type.of.kind === 'named'
      ? this.named(type.of)
      : this.value(type.of as Value);
  }

  /** Parameters and result, after `func` or `constructor`. */
  signature({ params, result }: FuncShape, parsed: ParsedName | undefined): string {
    const listed = parsed?.kind === 'method' ? params.slice(1) : params;
    const isConstructor = parsed?.kind === 'constructor';
    const opening = isConstructor ? 'constructor(' : 'func(';
    const text = `${opening}${listed.map((each) => this.labelled(each)).join(', ')})`;
    if (result === undefined || (isConstructor && isHandle(result))) return text;
    return `${text} -> ${this.value(result)}`;
  }

  labelled({ name, type }: LabelledValue): string {
    return `${escaped(name)}: ${this.value(type)}`;
  }

  #use(home: Home): string {
    const key = `${home.scope} ${home.name}`;
    const known = this.used.get(key);
    if (known !== undefined) return known.as;
    let as = home.name;
    for (let at = 2; this.#taken.has(as); at += 1) as = `${home.name}-${at}`;
    this.#taken.add(as);
    this.used.set(key, { home, as });
    return as;
  }

  #result(ok: Value | undefined, error: Value | undefined): string {
    if (ok === undefined && error === undefined) return 'result';
    const first = ok === undefined ? '_' : this.value(ok);
    return error === undefined ? `result<${first}>` : `result<${first}, ${this.value(error)}>`;
  }

  #refuse(what: string): never {
    return this.budget.refuse('wit-inexpressible', `WIT has no words for ${what}`);
  }
}

function isHandle(value: Value): boolean {
  const bare = bareValue(value);
  return typeof bare !== 'string' && bare.kind === 'own';
}

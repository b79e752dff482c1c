import { MAX_DEPTH } from '../../limits.js';
import type { TypeBudget } from '../typing/budget.js';
import type { FuncShape, Member, Members } from '../typing/shapes.js';
import { escaped, Homes, interfacePath, splitInterfaceId } from './homes.js';
import { printUses, sortFunctions, typesOf } from './print-types.js';
import { TypeNames } from './type-names.js';
import { WitWriter } from './writer.js';

/** What a world imports and exports. */
export interface World {
  readonly imports: Members;
  readonly exports: Members;
}

const WORLD = 'world';
const ROOT_PACKAGE = 'root:component';

type Direction = 'import' | 'export';

/** A WIT document: the world, if there is one, and every interface that it speaks of. */
export class WitDocument {
  readonly #homes = new Homes();
  readonly #interfaces = new Map<string, Map<string, Member>>();
  readonly #writer: WitWriter;

  constructor(private readonly budget: TypeBudget) {
    this.#writer = new WitWriter(budget);
  }

  /** Takes in the interfaces that stand in a list of imports or exports. */
  collect(direction: Direction, members: Members): void {
    for (const [name, member] of members) {
      if (member.sort !== 'instance') continue;
      const id = interfaceIdOf(name, member);
      const { exports } = member.type;
      this.#homes.settle(id ?? `${direction} ${name}`, exports);
      if (id === undefined) continue;
      const known = this.#interfaces.get(id) ?? new Map<string, Member>();
      for (const [key, each] of exports) if (!known.has(key)) known.set(key, each);
      this.#interfaces.set(id, known);
    }
    this.#homes.settle(WORLD, members);
  }

  print(world: World | undefined, comment?: string): string {
    const writer = this.#writer;
    writer.line(`package ${ROOT_PACKAGE};`);
    if (comment !== undefined) {
      writer.line();
      writer.line(`// ${comment}`);
    }
    if (world !== undefined) {
      writer.line();
      writer.block('world root', () => {
        this.#printWorld(world);
      });
    }
    for (const [name, ids] of this.#packages()) {
      writer.line();
      writer.block(`package ${name}`, () => {
        for (const id of ids) this.#printNamed(id, name);
      });
    }
    return writer.text();
  }

  /** The interfaces by package, in their order; a package stands after those that it uses. */
  #packages(): Map<string, string[]> {
    const ids = new Map<string, string[]>();
    for (const id of this.#interfaces.keys()) {
      const { package: name } = splitInterfaceId(id);
      const known = ids.get(name);
      if (known === undefined) ids.set(name, [id]);
      else known.push(id);
    }
    const sorted = new Map<string, string[]>();
    const begun = new Set<string>();
    const visit = (name: string, depth: number): void => {
      if (begun.has(name)) return;
      begun.add(name);
      // Beyond any chain of packages that people write, order is of no use to anybody.
      if (depth < MAX_DEPTH) {
        for (const id of ids.get(name) ?? []) {
          for (const used of this.#uses(id)) visit(used, depth + 1);
        }
      }
      sorted.set(name, ids.get(name) ?? []);
    };
    for (const name of ids.keys()) visit(name, 0);
    return sorted;
  }

  /** The packages whose types an interface takes over. */
  #uses(id: string): string[] {
    const members = this.#interfaces.get(id) ?? new Map<string, Member>();
    const names = this.#names(id, members);
    const nowhere = new WitWriter(this.budget);
    const { uses } = typesOf(members, sortFunctions(members), names, nowhere);
    this.#measure(members, names);
    return [...uses, ...implicitUses(names)].map(({ from }) => splitInterfaceId(from).package);
  }

  #printNamed(id: string, within: string): void {
    this.#writer.block(`interface ${escaped(splitInterfaceId(id).name)}`, () => {
      this.#printInterface(id, this.#interfaces.get(id) ?? new Map(), within);
    });
  }

  #printInterface(scope: string, members: Members, within: string): void {
    const writer = this.#writer;
    const names = this.#names(scope, members);
    const functions = sortFunctions(members);
    const { uses, declarations } = typesOf(members, functions, names, writer);
    // What is used without being named here is known only when all has been written once.
    const free = functions.free.map(([name, func]) => this.#function(name, func, names));
    this.#measure(members, names);
    printUses([...uses, ...implicitUses(names)], within, writer);
    let any = uses.length + names.used.size > 0;
    const functionLines = free.map((text) => () => {
      writer.line(text);
    });
    for (const item of [...declarations, ...functionLines]) {
      if (any) writer.line();
      any = true;
      item();
    }
  }

  #printWorld({ imports, exports }: World): void {
    const writer = this.#writer;
    const names = this.#names(WORLD, imports);
    const functions = sortFunctions(imports);
    let any = false;
    for (const [name, member] of imports) {
      if (member.sort === 'func' || member.sort === 'type') continue;
      this.#printItem('import', name, member);
      any = true;
    }
    this.#measure(imports, names);
    this.#measure(exports, names);
    const { uses, declarations } = typesOf(imports, functions, names, writer);
    const all = [...uses, ...implicitUses(names)];
    printUses(all, ROOT_PACKAGE, writer);
    any ||= all.length > 0;
    for (const declaration of declarations) {
      if (any) writer.line();
      declaration();
      any = true;
    }
    for (const [name, func] of functions.free) {
      writer.line(`import ${this.#function(name, func, names)}`);
      any = true;
    }
    if (exports.size > 0 && any) writer.line();
    for (const [name, member] of exports) {
      if (member.sort !== 'func') this.#printItem('export', name, member);
      else writer.line(`export ${this.#function(name, member.type, names)}`);
    }
  }

  #printItem(direction: Direction, name: string, member: Member): void {
    const writer = this.#writer;
    if (member.sort !== 'instance') {
      writer.line(`// ${direction} ${name}: a ${member.sort}, which WIT cannot say`);
      return;
    }
    const id = interfaceIdOf(name, member);
    if (id === undefined) {
      writer.block(`${direction} ${escaped(name)}: interface`, () => {
        this.#printInterface(`${direction} ${name}`, member.type.exports, ROOT_PACKAGE);
      });
      return;
    }
    const label = member.attributes?.implements === undefined ? '' : `${escaped(name)}: `;
    writer.line(`${direction} ${label}${interfacePath(id, ROOT_PACKAGE)};`);
  }

  #function(name: string, func: FuncShape, names: TypeNames): string {
    const signature = names.signature(func, undefined);
    return `${escaped(name)}: ${func.async ? 'async ' : ''}${signature};`;
  }

  #names(scope: string, members: Members): TypeNames {
    return new TypeNames(scope, this.#homes, this.budget, members.keys());
  }

  /** Writes every type into nothing, so that `names` learns which of other interfaces are used. */
  #measure(members: Members, names: TypeNames): void {
    const nowhere = new WitWriter(this.budget);
    const functions = sortFunctions(members);
    for (const declare of typesOf(members, functions, names, nowhere).declarations) declare();
    for (const [, func] of functions.free) names.signature(func, undefined);
  }
}

function implicitUses({ used }: TypeNames): { from: string; name: string; as: string }[] {
  return [...used.values()].map(({ home, as }) => ({ from: home.scope, name: home.name, as }));
}

/** The id of the interface that an instance is of; none of one that is only named. */
function interfaceIdOf(name: string, { attributes }: Member): string | undefined {
  const id = attributes?.implements ?? name;
  if (!id.includes('/') || id.includes('=')) return undefined;
  return attributes?.implements === undefined ? `${id}${attributes?.versionSuffix ?? ''}` : id;
}

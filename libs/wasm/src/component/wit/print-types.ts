import { parseExternName, type ParsedName } from '../typing/extern-names.js';
import type { AnyShape, FuncShape, Member, Members } from '../typing/shapes.js';
import { escaped, interfacePath, isInterfaceId, type Home } from './homes.js';
import type { TypeNames } from './type-names.js';
import type { WitWriter } from './writer.js';

/** The functions of a list by whether they belong to a resource of it. */
export interface Functions {
  readonly ofResource: ReadonlyMap<string, readonly [ParsedName, FuncShape][]>;
  readonly free: readonly [string, FuncShape][];
}

/** A line that takes types over, or a declaration. */
interface PrintedTypes {
  readonly uses: readonly { readonly from: string; readonly name: string; readonly as: string }[];
  readonly declarations: readonly (() => void)[];
}

export function sortFunctions(members: Members): Functions {
  const ofResource = new Map<string, [ParsedName, FuncShape][]>();
  const free: [string, FuncShape][] = [];
  for (const [name, { sort, type }] of members) {
    if (sort !== 'func') continue;
    const parsed = parseExternName(name);
    if (parsed === undefined || !('resource' in parsed)) free.push([name, type]);
    else
      ofResource.set(parsed.resource, [...(ofResource.get(parsed.resource) ?? []), [parsed, type]]);
  }
  return { ofResource, free };
}

/** What types there are, and how each is written; `names` learns of those it takes over. */
export function typesOf(
  members: Members,
  functions: Functions,
  names: TypeNames,
  writer: WitWriter,
): PrintedTypes {
  const uses: { from: string; name: string; as: string }[] = [];
  const declarations: (() => void)[] = [];
  for (const [name, member] of members) {
    if (member.sort !== 'type') continue;
    // What has its functions here is declared here, wherever else it was seen before.
    const used = functions.ofResource.has(name) ? undefined : usedFrom(member, names);
    if (used !== undefined) {
      uses.push({ from: used.scope, name: used.name, as: name });
      continue;
    }
    declarations.push(() => {
      declare(name, member.type, functions, names, writer);
    });
  }
  return { uses, declarations };
}

/** `use` lines: those to one interface that stand beside each other are one. */
export function printUses(uses: PrintedTypes['uses'], within: string, writer: WitWriter): void {
  const groups: { from: string; names: string[] }[] = [];
  for (const { from, name, as } of uses) {
    const written = name === as ? escaped(name) : `${escaped(name)} as ${escaped(as)}`;
    const last = groups.at(-1);
    if (last?.from === from) last.names.push(written);
    else groups.push({ from, names: [written] });
  }
  for (const { from, names } of groups) {
    writer.line(`use ${interfacePath(from, within)}.{${names.join(', ')}};`);
  }
}

/** The interface, other than this one, that a type is another name from. */
function usedFrom({ type }: Member & { sort: 'type' }, names: TypeNames): Home | undefined {
  let at: AnyShape = type;
  while (at.kind === 'named' || at.kind === 'resource') {
    const home = names.homes.of(at);
    if (home !== undefined && home.scope !== names.scope && isInterfaceId(home.scope)) return home;
    const isAliasHere = at !== type && home?.scope === names.scope;
    if (at.kind === 'resource' || isAliasHere) return undefined;
    at = at.of;
  }
  return undefined;
}

function declare(
  name: string,
  type: AnyShape,
  functions: Functions,
  names: TypeNames,
  writer: WitWriter,
): void {
  const label = escaped(name);
  const of = type.kind === 'named' ? type.of : type;
  switch (of.kind) {
    case 'resource':
      if (names.isHome(of, name) || functions.ofResource.has(name))
        printResource(label, functions.ofResource.get(name) ?? [], names, writer);
      else writer.line(`type ${label} = ${names.named(of)};`);
      break;
    case 'record':
      writer.block(`record ${label}`, () => {
        for (const field of of.fields) writer.line(`${names.labelled(field)},`);
      });
      break;
    case 'variant':
      writer.block(`variant ${label}`, () => {
        for (const { name: of_, type: carried } of of.cases) {
          const value = carried === undefined ? '' : `(${names.value(carried)})`;
          writer.line(`${escaped(of_)}${value},`);
        }
      });
      break;
    case 'flags':
    case 'enum':
      writer.block(`${of.kind} ${label}`, () => {
        for (const each of of.names) writer.line(`${escaped(each)},`);
      });
      break;
    case 'func':
    case 'instance':
    case 'component':
      writer.line(`// ${name}: a type of ${of.kind}, which WIT cannot say`);
      break;
    default:
      writer.line(`type ${label} = ${names.value(of)};`);
  }
}

function printResource(
  label: string,
  functions: readonly [ParsedName, FuncShape][],
  names: TypeNames,
  writer: WitWriter,
): void {
  if (functions.length === 0) {
    writer.line(`resource ${label};`);
    return;
  }
  writer.block(`resource ${label}`, () => {
    for (const [parsed, func] of functions) {
      const named = 'label' in parsed ? `${escaped(parsed.label)}: ` : '';
      const isStatic = parsed.kind === 'static' ? 'static ' : '';
      const isAsync = func.async ? 'async ' : '';
      writer.line(`${named}${isStatic}${isAsync}${names.signature(func, parsed)};`);
    }
  });
}

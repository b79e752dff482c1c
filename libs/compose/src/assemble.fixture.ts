import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

/** Hand assembly of modules and components for the tests. */
export type Bytes = readonly number[] | Uint8Array;

export const MODULE = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
export const COMPONENT = [0x00, 0x61, 0x73, 0x6d, 0x0d, 0x00, 0x01, 0x00];

/** The interface that is passed between the components of {@link composition}. */
export const API = 'demo:pkg/api@1.0.0';

export function join(...parts: readonly Bytes[]): Uint8Array {
  return concatBytes(...parts.map((part) => Uint8Array.from(part)));
}

export function leb(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...leb(Math.floor(value / 0x80))];
}

export function text(value: string): Uint8Array {
  const bytes = utf8ToBytes(value);
  return join(leb(bytes.length), bytes);
}

export function section(id: number, ...body: Bytes[]): Uint8Array {
  const bytes = join(...body);
  return join([id], leb(bytes.length), bytes);
}

/** A section of that many definitions. */
export function vector(id: number, ...items: Bytes[]): Uint8Array {
  return section(id, leb(items.length), ...items);
}

export function custom(name: string, ...body: Bytes[]): Uint8Array {
  return section(0, text(name), ...body);
}

/** What a component calls itself. */
export function componentName(name: string): Uint8Array {
  const label = text(name);
  return custom('component-name', [0x00, ...leb(label.length)], label);
}

export const externName = (name: string): Uint8Array => join([0x00], text(name));

const FUNC_TYPE = [0x40, 0x00, 0x01, 0x00];
/** An instance with these functions of one type. */
function funcInstanceType(type: Bytes, names: readonly string[]): Uint8Array {
  const exported = names.map((name) => join([0x04], externName(name), [0x01, 0x00]));
  return join([0x42], leb(1 + names.length), [0x01], type, ...exported);
}

/** A module with one function `run` of so many no-ops, which tell it from others. */
export function runModule(nops = 0): Uint8Array {
  const body = [0x00, ...Array.from({ length: nops }, () => 0x01), 0x0b];
  return join(
    MODULE,
    section(1, [0x01, 0x60, 0x00, 0x00]),
    section(3, [0x01, 0x00]),
    section(7, [0x01], text('run'), [0x00, 0x00]),
    section(10, [0x01], leb(body.length), body),
  );
}

/** Exports {@link API}, made from a module. */
export function provider(nops = 0, ...more: Bytes[]): Uint8Array {
  return join(
    COMPONENT,
    section(1, runModule(nops)),
    vector(2, [0x00, 0x00, 0x00]),
    vector(6, join([0x00, 0x00, 0x01, 0x00], text('run'))),
    vector(7, FUNC_TYPE),
    vector(8, [0x00, 0x00, 0x00, 0x00, 0x00]),
    vector(5, join([0x01, 0x01], externName('run'), [0x01, 0x00])),
    vector(11, join(externName(API), [0x05, 0x00, 0x00])),
    ...more,
  );
}

/** Imports {@link API} and exports it again. */
export function consumer(...more: Bytes[]): Uint8Array {
  return consumerOf({}, ...more);
}

/** A consumer that asks for these functions of this type, under this name. */
export function consumerOf(
  {
    name = API,
    type = FUNC_TYPE,
    funcs = ['run'],
  }: { name?: string; type?: Bytes; funcs?: readonly string[] },
  ...more: Bytes[]
): Uint8Array {
  return join(
    COMPONENT,
    vector(7, funcInstanceType(type, funcs)),
    vector(10, join(externName(name), [0x05, 0x00])),
    vector(11, join(externName('demo:pkg/front@1.0.0'), [0x05, 0x00, 0x00])),
    ...more,
  );
}

const instantiate = (component: number, ...args: Bytes[]): Uint8Array =>
  join([0x00], leb(component), leb(args.length), ...args);

const alias = (instance: number, name: string): Uint8Array =>
  join([0x05, 0x00], leb(instance), text(name));

/**
 * Two providers and a consumer; `wire` says which provider's API the consumer is given. Instances
 * 0 and 1 are the providers, 2 the alias, 3 the consumer, 4 its export.
 */
export function composition({
  first = provider(0),
  second = provider(1),
  last = consumer(),
  wire = 0,
  wanted = API,
  more = [],
}: {
  first?: Uint8Array;
  second?: Uint8Array;
  last?: Uint8Array;
  wire?: 0 | 1;
  /** The name of the consumer's import. */
  wanted?: string;
  more?: Bytes[];
} = {}): Uint8Array {
  return join(
    COMPONENT,
    section(4, first),
    section(4, second),
    section(4, last),
    vector(5, instantiate(0), instantiate(1)),
    vector(6, alias(wire, API)),
    vector(5, instantiate(2, join(text(wanted), [0x05, 0x02]))),
    vector(6, alias(3, 'demo:pkg/front@1.0.0')),
    vector(11, join(externName('demo:pkg/front@1.0.0'), [0x05, 0x04, 0x00])),
    ...more,
  );
}

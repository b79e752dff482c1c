import { describe } from './describe.js';
import { first, within, type MismatchCode, type Verdict } from './mismatch.js';
import {
  bareValue,
  resourceOf,
  type AnyShape,
  type FuncShape,
  type ResourceShape,
  type Value,
  type ValueShape,
} from './shapes.js';

/** Whether one resource may stand for another, and what has been found equal already. */
export interface ValueContext {
  sameResource(provided: ResourceShape, required: ResourceShape): boolean;
  isKnownEqual(provided: AnyShape, required: AnyShape): boolean;
  noteEqual(provided: AnyShape, required: AnyShape): void;
  /** Pays for that many parts. */
  spend(parts: number): void;
}

type Labelled = readonly { readonly name: string; readonly type?: Value }[];

/**
 * Value types fit when they are equal (component model, Explainer.md, "Type Checking": subtyping is
 * relaxed for modules, instances and components alone). Names do not count, resources do.
 */
export function compareValues(provided: Value, required: Value, context: ValueContext): Verdict {
  const [a, b] = [bareValue(provided), bareValue(required)];
  if (typeof a === 'string' || typeof b === 'string') {
    return a === b ? undefined : differ('type-different', provided, required);
  }
  if (context.isKnownEqual(a, b)) return undefined;
  const verdict =
    a.kind === b.kind
      ? compareParts(a as ValueShape, b as ValueShape, context)
      : differ('kind-different', provided, required);
  if (verdict === undefined) context.noteEqual(a, b);
  return verdict;
}

/** Functions fit when they are equal as well: names of parameters count. */
export function compareFuncs(a: FuncShape, b: FuncShape, context: ValueContext): Verdict {
  if (a.async !== b.async) return differ('async-different', a, b);
  return (
    compareLabelled(a.params, b.params, 'param', { a, b, context }) ??
    compareOptional('result', a.result, b.result, { a, b, context })
  );
}

interface Compared {
  a: AnyShape;
  b: AnyShape;
  context: ValueContext;
}

function compareParts(a: ValueShape, b: ValueShape, context: ValueContext): Verdict {
  const both = { a, b, context };
  switch (a.kind) {
    case 'record':
      return compareLabelled(a.fields, (b as typeof a).fields, 'field', both);
    case 'variant':
      return compareLabelled(a.cases, (b as typeof a).cases, 'case', both);
    case 'flags':
    case 'enum':
      context.spend(a.names.length);
      return a.names.join() === (b as typeof a).names.join()
        ? undefined
        : differ('labels-different', a, b);
    case 'tuple': {
      const { types } = b as typeof a;
      context.spend(types.length);
      if (a.types.length !== types.length) return differ('labels-different', a, b);
      return first(a.types.entries(), ([at, type]) =>
        within(`tuple ${at}`, compareValues(type, types[at] ?? 'bool', context)),
      );
    }
    case 'list': {
      const { element, length } = b as typeof a;
      if (a.length !== length) return differ('type-different', a, b);
      return within('element', compareValues(a.element, element, context));
    }
    case 'option':
      return within('some', compareValues(a.type, (b as typeof a).type, context));
    case 'result': {
      const { ok, error } = b as typeof a;
      return (
        compareOptional('ok', a.ok, ok, both) ?? compareOptional('error', a.error, error, both)
      );
    }
    case 'own':
    case 'borrow':
      return context.sameResource(resourceOf(a), resourceOf(b as typeof a))
        ? undefined
        : differ('resource-different', a, b);
    case 'stream':
    case 'future':
      return compareOptional('element', a.element, (b as typeof a).element, both);
    case 'map':
      return (
        within('key', compareValues(a.key, (b as typeof a).key, context)) ??
        within('value', compareValues(a.value, (b as typeof a).value, context))
      );
    case 'primitive':
      return undefined;
  }
}

function compareLabelled(a: Labelled, b: Labelled, what: string, whole: Compared): Verdict {
  whole.context.spend(a.length);
  const isSame = a.length === b.length && a.every(({ name }, at) => name === b[at]?.name);
  if (!isSame) return differ('labels-different', whole.a, whole.b);
  return first(a.entries(), ([at, { name, type }]) =>
    compareOptional(`${what} ${name}`, type, b[at]?.type, whole),
  );
}

function compareOptional(
  segment: string,
  a: Value | undefined,
  b: Value | undefined,
  whole: Compared,
): Verdict {
  if (a !== undefined && b !== undefined)
    return within(segment, compareValues(a, b, whole.context));
  if (a === b) return undefined;
  const [provided, required] = [a, b].map((type) => (type === undefined ? 'none' : describe(type)));
  return {
    ...{ code: 'kind-different', path: [segment] },
    ...{ provided: provided ?? '', required: required ?? '' },
  };
}

export function differ(
  code: MismatchCode,
  provided: Value | AnyShape,
  required: Value | AnyShape,
): Verdict {
  const [a, b] = [describe(provided), describe(required)];
  // The same words for two resources would tell nobody what is wrong.
  return { code, path: [], provided: a, required: a === b ? `another ${b}` : b };
}

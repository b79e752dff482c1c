import { find, type Field, type FuncShape, type Item, type TypeNode, type Value } from './types.js';

/** Told of every place where what is given does not fit what is asked for. */
export type OnMismatch = (path: readonly string[], reason: string) => void;

/**
 * Gives `actual` for `wanted`: types that go by one name become one type, the actual one standing
 * for both, and all else must be the same. An instance may export more than is asked for.
 */
export function bind(
  wanted: Item,
  actual: Item,
  mismatch: OnMismatch,
  path: readonly string[] = [],
): void {
  if (wanted.sort === 'type' && actual.sort === 'type') {
    const reason = joinTypes(wanted.type, actual.type);
    if (reason !== undefined) mismatch(path, reason);
  } else if (wanted.sort === 'func' && actual.sort === 'func') {
    const reason = funcMismatch(wanted.func, actual.func);
    if (reason !== undefined) mismatch(path, reason);
  } else if (wanted.sort === 'instance' && actual.sort === 'instance') {
    for (const [name, item] of wanted.exports) {
      const found = actual.exports.get(name);
      if (found === undefined) mismatch([...path, name], 'is asked for and not given');
      else bind(item, found, mismatch, [...path, name]);
    }
  } else {
    const fits = wanted.sort === actual.sort ? 'cannot be passed on' : `is a ${actual.sort}`;
    mismatch(path, `a ${wanted.sort} is asked for, what is given ${fits}`);
  }
}

/**
 * Makes two types one, if they can be: a resource that is awaited becomes the one that is given;
 * all else must be built alike.
 */
export function joinTypes(wanted: TypeNode, actual: TypeNode): string | undefined {
  const [one, other] = [find(wanted), find(actual)];
  if (one === other) return undefined;
  if (other.shape.kind !== one.shape.kind) {
    return `a ${one.shape.kind} is asked for, a ${other.shape.kind} is given`;
  }
  const reason = one.given === 'awaited' ? undefined : shapeMismatch(one, other);
  if (reason === undefined) join(one, other);
  return reason;
}

/** From here on the second stands for both. */
export function join(one: TypeNode, other: TypeNode): void {
  one.joined = other;
  if (other.home === undefined && one.home !== undefined) other.home = one.home;
  if (other.spokenOf === undefined && one.spokenOf !== undefined) other.spokenOf = one.spokenOf;
}

export function funcMismatch(wanted: FuncShape, actual: FuncShape): string | undefined {
  if (wanted.async !== actual.async) return 'one function is async, the other is not';
  const params = fieldsMismatch(wanted.params, actual.params, 'parameter');
  if (params !== undefined) return params;
  return optionalMismatch(wanted.result, actual.result, 'result');
}

/** Why two values are not of one type. What was found to be one is joined, so each pair is met once. */
function valueMismatch(wanted: Value, actual: Value): string | undefined {
  const [one, other] = [plain(wanted), plain(actual)];
  if (typeof one === 'string' || typeof other === 'string') {
    return one === other ? undefined : `${spell(one)} is asked for, ${spell(other)} is given`;
  }
  if (one === other) return undefined;
  if (one.shape.kind === 'resource') return 'another resource is given';
  const reason = shapeMismatch(one, other);
  if (reason === undefined) join(one, other);
  return reason;
}

/** A name for a primitive is that primitive. */
function plain(value: Value): Value {
  if (typeof value === 'string') return value;
  const node = find(value);
  return node.shape.kind === 'primitive' ? node.shape.type : node;
}

function spell(value: Value): string {
  return typeof value === 'string' ? value : `a ${value.shape.kind}`;
}

function shapeMismatch({ shape: one }: TypeNode, { shape: other }: TypeNode): string | undefined {
  const differ = `a ${one.kind} is asked for, a ${other.kind} is given`;
  switch (one.kind) {
    case 'resource':
      return 'another resource is given';
    case 'primitive':
      if (other.kind !== one.kind) return differ;
      return other.type === one.type
        ? undefined
        : `${one.type} is asked for, ${other.type} is given`;
    case 'record':
      return other.kind === one.kind ? fieldsMismatch(one.fields, other.fields, 'field') : differ;
    case 'variant':
      return other.kind === one.kind ? casesMismatch(one.cases, other.cases) : differ;
    case 'flags':
    case 'enum':
      return other.kind === one.kind ? namesMismatch(one.names, other.names, one.kind) : differ;
    case 'tuple':
      return other.kind === one.kind ? listMismatch(one.types, other.types) : differ;
    case 'list':
      if (other.kind !== one.kind) return differ;
      if (one.length !== other.length) return 'the lists are of different lengths';
      return within('element', valueMismatch(one.element, other.element));
    case 'option':
      return other.kind === one.kind ? within('some', valueMismatch(one.type, other.type)) : differ;
    case 'result':
      if (other.kind !== one.kind) return differ;
      return (
        optionalMismatch(one.ok, other.ok, 'ok') ??
        optionalMismatch(one.error, other.error, 'error')
      );
    case 'own':
    case 'borrow':
      return other.kind === one.kind ? valueMismatch(one.resource, other.resource) : differ;
    case 'stream':
    case 'future':
      return other.kind === one.kind
        ? optionalMismatch(one.element, other.element, 'element')
        : differ;
    case 'map':
      if (other.kind !== one.kind) return differ;
      return (
        within('key', valueMismatch(one.key, other.key)) ??
        within('value', valueMismatch(one.value, other.value))
      );
  }
}

function within(place: string, reason: string | undefined): string | undefined {
  return reason === undefined ? undefined : `${place}: ${reason}`;
}

function optionalMismatch(
  one: Value | undefined,
  other: Value | undefined,
  place: string,
): string | undefined {
  if (one === undefined || other === undefined) {
    return one === other ? undefined : `${place}: one has a type, the other has none`;
  }
  return within(place, valueMismatch(one, other));
}

function namesMismatch(
  one: readonly string[],
  other: readonly string[],
  what: string,
): string | undefined {
  const at = one.length === other.length ? one.findIndex((name, i) => name !== other[i]) : -1;
  if (one.length === other.length && at === -1) return undefined;
  return `${what}: ${one.join(', ')} is asked for, ${other.join(', ')} is given`;
}

function fieldsMismatch(
  one: readonly Field[],
  other: readonly Field[],
  what: string,
): string | undefined {
  const names = (fields: readonly Field[]): string[] => fields.map(({ name }) => name);
  const named = namesMismatch(names(one), names(other), `${what}s`);
  if (named !== undefined) return named;
  for (const [index, { name, type }] of one.entries()) {
    const given = other[index]?.type ?? 'bool';
    const reason = within(`${what} ${name}`, valueMismatch(type, given));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function casesMismatch(
  one: readonly { name: string; type?: Value }[],
  other: readonly { name: string; type?: Value }[],
): string | undefined {
  const names = (cases: readonly { name: string }[]): string[] => cases.map(({ name }) => name);
  const named = namesMismatch(names(one), names(other), 'cases');
  if (named !== undefined) return named;
  for (const [index, { name, type }] of one.entries()) {
    const reason = optionalMismatch(type, other[index]?.type, `case ${name}`);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

function listMismatch(one: readonly Value[], other: readonly Value[]): string | undefined {
  if (one.length !== other.length) return 'the tuples are of different lengths';
  for (const [index, type] of one.entries()) {
    const reason = within(`item ${index}`, valueMismatch(type, other[index] ?? 'bool'));
    if (reason !== undefined) return reason;
  }
  return undefined;
}

import type { CoreLimits } from '../core-types.js';
import {
  unnamed,
  type AnyShape,
  type CoreShape,
  type ItemShape,
  type LabelledValue,
  type Value,
} from './shapes.js';

/** Levels, and parts of one level, that a description writes out. */
const DEPTH = 3;
const PARTS = 6;
/** Characters of the text of a core type. */
const TEXT = 100;

/** A type in the words of WIT, short enough for a message. */
export function describe(type: Value | AnyShape, depth = DEPTH): string {
  if (typeof type === 'string') return type;
  const inner = (value: Value | AnyShape): string =>
    depth === 0 ? '…' : describe(value, depth - 1);
  const optional = (value: Value | undefined): string => (value === undefined ? '_' : inner(value));
  switch (type.kind) {
    case 'primitive':
      return type.type;
    case 'named': {
      const of = unnamed(type);
      // A resource that was defined has no name but the one that it is exported by.
      const isOwn = of.kind === 'resource' && of.name === '';
      return isOwn ? `resource ${type.name}` : `${type.name} (${inner(type.of)})`;
    }
    case 'record':
      return `record { ${labels(type.fields, inner)} }`;
    case 'variant':
      return `variant { ${some(type.cases, ({ name, type: of }) => (of === undefined ? name : `${name}(${inner(of)})`))} }`;
    case 'flags':
    case 'enum':
      return `${type.kind} { ${some(type.names, String)} }`;
    case 'list':
      return `list<${inner(type.element)}${type.length === undefined ? '' : `, ${type.length}`}>`;
    case 'tuple':
      return `tuple<${some(type.types, inner)}>`;
    case 'option':
      return `option<${inner(type.type)}>`;
    case 'result':
      return type.ok === undefined && type.error === undefined
        ? 'result'
        : `result<${optional(type.ok)}${type.error === undefined ? '' : `, ${inner(type.error)}`}>`;
    case 'own':
    case 'borrow':
      return `${type.kind}<${resourceName(type.resource)}>`;
    case 'stream':
    case 'future':
      return type.element === undefined ? type.kind : `${type.kind}<${inner(type.element)}>`;
    case 'map':
      return `map<${inner(type.key)}, ${inner(type.value)}>`;
    case 'resource':
      return type.name === '' ? 'resource' : `resource ${type.name}`;
    case 'func':
      return `${type.async ? 'async ' : ''}func(${labels(type.params, inner)})${type.result === undefined ? '' : ` -> ${inner(type.result)}`}`;
    case 'instance':
    case 'component':
      return `${type.kind} { ${some([...type.exports.keys()], String)} }`;
  }
}

export function describeItem({ sort, type }: ItemShape): string {
  if (sort === 'core module') return 'core module';
  if (sort === 'type' || sort === 'value') return `${sort} ${describe(type)}`;
  return sort === 'func' ? describe(type) : sort;
}

export function describeCore(shape: CoreShape): string {
  if (shape.kind === 'func' || shape.kind === 'tag') {
    const { type } = shape;
    return typeof type === 'string'
      ? `${shape.kind} ${type.length > TEXT ? `${type.slice(0, TEXT)}…` : type}`
      : `${shape.kind} (${type.params.join(' ')}) -> (${type.results.join(' ')})`;
  }
  if (shape.kind === 'global') return `global ${shape.mutable ? 'mut ' : ''}${shape.type}`;
  const { minimum, maximum, shared, index } = (shape as { limits: CoreLimits }).limits;
  const element = shape.kind === 'table' ? ` ${shape.element}` : '';
  const bounds = maximum === undefined ? `${minimum} or more` : `${minimum} to ${maximum}`;
  return `${shape.kind}${element} of ${bounds}${shared ? ', shared' : ''}${index === 'i64' ? ', 64-bit' : ''}`;
}

function resourceName(resource: AnyShape): string {
  return resource.kind === 'named' || resource.kind === 'resource' ? resource.name : resource.kind;
}

function labels(entries: readonly LabelledValue[], inner: (value: Value) => string): string {
  return some(entries, ({ name, type }) => `${name}: ${inner(type)}`);
}

/** The first few; the others are not even looked at. */
function some<T>(parts: readonly T[], write: (part: T) => string): string {
  const shown = parts.slice(0, PARTS).map(write).join(', ');
  return parts.length > PARTS ? `${shown}, … (${parts.length})` : shown;
}

import type { AnyShape, ItemShape, Members, ModuleShape, Value } from './shapes.js';

type Part = Value | AnyShape | ModuleShape;

/** What a shape is put together from, one level down. */
export function partsOf(shape: AnyShape | ModuleShape): Part[] {
  switch (shape.kind) {
    case 'record':
      return shape.fields.map(({ type }) => type);
    case 'variant':
      return shape.cases.map(({ type }) => type ?? 'bool');
    case 'tuple':
      return [...shape.types];
    case 'flags':
    case 'enum':
      return shape.names.map(() => 'bool');
    case 'list':
      return [shape.element];
    case 'option':
      return [shape.type];
    case 'result':
      return present(shape.ok, shape.error);
    case 'own':
    case 'borrow':
      return [shape.resource];
    case 'stream':
    case 'future':
      return present(shape.element);
    case 'map':
      return [shape.key, shape.value];
    case 'named':
      return [shape.of];
    case 'func':
      return present(...shape.params.map(({ type }) => type), shape.result);
    case 'instance':
      return partsOfMembers(shape.exports);
    case 'component':
      return [...partsOfMembers(shape.imports), ...partsOfMembers(shape.exports)];
    case 'module':
      return [...shape.imports, ...shape.exports].map(() => 'bool');
    case 'primitive':
    case 'resource':
      return [];
  }
}

function partsOfMembers(members: Members): Part[] {
  return [...members.values()].map(({ type }: ItemShape) => type);
}

function present(...parts: (Part | undefined)[]): Part[] {
  return parts.filter((part) => part !== undefined);
}

import { describe, expect, it } from 'vitest';

import { join, leb, section, text, vector, type Bytes } from '../../assemble.fixture.js';
import {
  component,
  exports,
  externName,
  imports,
  instances,
  nested,
  types,
} from '../assemble.fixture.js';
import { codeOf, FUNC, func, record, U8, variant } from './types.fixture.js';

const TYPE = 0x03;

const many = <T>(count: number, make: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => make(at));
const fields = (count: number): [string, number][] => many(count, (at) => [`f${at}`, U8]);
/** `join` of many, which are more than a call has arguments. */
const listed = (items: readonly Bytes[]): Uint8Array =>
  Uint8Array.from([...leb(items.length), ...items.flatMap((each) => [...each])]);

const typeImport = imports(join(externName('t'), [TYPE, 0x00, 0x00]));

/** So many instances of a component, each given a record of so many fields, which it exports. */
function passed(size: number, count: number): Uint8Array {
  const wide = types(record(...fields(size)));
  const passing = component(wide, typeImport, exports(join(externName('u'), [TYPE, 0x01, 0x00])));
  const instance = join([0x00, 0x00, 0x01], text('t'), [TYPE, 0x01]);
  return component(wide, typeImport, nested(passing), instances(...many(count, () => instance)));
}

/** So many imports of a function of so many parameters. */
const shared = (size: number, count: number): Uint8Array =>
  component(
    types(func(fields(size))),
    section(10, listed(many(count, (at) => join(externName(`g${at}`), [FUNC, 0x00])))),
  );

/** So many imports of an instance with so many exports, all of one type. */
function collected(size: number, count: number): Uint8Array {
  const exported = many(size, (at) => join([0x04], externName(`g${at}`), [FUNC, 0x00]));
  const type = join([0x42], listed([join([0x01], func([])), ...exported]));
  return component(
    types(type),
    section(10, listed(many(count, (at) => join(externName(`i${at}`), [0x05, 0x00])))),
  );
}

describe('what a few bytes repeat', () => {
  it.each<[string, Uint8Array, Uint8Array]>([
    ['a wide record given to many instances', passed(1_000, 100), passed(10_000, 1_000)],
    ['a function of many parameters imported often', shared(1_000, 100), shared(1_000, 10_000)],
    ['an instance of many exports imported often', collected(1_000, 100), collected(10_000, 1_000)],
  ])('%s is paid for', (_, few, lots) => {
    expect([codeOf(few), codeOf(lots)]).toEqual(['taken', 'type-too-large']);
  });

  it.each<[string, Uint8Array]>([
    ['fields', record(...fields(10_001))],
    ['cases', variant(...many(10_001, (at): [string] => [`c${at}`]))],
    ['labels', join([0x6d], vector(many(10_001, (at) => text(`l${at}`))))],
    ['types of a tuple', join([0x6f], vector(many(10_001, () => [U8])))],
    ['parameters', func(fields(1_001))],
  ])('more %s than wasm-tools takes are refused', (_, type) => {
    expect(codeOf(component(types(type)))).toBe('type-malformed');
  });
});

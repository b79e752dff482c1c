import { describe, expect, it } from 'vitest';

import { join, preamble, section, text, vector, type Bytes } from '../../assemble.fixture.js';
import { WasmError } from '../../errors.js';
import {
  aliases,
  canons,
  component,
  coreInstances,
  coreModule,
  coreTypes,
  imports,
  externName,
  types,
} from '../assemble.fixture.js';
import { FUNC, func, listOf, typed, U32, U8 } from './types.fixture.js';

const I32 = 0x7f;
const I64 = 0x7e;

function refusal(...sections: Bytes[]): string {
  try {
    typed(component(...sections));
  } catch (error) {
    if (error instanceof WasmError) return error.code;
    throw error;
  }
  return 'taken';
}

const signature = (params: number[], results: number[]): Uint8Array =>
  join([0x60], vector(params.map((type) => [type])), vector(results.map((type) => [type])));

/** A module that imports one function of a type, as `f` of a module without a name. */
const wanting = (params: number[], results: number[]): Uint8Array =>
  coreModule(
    join(
      preamble,
      section(1, vector([signature(params, results)])),
      section(2, vector([join(text(''), text('f'), [0x00, 0x00])])),
    ),
  );
/** An instance of the first module, given the first core function. */
const given = coreInstances(join([0x01], vector([join(text('f'), [0x00, 0x00])])), [
  ...[0x00, 0x00, 0x01, 0x00],
  ...[0x12, 0x00],
]);

/** A built-in that is given to a module which wants it with a type. */
const builtin = (bytes: number[], params: number[], results: number[]): string =>
  refusal(wanting(params, results), canons(bytes), given);

describe('core types of built-ins', () => {
  it.each<[string, number[], number[], number[]]>([
    ['thread.index', [0x26], [], [I32]],
    ['thread.resume-later', [0x28], [I32], []],
    ['thread.suspend', [0x29, 0x00], [], [I32]],
    ['thread.suspend-then-resume', [0x2a, 0x00], [I32], [I32]],
    ['thread.yield-then-resume', [0x2b, 0x00], [I32], [I32]],
    ['thread.suspend-then-promote', [0x2c, 0x00], [I32], [I32]],
    ['thread.yield-then-promote', [0x2d, 0x00], [I32], [I32]],
    ['context.get', [0x0a, I32, 0x00], [], [I32]],
    ['context.set', [0x0b, I32, 0x00], [I32], []],
    ['context.get of 64 bits', [0x0a, I64, 0x00], [], [I64]],
  ])('%s', (_, bytes, params, results) => {
    expect(builtin(bytes, params, results)).toBe('taken');
    expect(builtin(bytes, [...params, I64], results)).toBe('type-mismatch');
    expect(builtin(bytes, params, results.length === 0 ? [I32] : [])).toBe('type-mismatch');
  });

  it.each<[string, number[][], string]>([
    [
      'one type',
      [
        [0x0a, I64, 0x00],
        [0x0b, I64, 0x01],
      ],
      'taken',
    ],
    [
      'two types',
      [
        [0x0a, I32, 0x00],
        [0x0b, I64, 0x01],
      ],
      'type-mismatch',
    ],
  ])('contexts of %s', (_, both, code) => {
    expect(refusal(canons(...both))).toBe(code);
  });

  /** A table of a module, and a core type beside it that a thread begins with. */
  const startingFrom = (table: number[], start: Bytes): string =>
    refusal(
      coreTypes(start),
      coreModule(
        join(
          preamble,
          section(4, vector([table])),
          section(7, vector([join(text('t'), [0x01, 0x00])])),
        ),
      ),
      coreInstances([0x00, 0x00, 0x00]),
      aliases(join([0x00, 0x01, 0x01, 0x00], text('t'))),
      canons([0x27, 0x00, 0x00]),
    );
  it.each<[string, number[], Bytes, string]>([
    ['a function of one number', [0x70, 0x00, 0x01], signature([I32], []), 'taken'],
    ['a function of nothing', [0x70, 0x00, 0x01], signature([], []), 'type-mismatch'],
    ['a function with a result', [0x70, 0x00, 0x01], signature([I32], [I32]), 'type-mismatch'],
    ['a table of 64 bits', [0x70, 0x04, 0x01], signature([I32], []), 'type-mismatch'],
    ['a table of something else', [0x6f, 0x00, 0x01], signature([I32], []), 'type-mismatch'],
  ])('a thread begins with %s', (_, table, start, code) => {
    expect(startingFrom(table, start)).toBe(code);
  });
});

/** A module with memory 0, of flags, and a function of a type for each name. */
function core(memory: number, funcs: Readonly<Record<string, [number[], number[]]>>): Uint8Array {
  const names = Object.keys(funcs);
  const body = join([0x03, 0x00, 0x00, 0x0b]);
  return coreModule(
    join(
      preamble,
      section(1, vector(Object.values(funcs).map((each) => signature(...each)))),
      section(3, vector(names.map((_, at) => [at]))),
      section(5, vector([[memory, 0x01]])),
      section(
        7,
        vector([
          join(text('m'), [0x02, 0x00]),
          ...names.map((name, at) => join(text(name), [0x00, at])),
        ]),
      ),
      section(10, vector(names.map(() => body))),
    ),
  );
}

const taken = (names: string[]): Uint8Array =>
  aliases(
    join([0x00, 0x02, 0x01, 0x00], text('m')),
    ...names.map((name) => join([0x00, 0x00, 0x01, 0x00], text(name))),
  );

/** Lifts `f` as a function of the second type, with options. */
function lifted(
  memory: number,
  funcs: Readonly<Record<string, [number[], number[]]>>,
  type: Bytes[],
  options: number[][],
): string {
  return refusal(
    core(memory, funcs),
    coreInstances([0x00, 0x00, 0x00]),
    taken(Object.keys(funcs)),
    types(...type),
    canons(join([0x00, 0x00, 0x00], vector(options), [type.length - 1])),
  );
}

const WIDE = 0x04;
const fourOf = (type: number): [number[], number[]] => [[type, type, type, type], [type]];

describe('functions that are lifted', () => {
  const bytes = [listOf(U8), func([['x', 0]])];
  const MEMORY = [0x03, 0x00];
  const REALLOC = [0x04, 0x01];
  it.each<[string, number, [number[], number[]], number, string]>([
    ['32 bits', 0, [[I32, I32], []], I32, 'taken'],
    ['64 bits', WIDE, [[I64, I64], []], I64, 'taken'],
    ['64 bits with addresses of 32', WIDE, [[I32, I32], []], I64, 'type-mismatch'],
    ['64 bits with a realloc of 32', WIDE, [[I64, I64], []], I32, 'type-mismatch'],
    ['32 bits with a realloc of 64', 0, [[I32, I32], []], I64, 'type-mismatch'],
  ])('take a list through a memory of %s', (_, memory, f, realloc, code) => {
    expect(lifted(memory, { f, realloc: fourOf(realloc) }, bytes, [MEMORY, REALLOC])).toBe(code);
  });

  const ASYNC = [0x06];
  const CALLBACK = [0x07, 0x01];
  const returning = (count: number): Bytes[] => [
    join([0x6f], vector(Array.from({ length: count }, () => [U32]))),
    join([0x43], vector([]), [0x00, 0x00]),
  ];
  const asynchronous = { f: [[], [I32]], callback: [[I32, I32, I32], [I32]] } as {
    f: [number[], number[]];
    callback: [number[], number[]];
  };
  it.each<[number, number[][], string]>([
    [16, [ASYNC, CALLBACK], 'taken'],
    [17, [ASYNC, CALLBACK], 'type-mismatch'],
    [17, [ASYNC, CALLBACK, MEMORY], 'taken'],
  ])('return %i values by task.return with options %j', (count, options, code) => {
    expect(lifted(0, asynchronous, returning(count), options)).toBe(code);
  });
});

describe('functions that are lowered', () => {
  it.each<[string, number, number, string]>([
    ['32 bits', 0, I32, 'taken'],
    ['64 bits', WIDE, I64, 'taken'],
    ['64 bits with addresses of 32', WIDE, I32, 'type-mismatch'],
  ])('give a list through a memory of %s', (_, memory, pointer, code) => {
    const sections = [
      wanting([pointer, pointer], []),
      core(memory, {}),
      coreInstances([0x00, 0x01, 0x00]),
      aliases(join([0x00, 0x02, 0x01, 0x00], text('m'))),
      types(listOf(U8), func([['x', 0]])),
      imports(join(externName('f'), [FUNC, 0x01])),
      canons([0x01, 0x00, 0x00, 0x01, 0x03, 0x00]),
      coreInstances(join([0x01], vector([join(text('f'), [0x00, 0x00])])), [
        ...[0x00, 0x00, 0x01, 0x00],
        ...[0x12, 0x01],
      ]),
    ];
    expect(refusal(...sections)).toBe(code);
  });
});

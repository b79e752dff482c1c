import { describe, expect, it } from 'vitest';

import {
  body,
  custom,
  join,
  leb,
  module,
  moduleOfFunctions,
  nameSection,
  paddedLeb,
  section,
  vector,
} from './assemble.fixture.js';
import { compareModules } from './compare.js';
import type { EntryDifference, ModuleDifference } from './difference.js';

/** Bodies that are long enough to hold together, each with a constant of its own. */
const bodies = Array.from({ length: 12 }, (_, index) => body(index, 20));
const names = bodies.map((_, index) => `function_${index}`);

const replaced = <T>(items: readonly T[], index: number, item: T): T[] =>
  items.map((each, position) => (position === index ? item : each));
const inserted = <T>(items: readonly T[], index: number, item: T): T[] => [
  ...items.slice(0, index),
  item,
  ...items.slice(index),
];
const bare = ({ status, index, observedIndex }: EntryDifference): unknown[] =>
  observedIndex === undefined ? [status, index] : [status, index, observedIndex];
const differing = ({ sections }: ModuleDifference): string[][] =>
  sections
    .filter(({ status }) => status !== 'equal')
    .map(({ section, status }) => [section, status]);

describe('compareModules', () => {
  it('finds equal modules equal', () => {
    const bytes = moduleOfFunctions({ bodies, names });
    const difference = compareModules(bytes, bytes.slice());
    expect(difference).toMatchObject({ equal: true, malformed: [], truncated: false });
    expect(difference.functions).toEqual({
      entries: [],
      differing: 0,
      claimedTotal: 12,
      observedTotal: 12,
    });
    expect(differing(difference)).toEqual([]);
  });

  it('names an altered instruction by function index, name and exact bytes', () => {
    const claimed = moduleOfFunctions({ bodies, names, importedFunctions: 2 });
    const altered = replaced(
      bodies,
      5,
      bodies[5]?.map((byte, at) => (at === 31 ? 0x3f : byte)) ?? [],
    );
    const observed = moduleOfFunctions({ bodies: altered, names, importedFunctions: 2 });
    const at = claimed.findIndex((byte, position) => byte !== observed[position]);
    const range = { offset: at, length: 1, observedOffset: at, observedLength: 1 };
    const bodySpan = { offset: at - 31, size: 62 };

    const difference = compareModules(claimed, observed);
    expect(differing(difference)).toEqual([['code', 'different']]);
    expect(difference.functions).toEqual({
      entries: [
        {
          status: 'different',
          index: 7,
          name: 'function_5',
          claimed: bodySpan,
          observed: bodySpan,
          ranges: [range],
        },
      ],
      differing: 1,
      claimedTotal: 12,
      observedTotal: 12,
    });
    const code = difference.sections.find(({ section }) => section === 'code');
    expect(code?.ranges).toEqual([range]);
  });

  it.each([
    ['inserted first', bodies, inserted(bodies, 0, body(40)), [['only-observed', 0]]],
    ['inserted', bodies, inserted(bodies, 4, body(40)), [['only-observed', 4]]],
    ['inserted last', bodies, inserted(bodies, 12, body(40)), [['only-observed', 12]]],
    ['removed', inserted(bodies, 4, body(40)), bodies, [['only-claimed', 4]]],
    ['altered and grown', bodies, replaced(bodies, 3, body(40, 21)), [['different', 3]]],
    [
      'inserted beside an altered one: sizes tell which is which',
      bodies,
      inserted(replaced(bodies, 4, body(40, 21)), 4, body(41, 2)),
      [
        ['only-observed', 4],
        ['different', 4, 5],
      ],
    ],
    [
      'moved to the front',
      bodies,
      [body(9, 20), ...bodies.slice(0, 9), ...bodies.slice(10)],
      [['moved', 9, 0]],
    ],
    [
      'doubled among copies',
      [body(1), body(1), body(2), body(1)],
      [body(1), body(3, 9), body(1), body(2), body(1)],
      [['only-observed', 1]],
    ],
    [
      'all replaced',
      bodies.slice(0, 2),
      [body(40, 20), body(41, 20)],
      [
        ['different', 0],
        ['different', 1],
      ],
    ],
    ['all removed', bodies.slice(0, 1), [], [['only-claimed', 0]]],
  ])('tells a function that was %s', (_, claimed, observed, expected) => {
    const difference = compareModules(
      moduleOfFunctions({ bodies: claimed }),
      moduleOfFunctions({ bodies: observed }),
    );
    expect(difference.functions.entries.map(bare)).toEqual(expected);
    expect(difference.functions.differing).toBe(expected.length);
  });

  it('pairs altered functions of one name, whatever their sizes', () => {
    const difference = compareModules(
      moduleOfFunctions({ bodies: [body(1, 9), body(2, 9)], names: ['alpha', 'beta'] }),
      moduleOfFunctions({
        bodies: [body(3, 9), body(4, 2), body(5, 30)],
        names: ['new', 'alpha', 'beta'],
      }),
    );
    expect(difference.functions.entries.map((entry) => [...bare(entry), entry.name])).toEqual([
      ['only-observed', 0, 'new'],
      ['different', 0, 1, 'alpha'],
      ['different', 1, 2, 'beta'],
    ]);
  });

  it('gives the side that lacks a function the place where it would stand', () => {
    const claimed = moduleOfFunctions({ bodies: bodies.slice(0, 2) });
    const observed = moduleOfFunctions({ bodies: inserted(bodies.slice(0, 2), 1, body(40)) });
    const [entry] = compareModules(claimed, observed).functions.entries;
    const [first] = compareModules(claimed, moduleOfFunctions({ bodies: [] })).functions.entries;
    const end = (first?.claimed.offset ?? 0) + (first?.claimed.size ?? 0);
    expect(entry?.claimed).toEqual({ offset: end, size: 0 });
    expect(entry?.ranges).toMatchObject([{ offset: end, length: 0, observedLength: 5 }]);
  });

  it('compares the index space: an added import shifts indices and no bodies', () => {
    const difference = compareModules(
      moduleOfFunctions({ bodies, importedFunctions: 1 }),
      moduleOfFunctions({ bodies, importedFunctions: 2 }),
    );
    expect(differing(difference)).toEqual([['import', 'different']]);
    expect(difference.functions.entries).toEqual([]);
  });

  it('matches custom sections by name and occurrence', () => {
    const difference = compareModules(
      module(custom('a', [1]), custom('a', [2]), custom('gone')),
      module(custom('new'), custom('a', [1]), custom('a', [3])),
    );
    expect(difference.sections).toMatchObject([
      { section: 'custom:a', status: 'equal', ranges: [] },
      { section: 'custom:a', status: 'different', ranges: [{ offset: 17, length: 1 }] },
      { section: 'custom:gone', status: 'only-claimed', claimed: { offset: 18, size: 7 } },
      { section: 'custom:new', status: 'only-observed', observed: { offset: 8, size: 6 } },
    ]);
  });

  it('tells data segments apart, address and content', () => {
    const segment = (address: number, ...content: number[]): number[] => [
      ...[0x00, 0x41, address, 0x0b],
      ...leb(content.length),
      ...content,
    ];
    const of = (...segments: number[][]): Uint8Array => module(section(11, vector(segments)));
    const claimed = of(segment(0, 1, 2, 3), segment(8, 4, 5), segment(16, 6));
    const observed = of(segment(0, 1, 9, 3), segment(8, 4, 5), segment(17, 6), segment(20, 7));
    const { segments, sections } = compareModules(claimed, observed);
    expect(segments.entries.map(bare)).toEqual([
      ['different', 0],
      ['different', 2],
      ['only-observed', 3],
    ]);
    expect(sections[0]?.ranges.map(({ offset, length }) => [offset, length])).toEqual([
      [17, 1],
      [28, 1],
      [32, 0],
    ]);
  });

  it('reads padded sizes and tells the padding', () => {
    const plain = section(1, vector([[0x60, 0x00, 0x00]]));
    const padded = join([1], paddedLeb(4), plain.subarray(2));
    const difference = compareModules(module(plain), module(padded));
    expect(difference).toMatchObject({ equal: false, malformed: [] });
    expect(differing(difference)).toEqual([['type', 'different']]);
    expect(difference.sections[0]?.ranges).toMatchObject([
      { offset: 9, length: 1, observedLength: 5 },
    ]);
  });

  it('compares whole files where the same sections stand in another order', () => {
    const difference = compareModules(
      module(custom('a', [1]), custom('b', [2])),
      module(custom('b', [2]), custom('a', [1])),
    );
    expect(differing(difference)).toEqual([['file', 'different']]);
    expect(difference.sections.at(-1)?.ranges).toMatchObject([{ offset: 11, length: 7 }]);
  });
});

describe('compareModules of what is no module', () => {
  const good = moduleOfFunctions({ bodies });

  it.each([
    ['claimed', good.slice(0, 100), good, 'section-overrun', 'claimed'],
    ['observed', good, Uint8Array.of(1, 2, 3), 'not-wasm', 'observed'],
    ['observed, empty', good, new Uint8Array(), 'truncated', 'observed'],
  ])('compares whole files and says which is malformed: %s', (_, claimed, observed, code, side) => {
    const difference = compareModules(claimed, observed);
    expect(difference.malformed).toMatchObject([{ side, part: 'file', code }]);
    expect(difference.sections).toMatchObject([
      {
        section: 'file',
        id: 255,
        status: 'different',
        claimed: { offset: 0, size: claimed.length },
      },
    ]);
  });

  it('says so of both sides, equal or not', () => {
    const difference = compareModules(Uint8Array.of(1), Uint8Array.of(1));
    expect(difference.equal).toBe(true);
    expect(difference.malformed.map(({ side }) => side)).toEqual(['claimed', 'observed']);
    expect(differing(difference)).toEqual([]);
  });

  it('compares unreadable code as the bytes of its section, and the rest as ever', () => {
    const broken = good.slice();
    const at = broken.indexOf(62);
    broken[at] = 61;
    const difference = compareModules(good, broken);
    expect(difference.malformed).toMatchObject([{ side: 'observed', part: 'code' }]);
    expect(differing(difference)).toEqual([['code', 'different']]);
    expect(difference.sections.at(-1)?.ranges).toMatchObject([{ offset: at, length: 1 }]);
    expect(difference.functions.entries).toEqual([]);
  });

  it('does not mind a broken name section', () => {
    const claimed = moduleOfFunctions({ bodies, after: [custom('name', [1, 0x7f, 0xff])] });
    const observed = moduleOfFunctions({
      bodies: replaced(bodies, 0, body(40)),
      after: [nameSection(['seen'])],
    });
    const difference = compareModules(claimed, observed);
    expect(difference.malformed).toEqual([]);
    expect(difference.functions.entries).toMatchObject([{ index: 0, name: 'seen' }]);
  });
});

describe('limits', () => {
  it('cut the lists, count on and say so', () => {
    const altered = bodies.map((each) => each.map((byte, at) => (at % 30 === 1 ? 0x3f : byte)));
    const claimed = moduleOfFunctions({ bodies });
    const observed = moduleOfFunctions({ bodies: altered });
    const difference = compareModules(claimed, observed, { entries: 4, ranges: 2 });
    expect(difference.truncated).toBe(true);
    expect(difference.functions.entries).toHaveLength(4);
    expect(difference.functions.differing).toBe(12);
    expect(difference.functions.entries[0]?.ranges).toHaveLength(2);
    expect(compareModules(claimed, observed).truncated).toBe(false);
  });
});

import { describe, expect, it } from 'vitest';

import { custom, join, module, nameSection, text, vector } from './assemble.fixture.js';
import { readModule } from './module.js';
import { readFunctionNames } from './names.js';

const namesOf = (bytes: Uint8Array): [number, string][] => [
  ...readFunctionNames(readModule(bytes)),
];

describe('readFunctionNames', () => {
  it('reads them, after other subsections', () => {
    const moduleName = join([0x00, 0x02], text('m'));
    const map = vector([join([0x03], text('main')), join([0x05], text('größer'))]);
    const bytes = module(custom('name', moduleName, [0x01, map.length], map));
    expect(namesOf(bytes)).toEqual([
      [3, 'main'],
      [5, 'größer'],
    ]);
  });

  it('has none without a section, and reads the first of two', () => {
    expect(namesOf(module(custom('producers')))).toEqual([]);
    expect(namesOf(module(nameSection(['a']), nameSection(['b'])))).toEqual([[0, 'a']]);
  });

  it.each([
    ['empty', [], []],
    ['a subsection that is longer than the section', [0x01, 0x7f, 0x01], []],
    ['a count of 2^32 - 1', [0x01, 0x05, 0xff, 0xff, 0xff, 0xff, 0x0f], []],
    ['cut in its second name', [0x01, 0x05, 0x02, 0x00, 0x01, 0x61, 0x01], [[0, 'a']]],
    [
      'not UTF-8 in its first name',
      [0x01, 0x07, 0x02, 0x00, 0x01, 0xff, 0x01, 0x01, 0x62],
      [[1, 'b']],
    ],
    ['naming a function twice', [0x01, 0x07, 0x02, 0x00, 0x01, 0x61, 0x00, 0x01, 0x62], [[0, 'a']]],
  ])('keeps what it could read of a section %s', (_, content, names) => {
    expect(namesOf(module(custom('name', content)))).toEqual(names);
  });
});

import { describe, expect, it } from 'vitest';

import { body, custom, module, moduleOfFunctions } from './assemble.fixture.js';
import { compareModules } from './compare.js';
import { summariseDifference } from './summary.js';

describe('summariseDifference', () => {
  it('has the shape of the rebuild predicate', () => {
    const claimed = moduleOfFunctions({
      bodies: [body(1, 9), body(2, 9)],
      names: ['one', 'two'],
      importedFunctions: 1,
    });
    const altered = [body(1, 9), body(2, 9).map((byte, at) => (at === 4 ? 0x3f : byte))];
    const observed = moduleOfFunctions({
      bodies: altered,
      names: ['one', 'two'],
      importedFunctions: 1,
    });
    const at = claimed.findIndex((byte, position) => byte !== observed[position]);
    const span = { offset: at - 4, size: 29 };
    expect(summariseDifference(compareModules(claimed, observed))).toEqual({
      sections: [
        {
          section: 'code',
          id: 10,
          status: 'different',
          claimed: { offset: at - 38, size: 63 },
          observed: { offset: at - 38, size: 63 },
          ranges: [{ offset: at, length: 1 }],
        },
      ],
      functions: [
        {
          index: 2,
          name: 'two',
          claimed: span,
          observed: span,
          ranges: [{ offset: at, length: 1 }],
        },
      ],
      functionCount: 1,
      truncated: false,
    });
  });

  it('leaves out ranges that have no byte in the claimed file', () => {
    const difference = compareModules(
      moduleOfFunctions({ bodies: [body(1)] }),
      moduleOfFunctions({ bodies: [body(1), body(2)] }),
    );
    const { functions, functionCount } = summariseDifference(difference);
    expect(functionCount).toBe(1);
    expect(functions).toMatchObject([{ index: 1, claimed: { size: 0 }, ranges: [] }]);
  });

  it('leaves out the side that has no such section', () => {
    const difference = compareModules(module(custom('a')), module(custom('b')));
    expect(summariseDifference(difference).sections).toEqual([
      {
        section: 'custom:a',
        id: 0,
        status: 'only-claimed',
        claimed: { offset: 8, size: 4 },
        ranges: [],
      },
      {
        section: 'custom:b',
        id: 0,
        status: 'only-observed',
        observed: { offset: 8, size: 4 },
        ranges: [],
      },
    ]);
  });

  it('is bounded, and says that it was cut', () => {
    const far = (altered: boolean): number[] =>
      Array.from({ length: 1000 }, (_, at) => (altered && at % 10 === 5 ? 1 : 0));
    const functionsOf = (shift: number): number[][] =>
      Array.from({ length: 100 }, (_, index) => body(index + shift, 1 + index));
    const sectionsOf = (altered: boolean): Uint8Array[] =>
      Array.from({ length: 100 }, (_, index) => custom(`${index}`.padEnd(400, '😀'), far(altered)));
    const names = functionsOf(0).map((_, index) => `${index}`.padEnd(301, '😀'));
    const summary = summariseDifference(
      compareModules(
        moduleOfFunctions({ bodies: functionsOf(0), names, after: sectionsOf(false) }),
        moduleOfFunctions({ bodies: functionsOf(1), names, after: sectionsOf(true) }),
      ),
    );
    expect(summary.truncated).toBe(true);
    expect(summary.functionCount).toBe(100);
    expect(summary.sections).toHaveLength(64);
    expect(summary.functions).toHaveLength(64);
    expect(summary.sections[1]?.ranges).toHaveLength(32);
    for (const label of [summary.sections[1]?.section, summary.functions[0]?.name]) {
      expect(label?.length).toBeLessThanOrEqual(256);
      expect(label).not.toMatch(/\p{Surrogate}/u);
    }
    expect(JSON.stringify(summary).length).toBeLessThan(150_000);
  });
});

import { describe, expect, it } from 'vitest';

import { join, leb, moduleOfFunctions, section, vector } from '../assemble.fixture.js';
import { explainDifference } from './explain.js';

/** A body that does `loops` times something of its own, and calls a function. */
function caller(callee: number, mark: number): number[] {
  const once = [0x41, mark & 0x3f, 0x1a, 0x41, (mark + 1) & 0x3f, 0x1a];
  return [0x00, ...once, ...once, ...once, 0x10, ...leb(callee), 0x0b];
}

const noted = ({ functions }: ReturnType<typeof explainDifference>): unknown => {
  const { equal, moved, shifted, changed, onlyClaimed, onlyObserved } = functions;
  return { equal, moved, shifted, changed, onlyClaimed, onlyObserved };
};

const none = { equal: 0, moved: 0, shifted: 0, changed: 0, onlyClaimed: 0, onlyObserved: 0 };

describe('functions by content', () => {
  const bodies = [caller(1, 1), caller(2, 5), caller(3, 9), caller(0, 13)];

  it('calls those shifted whose callees stand one further on', () => {
    const longer = [
      [0x00, 0x41, 0x07, 0x1a, 0x0b],
      ...[2, 3, 4, 1].map((callee, at) => caller(callee, 1 + 4 * at)),
    ];
    const explanation = explainDifference(
      moduleOfFunctions({ bodies }),
      moduleOfFunctions({ bodies: longer }),
    );
    expect(noted(explanation)).toEqual({ ...none, shifted: 4, onlyObserved: 1 });
  });

  it('does not call it shifted when one of them calls another function', () => {
    const turned = [caller(1, 1), caller(3, 5), caller(3, 9), caller(0, 13)];
    const { functions, causes } = explainDifference(
      moduleOfFunctions({ bodies }),
      moduleOfFunctions({ bodies: turned }),
    );
    expect(functions).toMatchObject({ equal: 3, changed: 1 });
    expect(functions.list[0]).toMatchObject({ index: 1, kind: 'call-target' });
    expect(functions.list[0]?.claimed.filter(({ changed }) => changed)).toEqual([
      { offset: expect.any(Number) as number, text: 'call 2', changed: true },
    ]);
    expect(causes.map(({ code }) => code)).toEqual(['unexplained-code']);
  });

  it('follows a call where functions of the same bytes change places', () => {
    const claimed = moduleOfFunctions({ bodies: [caller(1, 1), [0, 0x0b], [0, 0x01, 0x0b]] });
    const observed = moduleOfFunctions({ bodies: [caller(2, 1), [0, 0x01, 0x0b], [0, 0x0b]] });
    expect(explainDifference(claimed, observed).functions).toMatchObject({
      changed: 0,
      shifted: 1,
    });
  });
});

describe('addresses', () => {
  const data = (...texts: string[]): Uint8Array => {
    const bytes = texts.flatMap((text) =>
      Array.from(text, (letter) => letter.charCodeAt(0)).concat(0),
    );
    return section(11, vector([join([0x00, 0x41, 0x80, 0x08, 0x0b], leb(bytes.length), bytes)]));
  };
  /** i32.const 1024 + `at` */
  const reads = (at: number): number[] => {
    const address = 1024 + at;
    return [0x00, 0x41, (address & 0x7f) | 0x80, address >> 7, 0x1a, 0x0b];
  };
  const module = (at: number, ...texts: string[]): Uint8Array =>
    moduleOfFunctions({ bodies: [reads(at)], after: [data(...texts)] });

  it('are shifted by as much as the data is', () => {
    const { functions } = explainDifference(
      module(6, 'first', 'second'),
      module(12, 'first and', 'second'),
    );
    expect(functions).toMatchObject({ changed: 1, shifted: 0 });
    const right = explainDifference(
      module(6, 'first', 'second'),
      module(10, 'first and', 'second'),
    );
    expect(right.functions).toMatchObject({ changed: 0, shifted: 1 });
  });

  it('that differ where the data does not are another constant', () => {
    const { functions } = explainDifference(
      module(0, 'first', 'second'),
      module(6, 'first', 'second'),
    );
    expect(functions.list).toMatchObject([{ kind: 'constant' }]);
  });
});

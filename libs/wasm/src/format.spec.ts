import { describe, expect, it } from 'vitest';

import { body, custom, module, moduleOfFunctions } from './assemble.fixture.js';
import { compareModules } from './compare.js';
import { formatDifference } from './format.js';

const told = (claimed: Uint8Array, observed: Uint8Array): string[] =>
  formatDifference(compareModules(claimed, observed), claimed, observed);

describe('formatDifference', () => {
  it('tells functions with name and bytes', () => {
    const claimed = moduleOfFunctions({ bodies: [body(1, 9), body(2, 9)], names: ['one', 'two'] });
    const altered = [body(1, 9), body(2, 9).map((byte, at) => (at === 4 ? 0x3f : byte)), body(3)];
    const observed = moduleOfFunctions({ bodies: altered, after: [custom('new', [1, 2])] });
    expect(told(claimed, observed)).toEqual([
      'The modules differ. Claimed: 102 bytes. Observed: 97 bytes.',
      'Section function differs: claimed 5 bytes at 0xe, observed 6 bytes at 0xe.',
      '  at 0x10: claimed 02, observed 03 00',
      'Section code differs: claimed 63 bytes at 0x13, observed 69 bytes at 0x14.',
      '  2 functions (claimed has 2, observed 3) differ:',
      '  function 1 "two": claimed 29 bytes at 0x35, observed 29 bytes at 0x36',
      '    at 0x39 (observed: 0x3a): claimed 41, observed 3f',
      '  function 2 of the observed module: not in the claimed one, 5 bytes at 0x54',
      'Section custom:name: only in the claimed module, 20 bytes at 0x52.',
      'Section custom:new: only in the observed module, 8 bytes at 0x59.',
      'Equal sections: type.',
    ]);
  });

  it('says when there is nothing to tell', () => {
    expect(told(module(), module())).toEqual(['The modules are equal: 8 bytes.']);
  });

  it('says which file is broken, where and why', () => {
    const lines = told(module(), module([1]));
    expect(lines[1]).toBe(
      'The observed file is not a readable module: the bytes end inside the size of section type (at byte 9, 0x9) [truncated]',
    );
    expect(lines[2]).toBe('Whole file differs: claimed 8 bytes at 0x0, observed 9 bytes at 0x0.');
    expect(lines[3]).toBe('  at 0x8: claimed (nothing), observed 01');
  });

  it('says that sections stand in another order', () => {
    const [a, b] = [custom('a'), custom('b')];
    expect(told(module(a, b), module(b, a))[1]).toBe(
      'Their sections are the same, in another order.',
    );
  });

  it('escapes what would drive a terminal', () => {
    const lines = told(module(custom('\u001b[2J\u202e\n')), module()).join('|');
    expect(lines).toContain('custom:\\u{1b}[2J\\u{202e}\\u{a}:');
  });

  it('stays short, whatever differs', () => {
    const many = (shift: number): number[][] =>
      Array.from({ length: 500 }, (_, index) => body(index + shift, 40 + (index % 7)));
    const sections = Array.from({ length: 500 }, (_, index) => custom(`c${index}`));
    const lines = told(
      moduleOfFunctions({ bodies: many(0) }),
      moduleOfFunctions({ bodies: many(31), after: sections }),
    );
    expect(lines.length).toBeLessThan(150);
    expect(lines.some((line) => /and \d+ more/.test(line))).toBe(true);
  });
});

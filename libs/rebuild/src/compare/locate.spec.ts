import { describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { locateModule } from './locate.js';

const MODULE = Buffer.from('0061736d01000000000401016101', 'hex');
const COMPONENT = Buffer.from('0061736d0d000100', 'hex');
const base64 = MODULE.toString('base64');
const list = [...MODULE].join(', ');
const hex = [...MODULE].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(',\n');

type Location = Parameters<typeof locateModule>[1];

function locate(text: string | Buffer, rest: { kind: Location['kind']; marker?: string }): string {
  const files = new Map([['a.js', Buffer.from(text)]]);
  try {
    return Buffer.from(locateModule(files, { path: 'a.js', ...rest })).toString('hex');
  } catch (error) {
    if (error instanceof RebuildError) return error.code;
    throw error;
  }
}

const found = MODULE.toString('hex');

describe('locateModule', () => {
  it.each<[string, string | Buffer, { kind: Location['kind']; marker?: string }, string]>([
    ['a file', MODULE, { kind: 'file' }, found],
    ['a component', COMPONENT, { kind: 'file' }, COMPONENT.toString('hex')],
    ['a file that is no module', 'hello', { kind: 'file' }, 'module-malformed'],
    ['base64', `é f("x", '${base64}')`, { kind: 'base64' }, found],
    ['base64 in a template', `\`${base64}\``, { kind: 'base64' }, found],
    [
      'base64 of a component',
      `"${COMPONENT.toString('base64')}"`,
      { kind: 'base64' },
      COMPONENT.toString('hex'),
    ],
    [
      'base64 after a marker',
      `"AGFzbQEAAAA="; n = "md4"; d = "${base64}"`,
      { kind: 'base64', marker: '"md4"' },
      found,
    ],
    ['two without a marker', `"${base64}" "${base64}"`, { kind: 'base64' }, 'module-ambiguous'],
    [
      'a marker that occurs twice',
      `m m "${base64}"`,
      { kind: 'base64', marker: 'm' },
      'module-ambiguous',
    ],
    [
      'a marker that is absent',
      `"${base64}"`,
      { kind: 'base64', marker: 'zz' },
      'module-not-found',
    ],
    [
      'nothing after the marker',
      `"${base64}" zz`,
      { kind: 'base64', marker: 'zz' },
      'module-not-found',
    ],
    [
      'base64 that is not canonical',
      `"${base64.replace('=', '')}"`,
      { kind: 'base64' },
      'module-malformed',
    ],
    [
      'base64 with a stranger in it',
      `"${base64.slice(0, 12)}*${base64.slice(12)}"`,
      { kind: 'base64' },
      'module-malformed',
    ],
    ['base64 that never ends', `"${base64}`, { kind: 'base64' }, 'module-not-found'],
    [
      'another version',
      `"${Buffer.from('0061736d02000000', 'hex').toString('base64')}"`,
      { kind: 'base64' },
      'module-malformed',
    ],
    ['an array', `new Uint8Array([${list},\n])`, { kind: 'bytes' }, found],
    ['a hexadecimal array', `[ ${hex} ]`, { kind: 'bytes' }, found],
    ['an array after a marker', `a=[${list}];b=[${list}]`, { kind: 'bytes', marker: 'b=' }, found],
    ['two arrays', `[${list}],[${list}]`, { kind: 'bytes' }, 'module-ambiguous'],
    ['a number that is no byte', `[${list}, 256]`, { kind: 'bytes' }, 'module-malformed'],
    ['an expression', `[${list}, 1+1]`, { kind: 'bytes' }, 'module-malformed'],
    ['no array', '[1,2]', { kind: 'bytes' }, 'module-not-found'],
  ])('%s', (_, text, location, expected) => {
    expect(locate(text, location)).toBe(expected);
  });

  it('says when the file is missing', () => {
    expect(() => locateModule(new Map(), { kind: 'file', path: 'x' })).toThrow(
      expect.objectContaining({ code: 'module-not-found' }),
    );
  });
});

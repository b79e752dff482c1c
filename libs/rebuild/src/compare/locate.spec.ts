import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RebuildError } from '../errors.js';
import { locateModule } from './locate.js';
import { blankComments } from './script.js';

const MODULE = Buffer.from('0061736d01000000000401016101', 'hex');
const COMPONENT = Buffer.from('0061736d0d000100', 'hex');
const base64 = MODULE.toString('base64');
const list = [...MODULE].join(', ');
const hex = [...MODULE].map((byte) => `0x${byte.toString(16).padStart(2, '0')}`).join(',\n');

type Location = Parameters<typeof locateModule>[1];

interface Rest {
  kind: Location['kind'];
  marker?: string;
  packed?: 'gzip' | 'deflate' | 'brotli';
  inside?: string;
}

function locate(text: string | Buffer, rest: Rest): string {
  const files = new Map([['a.js', Buffer.from(text)]]);
  try {
    const location = { path: 'a.js', ...rest } as Location;
    return Buffer.from(locateModule(files, location)).toString('hex');
  } catch (error) {
    if (error instanceof RebuildError) return error.code;
    throw error;
  }
}

const found = MODULE.toString('hex');
/** A component that holds the module twice, the second within a component of its own. */
const section = (id: number, body: Buffer): Buffer => Buffer.from([id, body.length, ...body]);
const inner = Buffer.concat([COMPONENT, section(1, MODULE)]);
const NESTED = Buffer.concat([COMPONENT, section(1, MODULE), section(4, inner)]);
/** Long enough that its packed form is tried. */
const LONG = Buffer.concat([
  MODULE,
  Buffer.from('002004746573740102030405060708090a0b0c0d0e0f101112131415161718191a1b', 'hex'),
]);

describe('locateModule', () => {
  it.each<[string, string | Buffer, Rest, string]>([
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
    ['a data: URL', `u="data:application/wasm;base64,${base64}"`, { kind: 'base64' }, found],
    [
      'a data: URL that never began',
      `data:application/wasm;base64,${base64}"`,
      { kind: 'base64' },
      'module-not-found',
    ],
    ['a literal in a comment', `// "${base64}"\n"${base64}"`, { kind: 'base64' }, found],
    ['nothing but a comment', `/* "${base64}" */ 1`, { kind: 'base64' }, 'module-not-found'],
    ['an array in a comment', `/* [${list}] */[${list}]`, { kind: 'bytes' }, found],
    [
      'a literal after what only looks like a comment',
      `a="//";b=/[/*]"\\//;c=\`\${"/*"}\`;if(x)/\\/*"/.test(y);d="${base64}"`,
      { kind: 'base64' },
      found,
    ],
    [
      'a literal that a comment points out',
      `"${base64}";/* this */"${base64}"`,
      { kind: 'base64', marker: '/* this */' },
      found,
    ],
    [
      'gzipped base64',
      `"${gzipSync(LONG).toString('base64')}"`,
      { kind: 'base64', packed: 'gzip' },
      LONG.toString('hex'),
    ],
    [
      'deflated base64',
      `"${deflateSync(LONG).toString('base64')}"`,
      { kind: 'base64', packed: 'deflate' },
      LONG.toString('hex'),
    ],
    [
      'base64 of brotli',
      `"${'A'.repeat(60)}" "${brotliCompressSync(LONG).toString('base64')}"`,
      { kind: 'base64', packed: 'brotli' },
      LONG.toString('hex'),
    ],
    [
      'gzipped base64 that is too much',
      `"${gzipSync(Buffer.alloc(65 << 20)).toString('base64')}"`,
      { kind: 'base64', packed: 'gzip' },
      'module-not-found',
    ],
    ['a module in a component', NESTED, { kind: 'file', inside: '/module[0]' }, found],
    ['a module deep in one', NESTED, { kind: 'file', inside: '/component[0]/module[0]' }, found],
    [
      'a module that a component has not',
      NESTED,
      { kind: 'file', inside: '/module[1]' },
      'module-not-found',
    ],
    [
      'a module in a component in base64',
      `"${NESTED.toString('base64')}"`,
      { kind: 'base64', inside: '/module[0]' },
      found,
    ],
    [
      'a module in a component that is cut off',
      NESTED.subarray(0, 30),
      { kind: 'file', inside: '/module[0]' },
      'module-malformed',
    ],
  ])('%s', (_, text, location, expected) => {
    expect(locate(text, location)).toBe(expected);
  });

  it('says when the file is missing', () => {
    expect(() => locateModule(new Map(), { kind: 'file', path: 'x' })).toThrow(
      expect.objectContaining({ code: 'module-not-found' }),
    );
  });
});

describe('blankComments', () => {
  it.each([
    ['a // b\nc', 'a     \nc'],
    ['a /* b\n */ c', 'a          c'],
    ['"//" \'/*\' `//${a/*x*/}/*`', '"//" \'/*\' `//${a     }/*`'],
    ['`${{a:`//`}}//`//x', '`${{a:`//`}}//`   '],
    ['a / b // c', 'a / b     '],
    ['return /\\/\\/"/ // c', 'return /\\/\\/"/     '],
    ['x = /[/"]//* c */', 'x = /[/"]/       '],
    ['a[0] / b / c // "', 'a[0] / b / c     '],
    ['"a\\"//b" // c', '"a\\"//b"     '],
    ['/* open', '       '],
  ])('%j', (script, blanked) => {
    expect(blankComments(script)).toBe(blanked);
  });

  it('changes nothing but comments, never the length, and in linear time', () => {
    const part = fc.constantFrom(
      '/',
      '*',
      '"',
      "'",
      '`',
      '\\',
      '\n',
      '${',
      '}',
      '{',
      'a',
      ')',
      ' ',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 60 }), (parts) => {
        const script = parts.join('');
        const blanked = blankComments(script);
        expect(blanked).toHaveLength(script.length);
        for (let at = 0; at < script.length; at += 1)
          expect([script[at], ' ']).toContain(blanked[at]);
      }),
      { seed: 8, numRuns: 500 },
    );
    const started = performance.now();
    for (const hard of ['/', '`${', '"\\', 'a/', ')/[', '/*']) blankComments(hard.repeat(20_000));
    expect(performance.now() - started).toBeLessThan(5000);
  });
});

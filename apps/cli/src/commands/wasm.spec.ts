import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { registerWasm } from './wasm.js';

const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
const CUSTOM = [0, 4, 1, 0x0a, 0x68, 0x69];
/** A component with a custom section named by a line feed, and a module with the same. */
const COMPONENT = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0, ...CUSTOM],
  ...[1, MODULE.length + CUSTOM.length, ...MODULE, ...CUSTOM],
]);

let dir: string;
let file: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-wasm-'));
  file = join(dir, 'a.wasm');
  await writeFile(file, COMPONENT);
  await writeFile(join(dir, 'cut.wasm'), COMPONENT.subarray(0, -1));
});

afterAll(() => rm(dir, { recursive: true }));

async function touchstone(...args: string[]): Promise<{ code: number; out: string }> {
  const { code, out, error } = await runCommand([registerWasm], ['wasm', ...args]);
  return { code, out: error === '' ? out : error };
}

describe('wasm', () => {
  it('lists the sections of every level in the order of the file', async () => {
    const { code, out } = await touchstone('sections', file);
    expect(code).toBe(0);
    expect(out).toBe(
      [
        'offset            size  section',
        '0x00000008           4  custom:\\u{a}',
        '0x0000000e          14  core module',
        '0x00000018           4    custom:\\u{a}',
        '',
      ].join('\n'),
    );
    const json = JSON.parse((await touchstone('sections', file, '--json')).out) as object;
    expect(json).toMatchObject({ size: 30, sections: [{ path: '/' }, {}, { path: '/module[0]' }] });
  });

  it('tells what a file is made of', async () => {
    const { code, out } = await touchstone('inspect', file, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      nodes: [
        { path: '/', kind: 'component', size: 30, customSections: ['\n'] },
        { path: '/module[0]', kind: 'module', offset: 16, size: 14, imports: [], exports: [] },
      ],
    });
    expect((await touchstone('inspect', file)).out).toContain('/module[0]  module\n');
  });

  it('strips, keeps what is named, and spares its input', async () => {
    const target = join(dir, 'stripped.wasm');
    expect(await touchstone('strip', file, '-o', target)).toMatchObject({ code: 0 });
    expect([...(await readFile(target))].slice(8)).toEqual([1, 8, ...MODULE]);
    await touchstone('strip', file, '-o', target, '--keep', '\n');
    expect(new Uint8Array(await readFile(target))).toEqual(COMPONENT);
    expect(await touchstone('strip', file, '-o', file)).toEqual({ code: 2, out: 'file-exists' });
  });

  it('prints WIT, and says where there is none', async () => {
    const importing = join(dir, 'importing.wasm');
    const name = [0x00, 0x01, 0x66];
    const sections = [7, 5, 1, 0x40, 0, 1, 0, ...[10, 6, 1, ...name, 0x01, 0x00]];
    await writeFile(importing, Uint8Array.from([...COMPONENT.subarray(0, 8), ...sections]));
    const wit = 'package root:component;\n\nworld root {\n  import f: func();\n}\n';
    expect(await touchstone('wit', importing)).toEqual({ code: 0, out: wit });
    const json = await touchstone('wit', importing, '--json');
    expect(JSON.parse(json.out)).toEqual({ file: importing, wit });
    const module = join(dir, 'module.wasm');
    await writeFile(module, Uint8Array.from(MODULE));
    expect(await touchstone('wit', module)).toEqual({ code: 3, out: 'custom-missing' });
  });

  it('validates structure and types, and says what it did not', async () => {
    const sound = await touchstone('validate', file);
    expect(sound).toEqual({
      code: 0,
      out: 'component of 2 nodes: structure and types sound\ncode not checked\n',
    });
    const cut = await touchstone('validate', join(dir, 'cut.wasm'), '--json');
    expect(cut.code).toBe(1);
    expect(JSON.parse(cut.out)).toMatchObject({
      valid: false,
      error: { code: 'section-overrun', offset: 14 },
    });
  });

  it('has an engine check the code, and tells where the module that it refuses is', async () => {
    const taken = await touchstone('validate', file, '--code');
    expect(taken).toMatchObject({ code: 0 });
    expect(taken.out).toMatch(/^component of 2 nodes.*\ncode taken by V8 /);
    // A function that shall return an i32 and returns nothing.
    const types = [1, 5, 1, 0x60, 0, 1, 0x7f];
    const wrong = [...MODULE, ...types, ...[3, 2, 1, 0], ...[10, 4, 1, 2, 0, 0x0b]];
    const nested = join(dir, 'wrong-code.wasm');
    const preamble = COMPONENT.subarray(0, 8);
    await writeFile(nested, Uint8Array.from([...preamble, 1, wrong.length, ...wrong]));
    expect(await touchstone('validate', nested)).toMatchObject({ code: 0 });
    const refused = await touchstone('validate', nested, '--code', '--json');
    expect(refused.code).toBe(1);
    expect(JSON.parse(refused.out)).toMatchObject({
      valid: false,
      error: { code: 'code-refused', offset: 10 },
    });
  });

  it.each([
    ['cut.wasm', 2, 'section-overrun'],
    ['absent.wasm', 3, 'file-unreadable'],
  ])('exits by the rule for %s', async (name, code, out) => {
    for (const command of ['inspect', 'sections']) {
      expect(await touchstone(command, join(dir, name))).toEqual({ code, out });
    }
  });
});

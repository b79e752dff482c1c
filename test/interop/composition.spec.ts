import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { transpileBytes, writeFiles } from '@bytecodealliance/jco-transpile';
import { componentWit, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { compose, parsePlan, PLAN_SCHEMA, type Composition } from '@touchstone/compose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWasmTools, titled } from './client.js';

/** What of the engine's API is used here; Node's types leave it out. */
declare const WebAssembly: { compile(bytes: Uint8Array): Promise<object> };

const run = promisify(execFile);
const MATHS = '(export "add" (func (param "a" u32) (param "b" u32) (result u32)))';
const MEMORY = `(memory (export "memory") 1)
  (global $free (mut i32) (i32.const 1024))
  (func (export "realloc") (param i32 i32 i32 i32) (result i32)
    global.get $free
    (global.set $free (i32.add (global.get $free) (local.get 3))))`;

/** Components in text: each has one export, and what it takes to make it. */
const SOURCES = {
  adder: `(component
    (core module $m (func (export "add") (param i32 i32) (result i32)
      (i32.add (local.get 0) (local.get 1))))
    (core instance $i (instantiate $m))
    (func $add (param "a" u32) (param "b" u32) (result u32) (canon lift (core func $i "add")))
    (instance $maths (export "add" (func $add)))
    (export "demo:app/maths@1.2.0" (instance $maths)))`,
  doubler: `(component
    (import "demo:app/maths@1.0.0" (instance $maths ${MATHS}))
    (import "demo:app/host@1.0.0" (instance $host (export "note" (func (param "x" u32)))))
    (core func $add (canon lower (func $maths "add")))
    (core func $note (canon lower (func $host "note")))
    (core module $m
      (import "i" "add" (func $add (param i32 i32) (result i32)))
      (import "i" "note" (func $note (param i32)))
      (func (export "twice") (param i32) (result i32)
        (call $note (local.get 0))
        (call $add (local.get 0) (local.get 0))))
    (core instance $i (instantiate $m
      (with "i" (instance (export "add" (func $add)) (export "note" (func $note))))))
    (func $twice (param "x" u32) (result u32) (canon lift (core func $i "twice")))
    (instance $double (export "twice" (func $twice)))
    (export "demo:app/double@1.0.0" (instance $double)))`,
  // Strings pass through memories of two components.
  echo: `(component
    (core module $m ${MEMORY}
      (func (export "echo") (param i32 i32) (result i32)
        (i32.store (i32.const 16) (local.get 0))
        (i32.store (i32.const 20) (local.get 1))
        (i32.const 16)))
    (core instance $i (instantiate $m))
    (func $echo (param "s" string) (result string) (canon lift (core func $i "echo")
      (memory (core memory $i "memory")) (realloc (core func $i "realloc"))))
    (instance $text (export "echo" (func $echo)))
    (export "demo:app/text@1.0.0" (instance $text)))`,
} as const;

type Name = keyof typeof SOURCES;
const bytesOf = new Map<Name, Uint8Array>();
let dir: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'composed-'));
  for (const [name, source] of Object.entries(SOURCES)) {
    bytesOf.set(name as Name, new Uint8Array(await parse(source)));
  }
});
afterAll(() => rm(dir, { recursive: true, force: true }));

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

function composed(names: readonly Name[], more: object): Composition {
  const files = new Map(names.map((name) => [name, bytesOf.get(name) ?? new Uint8Array()]));
  const components = Object.fromEntries(
    [...files].map(([name, bytes]) => [name, { sha256: sha256(bytes) }]),
  );
  const plan = parsePlan({ schema: PLAN_SCHEMA, components, ...more });
  return compose(plan, new Map([...files.values()].map((bytes) => [sha256(bytes), bytes])));
}

const plugged = (): Composition =>
  composed(['adder', 'doubler'], { plug: { socket: 'doubler', plugs: ['adder'] } });

/** One component twice, and what it gives under two names. */
const wired = (): Composition =>
  composed(['adder', 'doubler', 'echo'], {
    instances: [
      { name: 'adder' },
      {
        name: 'doubler',
        arguments: {
          'demo:app/maths@1.0.0': { instance: 'adder', export: 'demo:app/maths@1.2.0' },
        },
      },
      { name: 'echo' },
    ],
    exports: [
      { instance: 'doubler', export: 'demo:app/double@1.0.0' },
      { instance: 'echo', export: 'demo:app/text@1.0.0' },
    ],
    manifest: { composition: { tool: 'touchstone' } },
  });

interface Transpiled {
  readonly instantiate: (
    load: (path: string) => Promise<object>,
    imports: Record<string, object>,
  ) => Promise<Record<string, Record<string, (...args: unknown[]) => unknown>>>;
}

/** Runs a component as jco has it run: as JavaScript around its core modules. */
async function running(name: string, { bytes }: Composition, notes: number[]) {
  const out = join(dir, name);
  const { files } = await transpileBytes(bytes, { name, outDir: out, instantiation: 'async' });
  await writeFiles(files);
  const main = Object.keys(files).find((path) => path.endsWith(`${name}.js`)) ?? '';
  await writeFile(join(dirname(main), 'package.json'), '{"type":"module"}');
  const { instantiate } = (await import(pathToFileURL(main).href)) as Transpiled;
  const load = (path: string): Promise<object> => {
    const found = Object.entries(files).find(([file]) => file.endsWith(path));
    if (found === undefined) throw new Error(`there is no ${path}`);
    return WebAssembly.compile(new Uint8Array(found[1]));
  };
  const note = (x: number): void => void notes.push(x);
  return instantiate(load, { 'demo:app/host': { note } });
}

describe('what our composer made', () => {
  it('has the world that is left of its parts, as jco reads it', async () => {
    const wit = await componentWit(plugged().bytes);
    expect(wit).toContain('import demo:app/host@1.0.0;');
    expect(wit).toContain('export demo:app/double@1.0.0;');
    expect(wit).not.toContain('maths');
  });

  it('runs through jco, plugged', async () => {
    const notes: number[] = [];
    const app = await running('plugged', plugged(), notes);
    expect(app['double']?.['twice']?.(21)).toBe(42);
    expect(notes).toEqual([21]);
  });

  it('runs through jco, wired, with its manifest in it', async () => {
    const app = await running('wired', wired(), []);
    expect(app['double']?.['twice']?.(4)).toBe(8);
    expect(app['text']?.['echo']?.('naïve ✓')).toBe('naïve ✓');
  });
});

const tools = await findWasmTools();

describe.skipIf('absent' in tools)(titled('wasm-tools', tools), () => {
  it.each([
    ['plugged', plugged],
    ['wired', wired],
  ])('validates what was %s', async (name, make) => {
    if ('absent' in tools) throw new Error(tools.absent);
    const file = join(dir, `${name}.wasm`);
    await writeFile(file, make().bytes);
    const [program, ...before] = tools.command;
    await run(program, [...before, 'validate', '--features=all', file], { timeout: 60_000 });
    const { stdout } = await run(program, [...before, 'component', 'wit', file]);
    expect(stdout).toContain('export demo:app/double@1.0.0;');
  });
});

import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { componentWit, parse } from '@bytecodealliance/jco-transpile/wasm-tools';
import { compose, parsePlan, PLAN_SCHEMA, type Composition } from '@touchstone/compose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWasmTools, titled } from './client.js';
import { instantiated } from './transpiled.js';

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

type Name = keyof typeof SOURCES | 'plug' | 'socket';
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

const plug = { plug: { socket: 'socket', plugs: ['plug'] } };
const beside = {
  instances: [{ name: 'plug' }, { name: 'socket' }],
  exports: [{ instance: 'plug' }, { instance: 'socket' }],
};
/** Exports a resource and a record in one interface. */
const TYPES = `(component
  (component $c
    (import "imp" (type $r (sub resource)))
    (type $rec (record (field "a" u32)))
    (export "r" (type $r)) (export "rec" (type $rec)))
  (type $r (resource (rep i32)))
  (instance $i (instantiate $c (with "imp" (type $r))))
  (export "a:b/types@1.0.0" (instance $i)))`;
/** Takes both by names of its own, and a function of the record. */
const USER = `(component
  (import "a:b/types@1.0.0" (instance $t
    (export "r" (type (sub resource)))
    (type $rec (record (field "a" u32)))
    (export "rec" (type (eq $rec)))))
  (alias export $t "r" (type $r)) (alias export $t "rec" (type $rec))
  (import "r" (type (eq $r))) (import "rec" (type $mine (eq $rec)))
  (import "f" (func (param "x" (list $mine))))
  (export "out" (instance $t)))`;

/** What a plug and a socket are in text, what is to be done with them, and what the host is asked for. */
const SUBTYPED: Readonly<Record<string, readonly [string, string, object, readonly string[]]>> = {
  'an instance in an instance, with more in both': [
    `(component (import "x" (func $f))
      (instance $n (export "f" (func $f)) (export "g" (func $f)))
      (instance $i (export "in" (instance $n)) (export "more" (func $f)))
      (export "a:b/i@1.2.0" (instance $i)))`,
    `(component (import "a:b/i@1.0.0" (instance $i
      (export "in" (instance (export "f" (func))))))
      (export "out" (instance $i)))`,
    plug,
    ['x'],
  ],
  'an earlier version that has all that is asked for': [
    `(component (import "x" (func $f)) (instance $i (export "f" (func $f)))
      (export "a:b/i@1.0.0" (instance $i)))`,
    `(component (import "a:b/i@1.4.0" (instance $i (export "f" (func))))
      (export "out" (instance $i)))`,
    plug,
    ['x'],
  ],
  'a component that imports less and exports more': [
    `(component (component $c (import "x" (func $x)) (export "y" (func $x)) (export "z" (func $x)))
      (export "c" (component $c)))`,
    `(component (import "c" (component $c
        (import "x" (func)) (import "w" (func)) (export "y" (func))))
      (import "x" (func $x))
      (instance $i (instantiate $c (with "x" (func $x)) (with "w" (func $x))))
      (alias export $i "y" (func $y)) (export "y" (func $y)))`,
    plug,
    ['x'],
  ],
  'a core module': [
    `(component (core module $m (func (export "f")) (func (export "g")))
      (export "m" (core module $m)))`,
    `(component (import "m" (core module $m (export "f" (func))))
      (core instance $i (instantiate $m))
      (func (export "r") (canon lift (core func $i "f"))))`,
    plug,
    [],
  ],
  'types by names of its own': [TYPES, USER, plug, ['a:b/types@1.0.0', 'f']],
  'a resource in an instance in an instance, left to the host by two': [
    `(component (import "a:b/i" (instance $i (export "in" (instance
        (export "r" (type (sub resource))) (export "f" (func (result (own 0))))))))
      (export "one" (instance $i)))`,
    `(component (import "a:b/i" (instance $i (export "in" (instance
        (export "r" (type (sub resource)))))))
      (alias export $i "in" (instance $in)) (alias export $in "r" (type $r))
      (import "g" (func (param "x" (own $r)))) (export "two" (func 0)))`,
    beside,
    ['a:b/i', 'g'],
  ],
  'what one knows to be the resource of another interface': [
    `(component (import "a:b/u" (instance $u
        (export "r" (type (sub resource))) (export "f" (func (result (own 0))))))
      (export "one" (instance $u)))`,
    `(component (import "a:b/t" (instance $t (export "r" (type (sub resource)))))
      (alias export $t "r" (type $r))
      (import "a:b/u" (instance $u (alias outer 1 $r (type $r)) (export "r" (type (eq $r)))))
      (export "two" (instance $u)))`,
    beside,
    ['a:b/t', 'a:b/u'],
  ],
  'components and modules that are left to the host': [
    `(component (import "m" (core module $m
        (import "e" "t" (table 1 2 funcref)) (import "e" "mem" (memory i64 1 2))
        (export "f" (func (param i32 externref) (result i64))) (export "g" (global (mut f32)))))
      (export "one" (core module $m)))`,
    `(component (import "t" (instance $t (export "r" (type (sub resource)))))
      (alias export $t "r" (type $r))
      (type $c (component
        (alias outer 1 $r (type $r)) (import "r" (type $mine (eq $r)))
        (import "q" (type $q (sub resource)))
        (type $rec (record (field "a" (own $q)))) (import "rec" (type $named (eq $rec)))
        (import "x" (func (param "v" (own $mine))))
        (export "o" (type $o (sub resource)))
        (export "y" (func (param "v" (list $named)) (result (own $o))))))
      (import "c" (component $c (type $c)))
      (export "two" (component $c)))`,
    beside,
    ['m', 't', 'c'],
  ],
};

async function subtyped(name: string): Promise<Composition> {
  const [plugged = '', socket = '', rest = {}] = SUBTYPED[name] ?? [];
  bytesOf.set('plug', new Uint8Array(await parse(plugged)));
  bytesOf.set('socket', new Uint8Array(await parse(socket)));
  return composed(['plug', 'socket'], rest);
}

type Instances = Record<string, Record<string, (...args: unknown[]) => unknown>>;

async function running(name: string, { bytes }: Composition, notes: number[]): Promise<Instances> {
  const note = (x: number): void => void notes.push(x);
  return instantiated(join(dir, name), name, bytes, { 'demo:app/host': { note } });
}

describe('what our composer made', () => {
  it('has the world that is left of its parts, as jco reads it', async () => {
    const wit = await componentWit(plugged().bytes);
    expect(wit).toContain('import demo:app/host@1.0.0;');
    expect(wit).toContain('export demo:app/double@1.0.0;');
    expect(wit).not.toContain('maths');
  });

  it('says of its imports and exports what its parts say beside their names', async () => {
    bytesOf.set('plug', new Uint8Array(await parse('(component)')));
    const text = `(component
      (import "a" (implements "demo:app/host@1.0.0") (instance $i (export "f" (func))))
      (export "b" (implements "demo:app/host@1.0.0") (instance $i)))`;
    bytesOf.set('socket', new Uint8Array(await parse(text)));
    const wit = await componentWit(composed(['plug', 'socket'], beside).bytes);
    expect(wit).toContain('import a: demo:app/host@1.0.0;');
    expect(wit).toContain('export b: demo:app/host@1.0.0;');
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

  it.each(Object.keys(SUBTYPED))('validates %s', async (name) => {
    if ('absent' in tools) throw new Error(tools.absent);
    const made = await subtyped(name);
    expect(made.imports).toEqual(SUBTYPED[name]?.[3]);
    const file = join(dir, 'subtyped.wasm');
    await writeFile(file, made.bytes);
    const [program, ...before] = tools.command;
    await run(program, [...before, 'validate', '--features=all', file], { timeout: 60_000 });
  });
});

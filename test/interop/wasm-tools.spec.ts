import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
  componentEmbed,
  componentNew,
  componentWit,
  parse,
  print,
} from '@bytecodealliance/jco-transpile/wasm-tools';
import {
  readBinary,
  readComponent,
  stripBinary,
  typeComponent,
  walkNodes,
  WasmError,
  witOf,
} from '@touchstone/wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findWasmTools, titled } from './client.js';

const run = promisify(execFile);

/** Worlds of the kinds of things that WIT has. */
const WORLDS: Readonly<Record<string, string>> = {
  functions: `package demo:app; world app {
    import log: func(s: string, level: u8);
    export sum: func(xs: list<s64>) -> result<f64, string>;
  }`,
  resources: `package demo:app@1.2.0;
    interface types {
      resource blob {
        constructor(n: u32);
        read: func(len: u64) -> result<list<u8>, error-code>;
        open: static func(p: string) -> option<blob>;
      }
      enum error-code { io, eof }
      record point { x: s32, %type: string }
      variant shape { circle(f32), square, named(tuple<string, point>) }
      flags perms { r, w }
    }
    interface api {
      use types.{blob, point as pt, error-code, shape, perms};
      use other:dep/things@0.1.0.{thing};
      run: func(b: borrow<blob>, p: pt, t: thing) -> result<_, error-code>;
      take: func(b: blob, s: shape, p: perms) -> result;
    }
    world app {
      use types.{point};
      import inline: interface { ping: func() -> u8; resource r { m: func(); } }
      record own-record { a: char }
      import log: func(s: string, p: point, w: own-record);
      export api;
      export go: func() -> tuple<point, bool>;
    }
    package other:dep@0.1.0 { interface things { record thing { a: u8 } } }`,
  asynchronous: `package demo:app; world app {
    import fetch: async func(url: string) -> stream<u8>;
    export run: async func(x: future<string>) -> result<u8>;
  }`,
  exported: `package demo:app@0.3.0;
    interface types { record item { n: u32 } }
    interface store {
      use types.{item};
      resource shelf {
        constructor(name: string);
        put: func(i: item) -> result<u32, string>;
        join: static func(a: shelf, b: shelf) -> shelf;
      }
      count: func(of: borrow<shelf>) -> u64;
    }
    interface front { use store.{shelf}; open: func() -> shelf; all: func() -> list<shelf>; }
    world app { export store; export front; }`,
  chains: `package demo:app; 
    interface a { resource r; type rs = list<r>; }
    interface b { use a.{r, rs}; f: func(x: rs) -> r; }
    interface c { use b.{r as q}; g: func(x: borrow<q>); }
    world app { import c; export b; }`,
};

async function componentOf(witSource: string, world: string): Promise<Uint8Array> {
  return componentNew(await componentEmbed({ witSource, world, dummy: true }), []);
}

/** Our text up to the packages, which jco does not print. */
function worldOf(wit: string): string {
  const end = wit.indexOf('\n\npackage ', 1);
  return end === -1 ? wit : wit.slice(0, end + 1);
}

const lines = (text: string): string[] => text.split('\n').filter((line) => line.trim() !== '');

/** Both take these, or both refuse them; components in text. */
const CASES: readonly [string, string, string?][] = [
  [
    'an instance that exports more',
    wired('(export "f" (func)) (export "g" (func))', '(export "f" (func))'),
  ],
  [
    'an instance that exports less',
    wired('(export "f" (func))', '(export "f" (func)) (export "g" (func))'),
    'type-mismatch',
  ],
  [
    'another result',
    wired('(export "f" (func (result u8)))', '(export "f" (func (result u16)))'),
    'type-mismatch',
  ],
  [
    'another name of a parameter',
    wired('(export "f" (func (param "a" u8)))', '(export "f" (func (param "b" u8)))'),
    'type-mismatch',
  ],
  [
    'another element of a list',
    wired(
      '(export "f" (func (param "a" (list u8))))',
      '(export "f" (func (param "a" (list char))))',
    ),
    'type-mismatch',
  ],
  [
    'a missing argument',
    '(component (component $c (import "a" (func))) (instance (instantiate $c)))',
    'argument-missing',
  ],
  [
    'a resource that is another',
    `(component
    (component $c (import "r" (type $r (sub resource))) (import "s" (type (eq $r))))
    (type $a (resource (rep i32))) (type $b (resource (rep i32)))
    (instance (instantiate $c (with "r" (type $a)) (with "s" (type $b)))))`,
    'type-mismatch',
  ],
  [
    'a resource that is the same',
    `(component
    (component $c (import "r" (type $r (sub resource))) (import "s" (type (eq $r))))
    (type $a (resource (rep i32)))
    (instance (instantiate $c (with "r" (type $a)) (with "s" (type $a)))))`,
  ],
  [
    'a method of a resource that is not there',
    '(component (import "[method]r.f" (func)))',
    'name-invalid',
  ],
  [
    'names that differ in case alone',
    '(component (import "a" (func)) (import "A" (func)))',
    'name-duplicate',
  ],
  [
    'a record that has no name outside',
    '(component (type $t (record (field "f" u32))) (import "f" (func (param "x" $t))))',
    'type-unnamed',
  ],
  [
    'a record that an import names',
    `(component (type $t (record (field "f" u32))) (import "t" (type $u (eq $t)))
    (import "f" (func (param "x" $u))))`,
  ],
  [
    'a module type that imports one thing twice',
    '(component (core type (module (import "" "a" (func)) (import "" "a" (func)))))',
    'name-duplicate',
  ],
  [
    'a resource by an index that was not exported',
    `(component (type $r (resource (rep i32))) (type $own (own $r))
    (export "r" (type $r)) (type $l (list $own)) (export "l" (type $l)))`,
    'type-unnamed',
  ],
  [
    'a resource by the index that its export made',
    `(component (component (type $r (resource (rep i32))) (export $e "r" (type $r))
    (type $own (own $e)) (type $l (list $own)) (export "l" (type $l))))`,
  ],
  [
    'a record of an instance that is not exported',
    `(component
    (component $c (type $t (record (field "f" u32))) (export "t" (type $t)))
    (instance $i (instantiate $c)) (alias export $i "t" (type $t))
    (core module $m (func (export "f") (param i32)))
    (core instance $j (instantiate $m))
    (func $f (param "x" $t) (canon lift (core func $j "f"))) (export "f" (func $f)))`,
    'type-unnamed',
  ],
  [
    'a record that the component around names',
    `(component (type $t (record (field "f" u32))) (import "t" (type $u (eq $t)))
    (component (import "f" (func (param "x" $u)))))`,
    'type-unnamed',
  ],
  [
    'the type of an instance with a record without a name in it',
    `(component (type $i (instance (type $t (record (field "f" u32)))
      (type $u (record (field "t" $t))) (export "u" (type (eq $u)))))
    (import "i" (type (eq $i))))`,
    'type-unnamed',
  ],
  [
    'a constructor in an instance that only collects',
    `(component (import "r" (type $r (sub resource))) (import "f" (func $f (result (own $r))))
    (instance (export "r" (type $r)) (export "[constructor]r" (func $f))))`,
    'name-invalid',
  ],
  [
    'the representation of a resource that another component defines',
    `(component (component $c (type $r (resource (rep i32))) (export "r" (type $r)))
    (instance $i (instantiate $c)) (alias export $i "r" (type $r))
    (core func (canon resource.rep $r)))`,
    'type-mismatch',
  ],
  [
    'a memory of more than there are addresses',
    '(component (core type (module (import "" "" (memory 65537)))))',
    'type-malformed',
  ],
  [
    'a final supertype',
    '(component (core type $t (struct)) (core type (sub $t (struct))))',
    'type-mismatch',
  ],
  ['an open type in a module type', '(component (core type (module (type (sub (func))))))'],
  ['an interface without a package', '(component (import "a:b" (func)))', 'name-invalid'],
  [
    'a core import of another type',
    `(component
    (core module $m (import "a" "f" (func (param i32))))
    (core module $n (func (export "f")))
    (core instance $i (instantiate $n))
    (core instance (instantiate $m (with "a" (instance $i)))))`,
    'type-mismatch',
  ],
  [
    'a function lifted from one of another type',
    `(component
    (core module $m (func (export "f") (param i64)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "a" u32) (canon lift (core func $i "f"))))`,
    'type-mismatch',
  ],
  [
    'a function lifted as it is',
    `(component
    (core module $m (func (export "f") (param i32)))
    (core instance $i (instantiate $m))
    (func (export "f") (param "a" u32) (canon lift (core func $i "f"))))`,
  ],
];

function wired(given: string, wanted: string): string {
  return `(component
    (component $c (import "i" (instance ${wanted})))
    (import "i" (instance $i ${given}))
    (instance (instantiate $c (with "i" (instance $i)))))`;
}

function refusalOf(bytes: Uint8Array): string | undefined {
  try {
    typeComponent(bytes, readComponent(bytes));
    return undefined;
  } catch (error) {
    if (error instanceof WasmError) return error.code;
    throw error;
  }
}

describe('wasm-tools, as jco carries it', () => {
  it.each(Object.entries(WORLDS))('reads the same world: %s', async (_, source) => {
    const bytes = await componentOf(source, 'app');
    const wit = witOf(bytes);
    expect(worldOf(wit)).toBe(await componentWit(bytes));
    // Our text is WIT to it, and makes a component of the same types.
    const again = witOf(await componentOf(wit, 'root'));
    expect(lines(again).sort()).toEqual(lines(wit).sort());
  });

  it('sees the same modules and components, and reads what was stripped', async () => {
    const bytes = await componentOf(WORLDS['resources'] ?? '', 'app');
    const nodes = [...walkNodes(readBinary(bytes))];
    const text = await print(bytes);
    expect(text.match(/^\s*\(core module/gmu)).toHaveLength(
      nodes.filter(({ kind }) => kind === 'module').length,
    );
    expect(text.match(/^\s*\(component(?! \(type)/gmu)).toHaveLength(
      nodes.filter(({ kind }) => kind === 'component').length,
    );
    const stripped = stripBinary(bytes);
    expect(stripped.length).toBeLessThan(bytes.length);
    expect(await componentWit(stripped)).toBe(await componentWit(bytes));
  });

  it.each(CASES)('agrees on %s', async (_, source, code) => {
    const bytes = await parse(source);
    expect(refusalOf(bytes)).toBe(code);
    const theirs = componentWit(bytes).then(
      () => 'taken',
      () => 'refused',
    );
    expect(await theirs).toBe(code === undefined ? 'taken' : 'refused');
  });
});

const tools = await findWasmTools();

describe.skipIf('absent' in tools)(titled('wasm-tools itself', tools), () => {
  let folder = '';
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'wasm-tools-'));
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const wasmTools = async (bytes: Uint8Array, ...args: string[]): Promise<string> => {
    if ('absent' in tools) throw new Error(tools.absent);
    const file = join(folder, 'a.wasm');
    await writeFile(file, bytes);
    const [program, ...before] = tools.command;
    return (await run(program, [...before, ...args, file], { timeout: 60_000 })).stdout;
  };

  it.each(['functions', 'resources', 'exported', 'chains'])(
    'writes the same WIT: %s',
    async (name) => {
      const bytes = await componentOf(WORLDS[name] ?? '', 'app');
      expect(lines(witOf(bytes))).toEqual(lines(await wasmTools(bytes, 'component', 'wit')));
    },
  );

  it.each(CASES)('agrees on %s', async (_, source, code) => {
    const bytes = await parse(source);
    const theirs = wasmTools(bytes, 'validate', '--features=all').then(
      () => 'taken',
      () => 'refused',
    );
    expect(await theirs).toBe(code === undefined ? 'taken' : 'refused');
  });
});

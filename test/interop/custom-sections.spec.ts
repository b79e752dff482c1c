import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import {
  componentEmbed,
  componentNew,
  componentWit,
  metadataAdd,
  metadataShow,
} from '@bytecodealliance/jco-transpile/wasm-tools';
import { compile, nestComponents, ROOT } from '@touchstone/kit';
import { appendCustomSection, readBinary, stripBinary, walkNodes } from '@touchstone/wasm';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

/** What of the engine's API is used here; Node's types leave it out. */
declare const WebAssembly: {
  compile(bytes: Uint8Array): Promise<object>;
  readonly Module: { imports(module: object): object[]; exports(module: object): object[] };
};

const CLI = join(ROOT, 'apps/cli/bin/touchstone.js');
/** A module that rustc and wasm-ld wrote for somebody else: Nx's engine, with its debug names. */
const RUST = join(ROOT, 'node_modules/nx/dist/src/native/nx.wasm32-wasi.debug.wasm');
const WIT = 'package demo:app; world app { import log: func(s: string); export run: func(); }';

interface NodeView {
  readonly path: string;
  readonly kind: string;
  readonly name?: string;
  readonly customSections: string[];
  readonly producers?: { field: string; values: { name: string; version: string }[] }[];
  readonly targetFeatures?: { name: string; prefix: string }[];
  readonly buildId?: string;
  readonly dependencies?: { name: string; version: string }[];
}

let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'custom-sections-'));
});
afterAll(() => rm(dir, { recursive: true, force: true }));

async function wasm(...args: string[]): Promise<string> {
  const { stdout } = await promisify(execFile)(process.execPath, [CLI, 'wasm', ...args], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout;
}

async function inspect(bytes: Uint8Array): Promise<NodeView[]> {
  await writeFile(at('inspected.wasm'), bytes);
  const { nodes } = JSON.parse(await wasm('inspect', at('inspected.wasm'), '--json')) as {
    nodes: NodeView[];
  };
  return nodes;
}

const strip = (bytes: Uint8Array, ...keep: string[]): Uint8Array => stripBinary(bytes, { keep });

/** What wasm-tools reads from `producers` and `name`, outermost first. */
async function theirs(bytes: Uint8Array): Promise<unknown[]> {
  const nodes = await metadataShow(bytes);
  return nodes.map(({ name, producers }) => [
    name ?? undefined,
    producers.map(([field, values]) => [field, values]),
  ]);
}

const ours = (nodes: readonly NodeView[]): unknown[] =>
  nodes.map(({ name, producers = [] }) => [
    name,
    producers.map(({ field, values }) => [field, values.map((each) => [each.name, each.version])]),
  ]);

describe('a module that rustc wrote', () => {
  it('is described as its tools say', async () => {
    const bytes = new Uint8Array(await readFile(RUST));
    const nodes = await inspect(bytes);
    const [module] = nodes;
    expect(module?.customSections).toEqual(['name', 'producers', 'target_features', 'build_id']);
    expect(ours(nodes)).toEqual(await theirs(bytes));
    expect(module?.producers?.flatMap(({ values }) => values.map(({ name }) => name))).toContain(
      'rustc',
    );
    expect(module?.targetFeatures?.map(({ name }) => name)).toContain('mutable-globals');
    expect(module?.buildId).toMatch(/^[0-9a-f]{32}$/u);
  });

  it('is stripped to what is kept, and stays the same program', async () => {
    const bytes = new Uint8Array(await readFile(RUST));
    const kept = strip(bytes, 'build_id', 'producers');
    const [before, after] = [(await inspect(bytes))[0], (await inspect(kept))[0]];
    await wasm(
      'strip',
      at('inspected.wasm'),
      '-o',
      at('again.wasm'),
      '--keep',
      'producers',
      'build_id',
    );
    expect(new Uint8Array(await readFile(at('again.wasm')))).toEqual(kept);
    expect(after?.customSections).toEqual(['producers', 'build_id']);
    expect([after?.buildId, after?.producers]).toEqual([before?.buildId, before?.producers]);
    const bare = strip(bytes);
    expect(strip(bare)).toEqual(bare);
    const compiled = await Promise.all([bytes, bare].map((each) => WebAssembly.compile(each)));
    const [whole, stripped] = compiled.map((module) => [
      WebAssembly.Module.imports(module),
      WebAssembly.Module.exports(module),
    ]);
    expect(stripped).toEqual(whole);
  });

  it('tells what cargo auditable wrote into it, and nothing of what is broken', async () => {
    const bytes = new Uint8Array(await readFile(RUST));
    const packages = [{ name: 'serde', version: '1.0.219', source: 'crates.io', root: true }];
    const section = deflateSync(JSON.stringify({ packages }));
    const [module] = await inspect(appendCustomSection(bytes, '.dep-v0', section));
    expect(module?.dependencies).toMatchObject([{ name: 'serde', version: '1.0.219' }]);
    const broken = appendCustomSection(bytes, '.dep-v0', section.subarray(0, 5));
    expect((await inspect(broken))[0]?.dependencies).toBeUndefined();
  });
});

describe('components that wasm-tools wrote', () => {
  it('are described level by level, as wasm-tools does', async () => {
    const core = await componentEmbed({ witSource: WIT, world: 'app', dummy: true });
    const made = await componentNew(core, []);
    const named = await metadataAdd(made, [['language', [['Rust', '1.85']]]]);
    const nodes = await inspect(named);
    expect(ours(nodes)).toEqual(await theirs(named));
    expect(nodes[0]?.customSections).toContain('producers');
    // A second level around it.
    const nested = nestComponents(named, made);
    expect(ours(await inspect(nested))).toEqual(await theirs(nested));
  });

  it('keep component-type through a strip that is told to, or cannot be made', async () => {
    const core = await componentEmbed({ witSource: WIT, world: 'app', dummy: true });
    const name = 'component-type';
    expect((await inspect(core))[0]?.customSections.some((each) => each.startsWith(name))).toBe(
      true,
    );
    const customSections = (await inspect(core))[0]?.customSections ?? [];
    const kept = strip(core, ...customSections.filter((each) => each.startsWith(name)));
    const made = await componentNew(kept, []);
    expect(await componentWit(made)).toBe(await componentWit(await componentNew(core, [])));
    await expect(componentNew(strip(core), [])).rejects.toThrow('failed to encode a component');
  });

  it('lose component-name and all others at every level, and keep what they are', async () => {
    const made = await componentNew(
      await componentEmbed({ witSource: WIT, world: 'app', dummy: true }),
      [],
    );
    const nested = nestComponents(made, made);
    const before = await inspect(nested);
    expect(before.flatMap(({ customSections }) => customSections)).toContain('component-name');
    const bare = strip(nested);
    expect((await inspect(bare)).flatMap(({ customSections }) => customSections)).toEqual([]);
    expect([...walkNodes(readBinary(bare))].map(({ path, kind }) => [path, kind])).toEqual(
      before.map(({ path, kind }) => [path, kind]),
    );
    const [first] = (await inspect(strip(nested, 'component-name'))).filter(
      ({ path }) => path === '/component[0]',
    );
    expect(first?.customSections).toEqual(['component-name']);
  });
});

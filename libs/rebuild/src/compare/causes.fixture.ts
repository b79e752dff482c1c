import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { BlobStore } from '../source/blob-store.js';
import { NpmSource } from '../source/npm-source.js';
import { readRegistryConfig } from '../source/registry-config.js';
import { readToolchainLock } from '../toolchain/lock-folders.js';
import { assembleToolchain } from '../toolchain/toolchain.js';

/** Pairs of modules, each built twice with one circumstance changed, by real compilers from npm. */
const CACHE = fileURLToPath(new URL('../../../../.touchstone/cache', import.meta.url));

const APP = `
#include <stdlib.h>
#include <string.h>
#include <stdio.h>
#ifndef USER
#define USER "nobody"
#endif
int clamp(int v, int low, int high) { return v < low ? low : v > high ? high : v; }
int weigh(const int *p, int n) { int s = 0; for (int i = 0; i < n; i++) s += clamp(p[i] * 31, i, 4000); return s; }
char *copy(const char *s) { size_t n = strlen(s) + 1; char *d = malloc(n); if (d) memcpy(d, s, n); return d; }
const char *about(void) {
#ifdef STAMP
  return "built " __DATE__ " " __TIME__;
#elif defined(PATHS)
  return __FILE__;
#else
  return "built by " USER;
#endif
}
int main(int argc, char **argv) {
  int list[] = {1, 2, 3, argc};
  char *s = copy(about());
  printf("%s %s %d\\n", s, argv[0], weigh(list, 4));
  free(s);
  return 0;
}
`;

/** An object of six functions that loop, no two alike. */
function unit(number: number): string {
  return Array.from({ length: 6 }, (_, k) => {
    const name = `unit${number}_${k}`;
    const step = `a = a * ${number * 7 + k} + (b ^ ${number * 100 + k})`;
    return `__attribute__((export_name("${name}"))) int ${name}(int a, int b) { for (int j = 0; j < ${k + 3}; j++) ${step}; return a; }\n`;
  }).join('');
}

const HANDLERS = 'open close read write seek stat link sync lock poll send recv'.split(' ');

/** What a generator writes that walks a hash map: the same functions and words in any order. */
function generated(order: readonly number[]): string {
  const names = order.map((index) => HANDLERS[index] ?? '');
  const functions = order.map(
    (index) =>
      `static int h_${HANDLERS[index]}(int v) { return v * ${index * 13 + 5} + ${index}; }\n`,
  );
  return `typedef int (*fn)(int);
${functions.join('')}
static const char *const words[] = {${names.map((name) => `"${name}"`).join(',')}};
static const fn table[] = {${names.map((name) => `h_${name}`).join(',')}};
__attribute__((export_name("run"))) int run(int i, int v) { return table[i](v); }
__attribute__((export_name("word"))) const char *word(int i) { return words[i]; }
`;
}

/** What clang writes of its version is in the module's identity, which is then in \`producers\`. */
const IR = (version: string): string => `target triple = "wasm32-unknown-wasip1"
define hidden i32 @twice(i32 %a) #0 { %b = shl i32 %a, 1 ret i32 %b }
attributes #0 = { "wasm-export-name"="twice" }
!llvm.ident = !{!0}
!0 = !{!"clang version ${version}"}
`;

const LIB = '/usr/lib/wasm32-wasip1';
const RUNTIME = '/usr/lib/wasm32-unknown-wasip1';
const LIBRARIES = ['-lc', `${RUNTIME}/libclang_rt.builtins.a`];

interface Invocation {
  command: string;
  args: string[];
}

const compile = (source: string, object: string, ...flags: string[]): Invocation => ({
  command: 'clang',
  args: ['--target=wasm32-wasip1', '-O2', ...flags, '-c', source, '-o', object],
});
const link = (output: string, ...args: string[]): Invocation => ({
  command: 'wasm-ld',
  args: ['-m', 'wasm32', `-L${LIB}`, `-L${RUNTIME}`, ...args, '-o', `${output}/app.wasm`],
});
const program = (output: string, object: string, ...flags: string[]): Invocation =>
  link(output, `${LIB}/crt1-command.o`, object, ...flags, ...LIBRARIES);

/** One process compiles them all: to start this compiler takes longer than to run it. */
function clangInvocations(): Invocation[] {
  return [
    compile('one/app.c', 'stamp1.o', '-DSTAMP'),
    compile('one/app.c', 'app.o'),
    compile('one/app.c', 'user1.o', '-DUSER="aurora"'),
    compile('one/app.c', 'user2.o', '-DUSER="borealis"'),
    compile('one/app.c', 'path1.o', '-DPATHS'),
    compile('two/deeper/app.c', 'path2.o', '-DPATHS'),
    compile('one/app.c', 'debug.o', '-g'),
    compile('one/app.c', 'coverage.o', '-fprofile-instr-generate', '-fcoverage-mapping'),
    ...[1, 2, 3].map((number) => compile(`unit${number}.c`, `unit${number}.o`)),
    compile('order1.c', 'order1.o'),
    compile('order2.c', 'order2.o'),
    compile('ident1.ll', 'ident1.o'),
    compile('ident2.ll', 'ident2.o'),
    ...[1, 2, 3].map((number) => compile(`unit${number}.c`, `fast${number}.o`, '-O0')),
    ...['app', 'user1', 'user2', 'path1', 'path2', 'debug'].map((name) =>
      program(name, `${name}.o`),
    ),
    program('stripped', 'app.o', '--strip-all'),
    program('compressed', 'app.o', '--compress-relocations', '--strip-all'),
    program('id1', 'app.o', '--build-id=0x0102030405060708'),
    program('id2', 'app.o', '--build-id=0x1112131415161718'),
    program('libc', 'app.o', '-lc-printscan-no-floating-point'),
    program('libc-stripped', 'app.o', '-lc-printscan-no-floating-point', '--strip-all'),
    program(
      'coverage',
      'coverage.o',
      ...[`${RUNTIME}/libclang_rt.profile.a`, '-lwasi-emulated-getpid', '-lwasi-emulated-mman'],
    ),
    link('units123', '--no-entry', 'unit1.o', 'unit2.o', 'unit3.o'),
    link('units312', '--no-entry', 'unit3.o', 'unit1.o', 'unit2.o'),
    link('unitsfast', '--no-entry', '--strip-all', 'fast1.o', 'fast2.o', 'fast3.o'),
    link('unitsslow', '--no-entry', '--strip-all', 'unit1.o', 'unit2.o', 'unit3.o'),
    link('order1', '--no-entry', 'order1.o'),
    link('order2', '--no-entry', 'order2.o'),
    link('ident1', '--no-entry', 'ident1.o'),
    link('ident2', '--no-entry', 'ident2.o'),
    // Last, so that the clock has gone on since the first.
    compile('one/app.c', 'stamp2.o', '-DSTAMP'),
    program('stamp1', 'stamp1.o'),
    program('stamp2', 'stamp2.o'),
  ];
}

export async function buildWithClang(folder: string): Promise<void> {
  const sources: Record<string, string> = {
    'one/app.c': APP,
    'two/deeper/app.c': APP,
    'unit1.c': unit(1),
    'unit2.c': unit(2),
    'unit3.c': unit(3),
    'order1.c': generated([3, 9, 0, 11, 5, 1, 8, 2, 10, 6, 4, 7]),
    'order2.c': generated([6, 2, 11, 7, 3, 10, 0, 9, 4, 1, 8, 5]),
    'ident1.ll': IR('21.1.7'),
    'ident2.ll': IR('21.1.8'),
  };
  for (const [path, text] of Object.entries(sources)) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), text);
  }
  const invocations = clangInvocations();
  for (const { command, args } of invocations)
    if (command === 'wasm-ld')
      await mkdir(join(folder, dirname(args.at(-1) ?? '')), { recursive: true });
  const root = await toolchainRoot('yowasp-clang', '22.0.0-git20542-10');
  const driver = join(root, 'toolchain/drivers/run.mjs');
  const argv = ['--liftoff-only', driver, 'yowasp-clang'];
  await run(folder, argv, JSON.stringify({ invocations }));
}

const MAIN = `import { greet } from "greet";
export function hello(n: i32): string { return greet(n) + "!"; }
export function checked(n: i32): i32 { assert(n > 0, "too small"); return n; }
export function fib(n: i32): i32 { let a = 0, b = 1; for (let i = 0; i < n; i++) { const t = a + b; a = b; b = t; } return a; }
export function table(): Map<string, i32> { const m = new Map<string, i32>(); m.set("a", fib(3)); return m; }
`;
const GREET = [
  'export function greet(n: i32): string { return "hello ".repeat(n); }\n',
  'export function greet(n: i32): string { if (n < 0) n = 0; return "hello ".repeat(n).trim(); }\n',
];

/** AssemblyScript, and Binaryen's optimiser over what clang built; both lie in one toolchain. */
export async function buildWithAssemblyScript(folder: string): Promise<void> {
  const root = await toolchainRoot('assemblyscript', '0.27.22');
  const packages = join(root, 'toolchain/node_modules');
  const compiler = join(packages, 'assemblyscript/bin/asc.js');
  for (const [at, greet] of GREET.entries()) {
    const dependency = join(folder, `as${at + 1}/node_modules/greet`);
    await mkdir(dependency, { recursive: true });
    await writeFile(join(dependency, 'index.ts'), greet);
    await writeFile(join(folder, `as${at + 1}/main.ts`), MAIN);
    await run(join(folder, `as${at + 1}`), [compiler, 'main.ts', '--debug', '-o', 'app.wasm']);
  }
  // The same source again, from one folder above it.
  await run(folder, [
    compiler,
    'as1/main.ts',
    '--path',
    'as1/node_modules',
    '--debug',
    '-o',
    'as-above/app.wasm',
  ]);
  for (const from of ['debug', 'stripped']) {
    const binaryen = pathToFileURL(join(packages, 'binaryen/index.js')).href;
    const script = `import binaryen from ${JSON.stringify(binaryen)};
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
const module = binaryen.readBinary(readFileSync('${from}/app.wasm'));
module.setFeatures(binaryen.Features.All);
module.optimize();
mkdirSync('${from}-optimised', { recursive: true });
writeFileSync('${from}-optimised/app.wasm', module.emitBinary());`;
    await run(folder, ['--input-type=module', '--eval', script]);
  }
}

export async function built(folder: string, name: string): Promise<Uint8Array> {
  return readFile(join(folder, name, 'app.wasm'));
}

async function toolchainRoot(name: string, version: string): Promise<string> {
  const config = await readRegistryConfig({
    environment: process.env,
    home: homedir(),
    folder: process.cwd(),
    execPath: process.execPath,
  });
  const source = new NpmSource(new BlobStore(join(CACHE, 'blobs')), config);
  const lock = await readToolchainLock({ name, version });
  return (await assembleToolchain(lock, source, CACHE)).root;
}

async function run(folder: string, argv: readonly string[], input = ''): Promise<void> {
  const child = spawn(process.execPath, argv, { cwd: folder, stdio: ['pipe', 'ignore', 'pipe'] });
  let complaint = '';
  child.stderr.on('data', (chunk) => (complaint += String(chunk)));
  child.stdin.end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0) throw new Error(`${argv.join(' ').slice(0, 200)}: ${complaint.slice(-2000)}`);
}

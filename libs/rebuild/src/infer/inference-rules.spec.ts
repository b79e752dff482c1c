import { Recipe, type Artifact, type ToolchainName } from '@touchstone/contract';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readClues } from './clues.js';
import { foldSteps } from './fold-steps.js';
import { inferRecipes, type Inference } from './infer.js';
import { chooseToolchain, sortVersions } from './toolchain-choice.js';

const artifact = {
  ...{ kind: 'npm', name: 'n', version: '1.0.0' },
  integrity: `sha512-${'A'.repeat(86)}==`,
} as const satisfies Artifact;
const toolchains: ToolchainName[] = [
  { name: 'debian-clang', version: '16.0.6-15~deb12u1' },
  { name: 'debian-clang', version: '22.1.8-1~deb13u4' },
  { name: 'debian-emscripten', version: '3.1.69+dfsg-3' },
  { name: 'debian-go', version: '1.24.4-1' },
  { name: 'debian-rust', version: '1.85.1+dfsg1-1+deb13u1' },
];

/** A module that says who made it, and holds some text. */
function module(producer: [string, string] | undefined, text = ''): Buffer {
  const string = (value: string): Buffer => Buffer.from([value.length, ...Buffer.from(value)]);
  const section = (name: string, body: Buffer): Buffer => {
    const content = Buffer.concat([string(name), body]);
    return Buffer.from([0, 0x80 | (content.length & 0x7f), content.length >> 7, ...content]);
  };
  const said = producer?.map(string) ?? [];
  return Buffer.concat([
    Buffer.from('0061736d01000000', 'hex'),
    section('text', Buffer.from(text)),
    ...(producer === undefined
      ? []
      : [
          section(
            'producers',
            Buffer.concat([Buffer.of(1), string('processed-by'), Buffer.of(1), ...said]),
          ),
        ]),
  ]);
}

function infer(entries: Record<string, string | Uint8Array>): Promise<Inference> {
  const files = new Map(
    Object.entries(entries).map(([path, data]) => [`package/${path}`, Buffer.from(data)]),
  );
  return inferRecipes(readClues(artifact, files, artifact, files), { toolchains });
}

const scripts = (build: string): string => JSON.stringify({ scripts: { build } });

describe('a C compiler that a script calls', () => {
  it('is repeated without what concerns the publisher alone', async () => {
    const { recipe, modules } = await infer({
      'package.json': scripts(
        'mkdir -p out && /opt/wasi-sdk/bin/clang --sysroot=/opt/wasi-sdk/share -I/app/inc -MD -O2 -c src/a.c -o out/a.o && /opt/wasi-sdk/bin/clang out/a.o -o out/a.wasm -Wl,--export=f',
      ),
      'src/a.c': '',
      'inc/a.h': '',
      'a.wasm': module(['Debian clang', '16.0.6 (15)']),
    });
    expect(Recipe.parse(recipe)).toMatchObject({
      toolchain: { name: 'debian-clang', version: '16.0.6-15~deb12u1' },
      steps: [
        {
          run: ['clang', '--target=wasm32-wasi', '-Iinc', '-O2', '-c', '-o', 'out-a.o', 'src/a.c'],
        },
        { run: ['clang', '--target=wasm32-wasi', '-Wl,--export=f', '-o', 'a.wasm', 'out-a.o'] },
      ],
    });
    expect(modules[0]?.reasons.join()).toContain('--sysroot');
  });

  it('of Emscripten builds the module that lies beside its script', async () => {
    const { recipe } = await infer({
      'build.sh': 'emcc -O3 -s SINGLE_FILE=1 -sMODULARIZE=1 src/*.c -o lib/codec.js',
      ...{ 'src/a.c': '', 'src/b.c': '', 'lib/other.txt': '' },
      'lib/codec.js': `var wasm = "data:application/octet-stream;base64,${module(undefined).toString('base64')}"`,
    });
    expect(Recipe.parse(recipe)).toMatchObject({
      toolchain: { name: 'debian-emscripten' },
      steps: [
        { run: ['emcc', '-O3', '-sMODULARIZE=1', '-o', 'lib/codec.js', 'src/a.c', 'src/b.c'] },
      ],
      modules: [{ output: 'lib/codec.wasm' }],
    });
  });

  it('is no recipe without its sources, and why is said', async () => {
    const { recipe, obstacles } = await infer({
      Makefile:
        'a.wasm: a.c\n\tclang --target=wasm32 -o a.wasm a.c\n\twasm-opt -O3 a.wasm -o a.wasm',
      'a.wasm': module(undefined),
    });
    expect(recipe).toBeUndefined();
    expect(obstacles.join('\n')).toContain('a.c is not in the source');
  });
});

describe('cargo', () => {
  const files = {
    'Cargo.toml': '[workspace]\nmembers = ["core"]\n[profile.small]\ninherits = "release"\n',
    'core/Cargo.toml': '[package]\nname = "my-core"\n[lib]\ncrate-type = ["cdylib"]\n',
    'core/src/lib.rs': '',
    'Cargo.lock': 'version = 4\n[[package]]\nname = "x"\nversion = "1.0.0"\nchecksum = "00"\n',
    'package.json': scripts(
      'RUSTFLAGS="-C target-feature=+simd128" cargo +nightly build -p my-core --profile small --features fast --target wasm32-unknown-unknown',
    ),
  };

  it('builds the member whose file is published, as the script says', async () => {
    const paths =
      '/home/ada/app/core/src/lib.rs and /home/ada/.cargo/registry/src/index-1/x-1.0.0/src/lib.rs';
    const { recipe } = await infer({
      ...files,
      'pkg/my_core.wasm': module(['rustc', '1.85.1'], paths),
    });
    expect(Recipe.parse(recipe)).toMatchObject({
      toolchain: { name: 'debian-rust', version: '1.85.1+dfsg1-1+deb13u1' },
      workdir: 'package',
      dependencies: [{ kind: 'cargo', lockfile: 'package/Cargo.lock' }],
      environment: {
        RUSTFLAGS:
          '-C target-feature=+simd128 --remap-path-prefix={workspace}/package=/home/ada/app --remap-path-prefix={workspace}/.dependencies/cargo=/home/ada/.cargo/registry/src/index-1',
      },
      modules: [{ output: 'target/wasm32-unknown-unknown/small/my_core.wasm' }],
    });
    expect(recipe?.steps[0]?.run.join(' ')).toContain(
      '--profile small --target wasm32-unknown-unknown -p my-core --lib --features fast',
    );
  });

  it.each<[string, Record<string, string | Uint8Array>, string]>([
    [
      'wasm-bindgen',
      { ...files, 'my_core_bg.wasm': module(['wasm-bindgen', '0.2.92']), 'a.txt': 'rustc' },
      'wasm-bindgen',
    ],
    [
      "upstream's library",
      {
        ...files,
        'my_core.wasm': module(['rustc', '1.80.0'], `/rustc/${'a'.repeat(40)}/library/x.rs`),
      },
      '/rustc/',
    ],
    [
      'no lock',
      { 'Cargo.toml': files['core/Cargo.toml'], 'my_core.wasm': module(['rustc', '1.80.0']) },
      'no Cargo.lock',
    ],
    ['no manifest', { 'my_core.wasm': module(['rustc', '1.80.0']) }, 'no Cargo.toml'],
  ])('says what stands in the way: %s', async (_, entries, expected) => {
    expect((await infer(entries)).obstacles.join('\n')).toContain(expected);
  });
});

describe('go build', () => {
  /** As Go's linker puts it between two marks. */
  const built = (...lines: string[]): Buffer => {
    const [start, end] = ['3077af0c9274080241e1c107e6d618e6', 'f932433186182072008242104116d8f2'];
    return Buffer.concat([
      module(undefined, 'wasi_snapshot_preview1 go1.24.4'),
      // A custom section, so that it is a module still.
      ...[
        Buffer.from([start, Buffer.from(lines.join('\n')).toString('hex'), end].join(''), 'hex'),
      ].map((body) =>
        Buffer.concat([
          Buffer.from([0, 0x80 | ((body.length + 2) & 0x7f), (body.length + 2) >> 7, 1, 0x62]),
          body,
        ]),
      ),
    ]);
  };
  const files = {
    'go.mod': 'module example.org/x\n',
    'go.sum': 'x',
    'cmd/tool/main.go': '// A tool.\npackage main\n',
    'cmd/other/main.go': 'package main\n',
    'lib/lib.go': 'package lib\n',
  };

  it('takes options from the build information, and the package by its name', async () => {
    const settings = ['-trimpath=true', '-tags=a,b', 'GOOS=wasip1', 'GOWASM=signext'];
    const { recipe } = await infer({
      ...files,
      'tool.wasm': built('path\texample.org/x', ...settings.map((one) => `build\t${one}`)),
    });
    expect(Recipe.parse(recipe)).toMatchObject({
      environment: { GOOS: 'wasip1', GOARCH: 'wasm', GOWASM: 'signext' },
      dependencies: [{ kind: 'go', lockfile: 'package/go.sum' }],
      steps: [
        {
          run: [
            ...['go', 'build', '-trimpath', '-tags=a,b', '-ldflags=-s -w -buildid='],
            ...['-o', 'tool.wasm', './cmd/tool'],
          ],
        },
      ],
    });
  });

  it('takes what a script says before, and says when a checkout is in the bytes', async () => {
    const { recipe, obstacles } = await infer({
      ...files,
      Makefile:
        'x.wasm:\n\tGOOS=wasip1 GOARCH=wasm go build -ldflags "-s -X main.v=1" -o $@ ./cmd/other',
      'x.wasm': built('build\tvcs.revision=abc'),
    });
    expect(recipe?.steps[0]?.run).toEqual([
      ...['go', 'build', '-ldflags=-s -X main.v=1', '-o', 'x.wasm', './cmd/other'],
    ]);
    expect(obstacles.join()).toContain('abc');
  });
});

describe('choosing', () => {
  it('takes the nearest version first', () => {
    const first = (version: string): string | undefined =>
      chooseToolchain('debian-clang', toolchains, { version, whence: 'x' })?.values[0]?.label;
    expect([first('16.0.0'), first('21.1'), first('3')]).toEqual([
      ...['16.0.6-15~deb12u1', '22.1.8-1~deb13u4', '16.0.6-15~deb12u1'],
    ]);
    expect(chooseToolchain('tinygo', toolchains, undefined)).toBeUndefined();
    expect(sortVersions(['22.1.8-1~deb13u4', '3.1.69+dfsg-3', '9.0.0', '9.1.0-rc.1'])).toEqual([
      ...['3.1.69+dfsg-3', '9.0.0', '22.1.8-1~deb13u4'],
    ]);
  });

  it('folds calls that differ in a name, and folds nothing else', () => {
    const call = (name: string): string[] => ['cc', '-o', `${name}.wasm`, `src/${name}.c`];
    expect(foldSteps([call('md4'), call('md5'), ['cc', 'x']], ['md4', 'md5', 'x'])).toEqual([
      { run: ['cc', '-o', '{each}.wasm', 'src/{each}.c'], each: ['md4', 'md5'] },
      { run: ['cc', 'x'] },
    ]);
    const names = fc.stringMatching(/^[a-c]{1,3}$/);
    fc.assert(
      fc.property(fc.array(fc.tuple(names, fc.array(names)), { maxLength: 6 }), (steps) => {
        const runs = steps.map(([name, words]) => ['cc', ...words, name]);
        const folded = foldSteps(
          runs,
          steps.map(([name]) => name),
        );
        const unfolded = folded.flatMap(({ run, each }) =>
          (each ?? ['']).map((item) =>
            run.map((word) => (each ? word.replaceAll('{each}', item) : word)),
          ),
        );
        expect(unfolded).toEqual(runs);
      }),
      { seed: 23 },
    );
  });

  it('answers whatever manifests and build files hold', async () => {
    const text = fc.string({ maxLength: 200, unit: 'binary' });
    await fc.assert(
      fc.asyncProperty(text, text, text, async (toml, make, go) => {
        const inference = await infer({
          'Cargo.toml': `[package]\nname = "a"\n${toml}`,
          Makefile: `a.wasm: a.c\n\tclang --target=wasm32 ${make} a.c -o a.wasm`,
          ...{ 'go.mod': go, 'a.c': '', 'a.wasm': module(['rustc', '1.85.1'], go.slice(0, 90)) },
        });
        if (inference.recipe !== undefined) Recipe.parse(inference.recipe);
        expect(inference.modules.length + inference.unexplained.length).toBe(1);
      }),
      { seed: 24, numRuns: 25 },
    );
  }, 90_000);
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { makeCommands } from './make-rules.js';
import { scriptCommands } from './script-literals.js';
import { shellCommands, UNKNOWN } from './shell-commands.js';
import { SourceTree } from './source-tree.js';

const lines = (commands: readonly { words: readonly string[] }[]): string[] =>
  commands.map(({ words }) => words.join(' | '));

describe('shellCommands', () => {
  it.each<[string, string[]]>([
    [`clang -O3 'a b'.c "c\\"d" e\\ f`, ['clang | -O3 | a b.c | c"d | e f']],
    ['a && b || c; d | e &', ['a', 'b', 'c', 'd', 'e']],
    ['a \\\n  b # not this\nc', ['a | b', 'c']],
    ['X="-a -b"; cc $X "$X" ${Y:-z} $X.c', ['cc | -a | -b | -a -b | z | -a | -b.c']],
    [
      'cc ${NONE}/clang $(pkg-config --libs "(x)") `date` $1',
      [`cc | ${UNKNOWN}/clang | ${UNKNOWN} | ${UNKNOWN} | ${UNKNOWN}`],
    ],
    ['cc a.c > out 2>&1 < in 2>/dev/null', ['cc | a.c']],
    [
      'for f in a b; do cc $f.c -o "$f".wasm; done; end',
      ['cc | a.c | -o | a.wasm', 'cc | b.c | -o | b.wasm', 'end'],
    ],
    ['if [ -z "$X" ]; then a; else b; fi', ['[ | -z | ' + UNKNOWN + ' | ]', 'a', 'b']],
    ['cc "never closed', ['cc | never closed']],
    ["cc $'", ['cc | $']],
  ])('reads %j', (script, expected) => {
    const read = lines(shellCommands(script));
    if (script === "cc $'") expect(read[0]?.startsWith('cc')).toBe(true);
    else expect(read).toEqual(expected);
  });

  it('knows where a command runs, and with which variables', () => {
    const script =
      'export A=1; cd src/lib && B="x y" cc a.c; (cd ..; cc b.c); cc c.c; cd $T; cc d.c';
    expect(shellCommands(script)).toEqual([
      { words: ['cc', 'a.c'], variables: { A: '1', B: 'x y' }, folder: 'src/lib' },
      { words: ['cc', 'b.c'], variables: { A: '1' }, folder: 'src' },
      { words: ['cc', 'c.c'], variables: { A: '1' }, folder: 'src/lib' },
      { words: ['cc', 'd.c'], variables: { A: '1' }, folder: undefined },
    ]);
  });

  it('runs nothing, and ends, whatever it is given', () => {
    const piece = fc.constantFrom(
      ...[
        'for',
        ' ',
        'x',
        'in',
        'do',
        'done',
        ';',
        '$(',
        ')',
        '`',
        '"',
        "'",
        '$x',
        '${x',
        '}',
        '\n',
        '\\',
        '<<',
        '&&',
        '#',
        'X=',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 200 }), (parts) => {
        const commands = shellCommands(parts.join(''));
        expect(commands.every(({ words }) => words.length > 0)).toBe(true);
      }),
      { seed: 21, numRuns: 500 },
    );
  });

  it('stops at what would grow without end', () => {
    const loops = 'for a in 1 2 3 4 5 6 7 8 9; do '.repeat(40);
    const doubling = 'X=aaaaaaaaaaaaaaaa;' + 'X="$X$X";'.repeat(40) + 'echo $X';
    for (const script of [
      `${loops} cc x; ${'done; '.repeat(40)}`,
      doubling,
      '('.repeat(100_000),
      'a '.repeat(300_000),
    ]) {
      const started = performance.now();
      expect(JSON.stringify(shellCommands(script)).length).toBeLessThan(16_000_000);
      expect(performance.now() - started).toBeLessThan(5_000);
    }
  });
});

describe('makeCommands', () => {
  const tree = new SourceTree(['src/a.c', 'src/b.c', 'src/deep/c.c', 'Makefile', 'x.h']);
  const make = (text: string, wanted: string[] = []): string[] =>
    lines(makeCommands(text, tree, '', wanted));

  it.each<[string, string, string[]]>([
    [
      'automatic variables',
      'a.wasm: src/a.c x.h\n\t@cc -o $@ $< # $^ $(@F)',
      ['cc | -o | a.wasm | src/a.c'],
    ],
    [
      'patterns that a target asks for',
      'all: a.wasm b.wasm\n%.wasm: src/%.c\n\tcc $* $(@D)',
      ['cc | a | .', 'cc | b | .'],
    ],
    [
      'a rule of its own before a pattern',
      '%.wasm: src/%.c\n\tcc any\nb.wasm: src/b.c\n\tcc own',
      ['cc | own'],
    ],
    [
      'what is needed first',
      'a.wasm: a.o\n\tld $^\na.o: src/a.c\n\tcc $<',
      ['cc | src/a.c', 'ld | a.o'],
    ],
    [
      'kinds of assignment',
      'A=1\nB:=$(A)\nA=2\nC?=3\nC?=4\nC+=5\nx:\n\tcc $(A) $B $(C)',
      ['cc | 2 | 1 | 3 | 5'],
    ],
    [
      'functions of text',
      'S=$(wildcard src/*.c)\nx:\n\tcc $(S:.c=.o) $(patsubst src/%.c,%,$(S)) $(notdir $(S)) $(filter %a.c,$(S)) $(foreach n,1 2,-D$(n))',
      ['cc | src/a.o | src/b.o | a | b | a.c | b.c | src/a.c | -D1 | -D2'],
    ],
    [
      'conditions',
      'ifeq ($(shell uname -s),Darwin)\nC=mac\nelse ifdef NONE\nC=none\nelse\nC=clang\nendif\nx:\n\t$(C) y',
      ['clang | y'],
    ],
    [
      'variables of one target',
      'x: F += -g\nF=-O\nx: src/a.c\n\tcc $(F)\ny:\n\tcc $(F)',
      ['cc | -O | -g', 'cc | -O'],
    ],
    [
      'a static pattern',
      'O=a.o b.o\n$(O): %.o: src/%.c\n\tcc $<',
      ['cc | src/a.c', 'cc | src/b.c'],
    ],
    ['what only a shell knows', 'x:\n\tcc $(shell date) $$HOME', [`cc | ${UNKNOWN} | ${UNKNOWN}`]],
  ])('follows %s', (_, text, expected) => {
    expect(make(text)).toEqual(expected);
  });

  it('makes what is wanted from a pattern, in a folder of another machine', () => {
    expect(make('/app/out/%.wasm : /app/src/%.c\n\tclang -o $@ $<', ['a.wasm', 'z.wasm'])).toEqual([
      'clang | -o | /app/out/a.wasm | /app/src/a.c',
    ]);
  });

  it('ends, whatever it is given', () => {
    const piece = fc.constantFrom(
      ...[
        'a',
        '%',
        ':',
        '=',
        ':=',
        '\n',
        '\t',
        '$(',
        ')',
        '$@',
        '$(a)',
        'ifeq',
        'else',
        'endif',
        'define',
        ' ',
        ',',
        '$(foreach a,b,',
        '$(wildcard *',
        '#',
        '\\',
      ],
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 150 }), (parts) => {
        expect(Array.isArray(make(parts.join(''), ['a.wasm']))).toBe(true);
      }),
      { seed: 22, numRuns: 500 },
    );
  });

  it('stops at variables that name themselves, and at targets in a circle', () => {
    const doubling = Array.from(
      { length: 60 },
      (_, at) => `V${at}=$(V${at + 1})$(V${at + 1})`,
    ).join('\n');
    expect(make('A=$(A)\nx:\n\tcc $(A)\nx: y\ny: x')).toHaveLength(1);
    expect(make(`${doubling}\nV60=aaaaaaaaaaaaaaaaa\nx:\n\tcc $(V0)`)).toHaveLength(1);
  });
});

describe('scriptCommands', () => {
  it.each<[string, string[]]>([
    [
      "const F = '-O3 -g';\nexecSync(`clang ${F} \\\n  -o a.wasm a.c`)",
      ['clang | -O3 | -g | -o | a.wasm | a.c'],
    ],
    [
      "spawnSync('emcc', ['-O2', SRC, \"-o\", 'a.js']); const SRC = 'a.c'",
      ['emcc | -O2 | a.c | -o | a.js'],
    ],
    [
      "const CC = process.env.CC || 'clang'; run(`${CC} a.c -o a.wasm`)",
      ['clang | a.c | -o | a.wasm'],
    ],
    ["log('clang is not here')", ['clang | is | not | here']],
    ["x = 'nothing of it'", []],
  ])('reads %j', (text, expected) => {
    expect(lines(scriptCommands(text))).toEqual(expected);
  });
});

describe('SourceTree', () => {
  const tree = new SourceTree(['lib/src/a.c', 'lib/inc/a.h', 'top.c']);
  it.each([
    ['lib', 'src/a.c', 'lib/src/a.c'],
    ['lib/src', '../inc', 'lib/inc'],
    ['', '/home/x/lib/src/a.c', 'lib/src/a.c'],
    ['', '../top.c', undefined],
    ['lib', '/etc/passwd', undefined],
  ])('in %s, %s is %s', (folder, path, expected) => {
    expect(tree.resolve(folder, path)).toBe(expected);
  });
});

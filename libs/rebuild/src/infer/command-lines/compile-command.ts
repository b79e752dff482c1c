import type { CommandLine } from './collect-commands.js';
import { UNKNOWN } from './shell-commands.js';

/** One call of a compiler or linker for C and C++, taken apart. */
export interface CompileCommand {
  readonly program: 'clang' | 'clang++' | 'emcc' | 'em++' | 'wasm-ld';
  /** All arguments but output, inputs and what concerns the publisher's machine alone, in order. */
  readonly flags: readonly string[];
  readonly inputs: readonly string[];
  readonly output: string | undefined;
  /** `-c`: objects, not a module. */
  readonly compilesOnly: boolean;
  /** Arguments that were left out, each with why. */
  readonly dropped: readonly string[];
  readonly line: CommandLine;
}

/** Options whose value is the next argument. */
const WITH_VALUE = new Set(
  `-I -isystem -iquote -idirafter -include -D -U -L -l -x -target -Xlinker -Xclang -mllvm -z -T
   --js-library --pre-js --post-js --extern-pre-js --extern-post-js --preload-file --embed-file
   -m --entry -e --export --initial-memory --max-memory --import-memory-name -O --sysroot
   -isysroot -MF -MT -MQ -arch --param -std -resource-dir`.split(/\s+/),
);
/** Those of them whose value is a place on the machine that built, not in the source. */
const OF_MACHINE = /^(?:--sysroot|-isysroot|-resource-dir|--gcc-toolchain|-fuse-ld|-B)(?:=|$)/;
const DEPENDENCY_FILES = /^-M(?:D|MD|P|G|M)?$|^-M[FTQ]/;
const PROGRAMS: Readonly<Record<string, CompileCommand['program']>> = {
  clang: 'clang',
  'clang++': 'clang++',
  cc: 'clang',
  'c++': 'clang++',
  emcc: 'emcc',
  'em++': 'em++',
  'wasm-ld': 'wasm-ld',
  lld: 'wasm-ld',
};
const INPUT = /\.(?:c|cc|cpp|cxx|c\+\+|m|s|S|o|obj|a|bc|ll|lo)$/i;
const LAUNCHERS = new Set(['ccache', 'sccache', 'distcc', 'npx', 'bash', 'sh', 'emmake', 'xcrun']);

/** Undefined when the line calls no compiler for C, or what it is told cannot be known. */
export function compileCommand(line: CommandLine): CompileCommand | undefined {
  const start = programAt(line.words);
  if (start < 0) return undefined;
  const program = PROGRAMS[baseName(line.words[start] ?? '')];
  if (program === undefined) return undefined;
  const flags: string[] = [];
  const inputs: string[] = [];
  const dropped: string[] = [];
  let output: string | undefined;
  let compilesOnly = false;
  const args = line.words.slice(start + 1);
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    // Of clang `-s` strips; of emcc it sets what follows.
    const setting = arg === '-s' && program.startsWith('em');
    const value = setting || WITH_VALUE.has(arg) ? args[(at += 1)] : undefined;
    if (arg === '-o' || arg === '--output') output = args[(at += 1)];
    else if (arg.startsWith('--output=')) output = arg.slice('--output='.length);
    else if (/^-o./.test(arg)) output = arg.slice(2);
    else if (arg === '-c') compilesOnly = true;
    else if (OF_MACHINE.test(arg)) dropped.push(`${arg} names a place on the publisher's machine`);
    else if (DEPENDENCY_FILES.test(arg)) dropped.push(`${arg} writes lists for make`);
    else if (arg === UNKNOWN) dropped.push('an argument that only a running shell knows');
    else if (value?.includes(UNKNOWN) === true || arg.includes(UNKNOWN)) {
      dropped.push(`${value === undefined ? arg : `${arg} ${value}`} holds what is not known`);
    } else if (value !== undefined) flags.push(arg, value);
    else if (arg.startsWith('@')) return undefined;
    else if (!arg.startsWith('-') && INPUT.test(arg)) inputs.push(arg);
    else if (arg !== '') flags.push(arg);
  }
  if (inputs.length === 0) return undefined;
  return { program, flags, inputs, output, compilesOnly, dropped, line };
}

/** Where the compiler's name stands: after a launcher, or after `docker run … IMAGE`. */
function programAt(words: readonly string[]): number {
  const known = (word: string): boolean => Object.hasOwn(PROGRAMS, baseName(word));
  if (known(words[0] ?? '')) return 0;
  const first = (words[0] ?? '').split('/').at(-1) ?? '';
  if (LAUNCHERS.has(first)) return words.slice(0, 4).findIndex(known);
  if (first === 'docker' || first === 'podman') return words.findIndex(known);
  return -1;
}

/** `/opt/wasi-sdk/bin/clang-17` and `wasm32-wasi-clang` are `clang`. */
export function baseName(word: string): string {
  return (word.split('/').at(-1) ?? word)
    .replace(/\.(?:exe|py|bat)$/, '')
    .replace(/-\d+(?:\.\d+)*$/, '')
    .replace(/^wasm32-(?:unknown-)?(?:wasi|wasip1|unknown)-/, '');
}

import { UNKNOWN, joinFolder } from './command-lines/shell-commands.js';
import type { CompileCommand } from './command-lines/compile-command.js';
import type { SourceTree } from './command-lines/source-tree.js';
import type { FoundModule } from './find-modules.js';

/** How one module is compiled and linked, as a recipe's steps. */
export interface LinkPlan {
  /** Where the steps run, relative to the source's root. */
  readonly folder: string;
  readonly steps: readonly (readonly string[])[];
  /** Relative to the folder. */
  readonly output: string;
  readonly notes: readonly string[];
}

export interface NoPlan {
  readonly obstacle: string;
}

const MAX_STEPS = 200;
const MAX_DEPTH = 4;
const SOURCE = /\.(?:c|cc|cpp|cxx|c\+\+|m|s|S)$/;

/** The link of a module with the compilations of the objects that it takes. */
export function planLink(
  link: CompileCommand,
  module: FoundModule,
  commands: readonly CompileCommand[],
  tree: SourceTree,
): LinkPlan | NoPlan {
  const planner = new Planner(link, commands, tree);
  const inputs = planner.inputs(link, 0);
  if (planner.obstacle !== undefined) return { obstacle: planner.obstacle };
  const written = planner.writable(outputName(link, module));
  const output = written.replace(/\.(?:[cm]?js|html)$/, '.wasm');
  const last = [command(link), ...planner.flags(link), '-o', written, ...inputs];
  return {
    folder: link.line.folder,
    steps: [...planner.steps, last],
    output,
    notes: [...planner.notes],
  };
}

class Planner {
  readonly steps: string[][] = [];
  readonly notes = new Set<string>();
  obstacle: string | undefined;
  readonly #folder: string;
  readonly #commands: readonly CompileCommand[];
  readonly #tree: SourceTree;

  constructor(link: CompileCommand, commands: readonly CompileCommand[], tree: SourceTree) {
    this.#folder = link.line.folder;
    this.#tree = tree;
    this.#commands = commands.filter(
      ({ line }) => line.whence === link.line.whence && line.folder === link.line.folder,
    );
  }

  /** The inputs of a call as the recipe names them, those that have to be made first as steps. */
  inputs(call: CompileCommand, depth: number): string[] {
    return call.inputs.flatMap((input) => {
      if (this.obstacle !== undefined) return [];
      if (input.includes(UNKNOWN)) return this.#stop(`an input of ${call.program} is not known`);
      const matches = /[*?]/.test(input) ? this.#tree.glob(this.#folder, input) : [input];
      if (matches.length === 0) return this.#stop(`${input} names no file of the source`);
      return matches.flatMap((match) => this.#input(match, depth));
    });
  }

  #input(input: string, depth: number): string[] {
    const there = this.#tree.resolve(this.#folder, input);
    if (there !== undefined && SOURCE.test(input)) return [relative(this.#folder, there)];
    const maker = this.#commands.find(
      (call) => call.compilesOnly && this.#outputs(call).includes(normal(input)),
    );
    if (maker === undefined || depth > MAX_DEPTH) {
      if (there !== undefined) return [relative(this.#folder, there)];
      return this.#stop(`${input} is not in the source, and no line tells how it is made`);
    }
    const object = this.writable(flat(input));
    const at = Math.max(0, this.#outputs(maker).indexOf(normal(input)));
    const [source] = this.inputs({ ...maker, inputs: maker.inputs.slice(at, at + 1) }, depth + 1);
    if (source === undefined || this.steps.length > MAX_STEPS) return [];
    const step = [command(maker), ...this.flags(maker), '-c', '-o', object, source];
    if (!this.steps.some((known) => JSON.stringify(known) === JSON.stringify(step)))
      this.steps.push(step);
    return [object];
  }

  /** What a compilation writes: its `-o`, or an object for each source. */
  #outputs({ output, inputs }: CompileCommand): string[] {
    if (output !== undefined) return [normal(output)];
    return inputs.map((input) => (input.split('/').at(-1) ?? '').replace(/\.[^.]+$/, '.o'));
  }

  flags(call: CompileCommand): string[] {
    for (const note of call.dropped) this.notes.add(note);
    const flags: string[] = [];
    for (const flag of call.flags) {
      const [, option = '', path] =
        /^(-I|-L|-iquote|-isystem|--js-library=|)(\/.+)$/.exec(flag) ?? [];
      if (path === undefined) {
        // A file goes into another one only at the publisher's: the module's bytes stay the same.
        if (/^-?s?SINGLE_FILE(?:=[1-9])?$/.test(flag.replace(/^-s/, ''))) {
          this.notes.add(`${flag} puts the module into a script`);
          if (flags.at(-1) === '-s') flags.pop();
        } else flags.push(flag);
        continue;
      }
      const inner = this.#tree.resolve(this.#folder, path);
      if (inner !== undefined) flags.push(option + relative(this.#folder, inner));
      else {
        this.notes.add(`${flag} is a place on the publisher's machine`);
        if (/^-(?:I|L|iquote|isystem|idirafter|include)$/.test(flags.at(-1) ?? '')) flags.pop();
      }
    }
    const targeted = flags.some((flag) => /^--?target\b|^wasm|-mwasm/.test(flag));
    if (!targeted && call.program.startsWith('clang')) {
      this.notes.add('no target is named: --target=wasm32-wasi, as in wasi-sdk');
      flags.unshift('--target=wasm32-wasi');
    }
    return flags;
  }

  /** The same name where the source has its folder, else one at the top: nothing makes folders. */
  writable(path: string): string {
    const inner = path.startsWith('/') ? this.#tree.resolve('', folderOf(path)) : folderOf(path);
    const base = path.split('/').at(-1) ?? path;
    if (inner === undefined) return base;
    const place = path.startsWith('/') ? inner : joinFolder(this.#folder, inner);
    if (place === undefined || !this.#tree.hasFolder(place)) return base;
    const under = relative(this.#folder, place === '' ? base : `${place}/${base}`);
    return under.startsWith('../') ? base : under;
  }

  #stop(obstacle: string): never[] {
    this.obstacle ??= obstacle;
    return [];
  }
}

function command({ program }: CompileCommand): string {
  return program;
}

function outputName({ output, program }: CompileCommand, module: FoundModule): string {
  if (output !== undefined && /\.(?:wasm|[cm]?js|html)$/.test(output)) return output;
  if (program.startsWith('em') && output === undefined) return 'a.out.wasm';
  return `${module.name}.wasm`;
}

/** An object keeps its folder in its name, so that two of one name stay apart. */
function flat(path: string): string {
  const parts = normal(path)
    .split('/')
    .filter((part) => part !== '' && part !== '..');
  return parts.slice(-4).join('-');
}

function normal(path: string): string {
  return path.startsWith('/') ? path : (joinFolder('', path) ?? path);
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

/** From one folder of the source to a path of it. */
export function relative(folder: string, path: string): string {
  const from = folder === '' ? [] : folder.split('/');
  const to = path.split('/');
  let common = 0;
  while (common < from.length && common < to.length - 1 && from[common] === to[common]) common += 1;
  return [...from.slice(common).map(() => '..'), ...to.slice(common)].join('/');
}

import { RECIPE_SCHEMA, type Recipe, type ToolchainName } from '@touchstone/contract';
import { moduleClues, type Clues } from './clues.js';
import { baseName, compileCommand, type CompileCommand } from './command-lines/compile-command.js';
import type { ToldCommands } from './command-lines/collect-commands.js';
import type { FoundModule } from './find-modules.js';
import { foldSteps } from './fold-steps.js';
import { planLink, type LinkPlan } from './link-plan.js';
import { valueOf, type Choice, type Proposal, type Proposed, type Selection } from './proposal.js';
import { chooseToolchain, producedBy } from './toolchain-choice.js';

const MOST_PROPOSALS = 64;

interface Candidate extends LinkPlan {
  readonly module: FoundModule;
  readonly whence: string;
  readonly toolchain: string;
}

/**
 * Modules whose compiler calls for C or C++ stand in a build file of the source: a Makefile, a
 * script of package.json or of a shell, a Dockerfile. They are read, and repeated step by step.
 */
export function proposeClang(
  clues: Clues,
  told: ToldCommands,
  available: readonly ToolchainName[],
): Proposed {
  const obstacles = new Set<string>();
  const commands = told.lines.flatMap((line) => compileCommand(line) ?? []);
  const candidates = clues.modules.flatMap((module) =>
    linksOf(module, commands, clues).flatMap((link) => {
      const plan = planLink(link, module, commands, told.tree);
      if ('obstacle' in plan) {
        obstacles.add(`${link.line.whence}: ${plan.obstacle}`);
        return [];
      }
      const toolchain = link.program.startsWith('em') ? 'debian-emscripten' : 'debian-clang';
      return [{ ...plan, module, toolchain, whence: link.line.whence }];
    }),
  );
  for (const note of afterwards(told, candidates)) obstacles.add(note);
  const proposals = groups(candidates).flatMap((group): Proposal[] => {
    const choice = choiceOf(group, available);
    if (choice === undefined) {
      obstacles.add(`${group[0]?.toolchain ?? ''}: there is no lock of such a toolchain`);
      return [];
    }
    // One recipe for all of them first; a module that does not compile must not hide the others.
    const alone = group.length > 1 ? group.map((candidate) => [candidate]) : [];
    return [group, ...alone].map((members) => proposal(clues, members, choice));
  });
  return { proposals: proposals.slice(0, MOST_PROPOSALS), obstacles: [...obstacles].slice(0, 32) };
}

/** Calls that may have linked a module: by the output's name, else the only one there is. */
function linksOf(
  module: FoundModule,
  commands: readonly CompileCommand[],
  { modules }: Clues,
): CompileCommand[] {
  const links = commands.filter((command) => !command.compilesOnly && isForWasm(command));
  const names = new Set([module.name, stem(module.location.path), stem(module.name)].map(plain));
  const named = links.filter(({ output }) => names.has(plain(stem(output ?? ''))));
  if (named.length > 0) return named;
  const outputs = new Set(links.map(({ output }) => stem(output ?? '')));
  return modules.length === 1 && outputs.size === 1 ? links : [];
}

function isForWasm({ program, flags, output, line }: CompileCommand): boolean {
  if (program === 'emcc' || program === 'em++') return true;
  if (flags.some((flag) => /wasm(?:32|64)|wasi/.test(flag))) return true;
  return (
    program === 'wasm-ld' || output?.endsWith('.wasm') === true || line.words[0].includes('wasi')
  );
}

/** Candidates that one recipe can build: of one file, in one folder, with one toolchain. */
function groups(candidates: readonly Candidate[]): Candidate[][] {
  const byPlace = new Map<string, Candidate[]>();
  for (const candidate of candidates) {
    const place = JSON.stringify([candidate.whence, candidate.folder, candidate.toolchain]);
    const group = byPlace.get(place) ?? [];
    // Of several calls for one module the first is in the group, and the others stand alone.
    const taken = group.some(
      ({ module, output }) => module === candidate.module || output === candidate.output,
    );
    const key = taken ? `${place} ${byPlace.size}` : place;
    byPlace.set(key, [...(taken ? [] : group), candidate]);
  }
  return [...byPlace.values()].sort((a, b) => b.length - a.length);
}

function choiceOf(
  group: readonly Candidate[],
  available: readonly ToolchainName[],
): Choice | undefined {
  const name = group[0]?.toolchain ?? '';
  const wanted = group
    .map(({ module }) => producedBy(moduleClues(module.bytes), /clang/i))
    .find((found) => found !== undefined);
  return chooseToolchain(name, available, name === 'debian-clang' ? wanted : undefined);
}

function proposal(clues: Clues, members: readonly Candidate[], choice: Choice): Proposal {
  const [first] = members;
  const choices: [Choice] = [choice];
  const toolchain = choice.name;
  const folder = first?.folder ?? '';
  const dropped = new Set(members.flatMap((member) => member.notes));
  return {
    toolchain,
    versionsOf: toolchain,
    modules: members.map(({ module }) => module),
    choices,
    reasons: [
      `the compiler is called by ${first?.whence ?? ''}`,
      ...[...dropped].slice(0, 8).map((note) => `left out or changed: ${note}`),
    ],
    recipe: (selection: Selection, wanted = members.map(({ module }) => module)): Recipe => {
      const built = members.filter(({ module }) => wanted.includes(module));
      const steps = built.flatMap((member) =>
        member.steps.map((run, at) => ({
          run,
          name: at === member.steps.length - 1 ? stem(member.output) : undefined,
        })),
      );
      const distinct = steps.filter(
        ({ run }, at) => steps.findIndex((other) => same(other.run, run)) === at,
      );
      return {
        schema: RECIPE_SCHEMA,
        artifact: clues.artifact,
        source: clues.source,
        toolchain: { name: toolchain, version: valueOf(choices, selection, toolchain) },
        workdir: folder === '' ? clues.root : `${clues.root}/${folder}`,
        steps: foldSteps(
          distinct.map(({ run }) => run),
          distinct.map(({ name }) => name),
        ),
        modules: built.map(({ module, output }) => ({
          name: module.name,
          output,
          published: module.location,
        })),
      };
    },
  };
}

/** Tools that change a module after it was linked, which no shipped toolchain of C holds. */
function afterwards({ lines }: ToldCommands, candidates: readonly Candidate[]): string[] {
  if (candidates.length === 0) return [];
  const tools = new Set(['wasm-opt', 'wasm-strip', 'wasm-snip', 'wizer', 'wasm-metadce']);
  return lines
    .filter(({ words }) => tools.has(baseName(words[0])))
    .map(({ words, whence }) => `${whence} runs ${words.slice(0, 12).join(' ')} afterwards`);
}

function same(left: readonly string[], right: readonly string[]): boolean {
  return left.length === right.length && left.every((word, at) => word === right[at]);
}

function stem(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(
    /(?:[.-](?:wasm|[cm]?[jt]s|html|base64|b64|txt|out|min|umd|esm|cjs|prod|release|bundle))+$/,
    '',
  );
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-');
}

import { MakeVariables, stemOf, words } from './make-variables.js';
import { shellCommands, type ShellCommand } from './shell-commands.js';
import type { SourceTree } from './source-tree.js';

interface Rule {
  readonly targets: readonly string[];
  readonly prerequisites: readonly string[];
  readonly recipe: string[];
}

const MAX_TEXT = 512 * 1024;
const MAX_LINES = 20_000;
const MAX_RULES = 4096;
const MAX_DEPTH = 64;
const MAX_COMMANDS = 4096;

/**
 * The commands that `make` would run for every target of a Makefile, what a target needs before
 * it, each target once. Both what GNU make's manual calls explicit and pattern rules are followed;
 * the built-in ones are not, nor are included files.
 *
 * @param wanted outputs that only a pattern rule may make, `md4.wasm`
 */
export function makeCommands(
  text: string,
  tree: SourceTree,
  folder: string,
  wanted: readonly string[] = [],
): ShellCommand[] {
  if (text.length > MAX_TEXT) return [];
  const file = new Makefile(tree, folder);
  file.read(text);
  return file.commands(wanted);
}

class Makefile {
  readonly #tree: SourceTree;
  readonly #folder: string;
  readonly #variables: MakeVariables;
  readonly #rules: Rule[] = [];
  /** By target, those of its rules that are not patterns. */
  readonly #explicit = new Map<string, Rule[]>();
  /** Variables of one target and of what it needs: the lines that set them. */
  readonly #own = new Map<string, string[]>();
  readonly #exported = new Set<string>();
  readonly #made = new Set<string>();
  readonly #commands: ShellCommand[] = [];

  constructor(tree: SourceTree, folder: string) {
    this.#tree = tree;
    this.#folder = folder;
    this.#variables = new MakeVariables(tree, folder);
  }

  read(text: string): void {
    /** Of each condition around a line: whether it is met, and whether one of its branches was. */
    const conditions: { met: boolean; before: boolean }[] = [];
    let rule: Rule | undefined;
    let define = false;
    for (const line of logicalLines(text)) {
      const trimmed = line.trim();
      if (define || /^define\b/.test(trimmed)) {
        define = !/^endef\b/.test(trimmed);
        continue;
      }
      if (this.#condition(trimmed, conditions)) continue;
      if (conditions.some(({ met }) => !met)) continue;
      if (line.startsWith('\t')) {
        rule?.recipe.push(line.slice(1));
        continue;
      }
      const plain = withoutComment(line).trim();
      if (plain === '' || this.#assign(plain)) continue;
      rule = this.#rule(plain) ?? rule;
    }
  }

  commands(wanted: readonly string[]): ShellCommand[] {
    for (const target of this.#explicit.keys()) this.#make(target, this.#variables, 0);
    for (const { targets } of this.#rules)
      for (const target of targets)
        for (const name of wanted) {
          const [prefix, suffix] = [target.slice(0, target.lastIndexOf('/') + 1), name];
          if (stemOf(target, prefix + suffix) !== undefined)
            this.#make(prefix + suffix, this.#variables, 0);
        }
    return this.#commands;
  }

  #assign(line: string, variables = this.#variables): boolean {
    const bare = /^(?:export|unexport)\s+([\w.\s-]+)$/.exec(line);
    if (bare !== null) {
      for (const name of words(bare[1] ?? '')) this.#exported.add(name);
      return true;
    }
    const match =
      /^((?:(?:export|override|private)\s+)*)([\w.-]+)\s*(::?:?=|\?=|\+=|!=|=)\s*(.*)$/s.exec(line);
    if (match === null) return false;
    const [, prefix = '', name = '', operator = '=', value = ''] = match;
    if (prefix.includes('export')) this.#exported.add(name);
    variables.set(name, operator, operator === '!=' ? `$(shell ${value})` : value);
    return true;
  }

  #rule(line: string): Rule | undefined {
    if (this.#rules.length + this.#explicit.size > MAX_RULES) return undefined;
    const [head = '', inline] = line.split(/;(.*)/s, 2);
    const expanded = this.#variables.expand(head);
    const match = /^([^:=]+):{1,2}(?!=)\s*([^|]*)/s.exec(expanded);
    if (match === null || /^-?s?include\b/.test(line)) return undefined;
    const assigned =
      /^[^:=]+:\s*((?:(?:export|override|private)\s+)*[\w.-]+\s*(?:[:+?]?=).*)$/s.exec(line);
    if (assigned !== null) {
      for (const target of words(match[1] ?? ''))
        this.#own.set(target, [...(this.#own.get(target) ?? []), assigned[1] ?? '']);
      return undefined;
    }
    // `a.o b.o: %.o: %.c` is a pattern for those targets alone.
    const parts = (match[2] ?? '').split(':');
    const recipe = inline === undefined ? [] : [inline.trim()];
    for (const target of words(match[1] ?? '')) {
      const [stem, needs] =
        parts.length > 1
          ? [stemOf((parts[0] ?? '').trim(), target), parts[1] ?? '']
          : [undefined, parts[0] ?? ''];
      const prerequisites = words(needs).map((word) => word.replace('%', () => stem ?? '%'));
      this.#add({ targets: [target], prerequisites, recipe });
    }
    return { targets: [], prerequisites: [], recipe };
  }

  #add(rule: Rule): void {
    const [target = ''] = rule.targets;
    if (target.includes('%')) this.#rules.push(rule);
    else if (!/^\.[A-Z_]+$/.test(target))
      this.#explicit.set(target, [...(this.#explicit.get(target) ?? []), rule]);
  }

  /** Whether the line was one of a condition. */
  #condition(line: string, open: { met: boolean; before: boolean }[]): boolean {
    const [, otherwise, word, rest = ''] =
      /^(else\s+)?(ifeq|ifneq|ifdef|ifndef|else|endif)\b\s*(.*)$/.exec(line) ?? [];
    if (word === undefined) return false;
    if (word === 'endif') {
      open.pop();
    } else if (word === 'else' || otherwise !== undefined) {
      const last = open.pop() ?? { met: true, before: true };
      const met = !last.before && (word === 'else' || this.#holds(word, rest));
      open.push({ met, before: last.before || met });
    } else {
      const met = this.#holds(word, rest);
      if (open.length < MAX_DEPTH) open.push({ met, before: met });
    }
    return true;
  }

  #holds(word: string, rest: string): boolean {
    const text = withoutComment(rest).trim();
    if (word === 'ifdef' || word === 'ifndef')
      return this.#variables.defined(this.#variables.expand(text)) === (word === 'ifdef');
    const sides =
      /^\((.*),(.*)\)$/s.exec(text) ?? /^["'](.*?)["']\s+["'](.*?)["']$/s.exec(text) ?? [];
    const [left, right] = [sides[1] ?? '', sides[2] ?? ''].map((side) =>
      this.#variables.expand(side).trim(),
    );
    return (left === right) === (word === 'ifeq');
  }

  #make(target: string, outer: MakeVariables, depth: number): void {
    if (this.#made.has(target) || depth > MAX_DEPTH || this.#commands.length > MAX_COMMANDS) return;
    this.#made.add(target);
    const lines = this.#own.get(target) ?? [];
    const variables = lines.length === 0 ? outer : outer.child();
    for (const line of lines) this.#assign(line, variables);
    const rules = this.#explicit.get(target) ?? [];
    const own = rules.find(({ recipe }) => recipe.length > 0);
    const pattern = own === undefined ? this.#patternFor(target) : undefined;
    const needs = [
      ...rules.flatMap(({ prerequisites }) => prerequisites),
      ...(pattern?.prerequisites ?? []),
    ];
    for (const need of needs) this.#make(need, variables, depth + 1);
    const recipe = own?.recipe ?? pattern?.recipe ?? [];
    const first = own?.prerequisites[0] ?? pattern?.prerequisites[0] ?? needs[0] ?? '';
    const automatic = new Map([
      ['@', target],
      ['<', first],
      ['^', [...new Set(needs)].join(' ')],
      ['+', needs.join(' ')],
      ['?', needs.join(' ')],
      ['*', pattern?.stem ?? target.replace(/\.[^./]*$/, '')],
    ]);
    for (const line of recipe) {
      const text = variables.expand(line, automatic).replace(/^[\s@+-]+/, '');
      this.#commands.push(...shellCommands(text, this.#environment(variables)));
    }
  }

  #environment(variables: MakeVariables): Record<string, string> {
    return Object.fromEntries(
      [...this.#exported].map((name) => [name, variables.expand(`$(${name})`)]),
    );
  }

  /** The first pattern whose needs are there or can be made. */
  #patternFor(
    target: string,
  ): { prerequisites: string[]; recipe: readonly string[]; stem: string } | undefined {
    for (const { targets, prerequisites, recipe } of this.#rules) {
      const stem = stemOf(targets[0] ?? '', target);
      if (stem === undefined || recipe.length === 0) continue;
      const needs = prerequisites.map((need) => need.replace('%', () => stem));
      const there = needs.every(
        (need) =>
          this.#explicit.has(need) ||
          this.#tree.resolve(this.#folder, need) !== undefined ||
          this.#rules.some(
            (rule) =>
              rule.targets[0] !== targets[0] && stemOf(rule.targets[0] ?? '', need) !== undefined,
          ),
      );
      if (there) return { prerequisites: needs, recipe, stem };
    }
    return undefined;
  }
}

/** Lines with those that a backslash continues; in recipes the backslash is the shell's. */
function logicalLines(text: string): string[] {
  const joined = text.replaceAll('\r\n', '\n').replaceAll(/\\\n[ \t]*/g, ' ');
  return joined.split('\n', MAX_LINES);
}

function withoutComment(line: string): string {
  const at = line.search(/(?<!\\)#/);
  return at < 0 ? line : line.slice(0, at);
}

import { UNKNOWN } from './shell-commands.js';
import type { SourceTree } from './source-tree.js';

const MAX_DEPTH = 24;
const MAX_CHARACTERS = 1024 * 1024;

/** What is known of `$(shell uname)` on the machines that most publications are built on. */
const SHELL_ANSWERS: readonly [RegExp, string][] = [
  [/^uname(?: -s)?(?: 2>.*)?$/, 'Linux'],
  [/^uname -m$/, 'x86_64'],
  [/^pwd$/, '.'],
];

interface Variable {
  value: string;
  /** `:=`: its value was expanded when it was set. */
  readonly simple: boolean;
}

/**
 * Variables and functions of GNU make (manual, chapters 6 and 8), as far as they only handle text.
 * What would run a command or read a file is {@link UNKNOWN}.
 */
export class MakeVariables {
  readonly #variables = new Map<string, Variable>();
  readonly #tree: SourceTree;
  readonly #folder: string;
  #characters = 0;

  constructor(tree: SourceTree, folder: string) {
    this.#tree = tree;
    this.#folder = folder;
    const known = {
      CC: 'cc',
      CXX: 'c++',
      LD: 'ld',
      AR: 'ar',
      RM: 'rm -f',
      MAKE: 'make',
      CURDIR: '.',
    };
    for (const [name, value] of Object.entries(known))
      this.#variables.set(name, { value, simple: true });
  }

  /** Those of a target: they see these and change none. */
  child(): MakeVariables {
    const child = new MakeVariables(this.#tree, this.#folder);
    for (const [name, variable] of this.#variables) child.#variables.set(name, { ...variable });
    return child;
  }

  defined(name: string): boolean {
    return (this.#variables.get(name)?.value ?? '') !== '';
  }

  set(name: string, operator: string, value: string): void {
    const held = this.#variables.get(name);
    // Those that make itself defines count as unset for `?=`, but not in practice: CC is `cc`.
    if (operator === '?=' && held !== undefined) return;
    const simple = operator === '+=' ? (held?.simple ?? false) : /^::?:?=$/.test(operator);
    const text = simple ? this.expand(value) : value;
    if (operator === '+=' && held !== undefined)
      held.value = `${held.value} ${text}`.slice(0, 65536);
    else this.#variables.set(name, { value: text, simple });
  }

  /** @param automatic `@`, `<`, `^` and their like, in a recipe */
  expand(text: string, automatic: ReadonlyMap<string, string> = new Map(), depth = 0): string {
    if (depth > MAX_DEPTH || this.#characters > MAX_CHARACTERS) return UNKNOWN;
    let out = '';
    for (let at = 0; at < text.length;) {
      const dollar = text.indexOf('$', at);
      if (dollar < 0) {
        out += text.slice(at);
        break;
      }
      out += text.slice(at, dollar);
      const next = text[dollar + 1] ?? '';
      if (next === '(' || next === '{') {
        const end = closing(text, dollar + 1);
        out += this.#reference(text.slice(dollar + 2, end), automatic, depth);
        at = end + 1;
      } else {
        out += next === '$' ? '$' : this.#variable(next, automatic, depth);
        at = dollar + 2;
      }
    }
    this.#characters += out.length;
    return this.#characters > MAX_CHARACTERS ? UNKNOWN : out;
  }

  #reference(inner: string, automatic: ReadonlyMap<string, string>, depth: number): string {
    const call = /^([a-z-]+)[ \t]+(.*)$/s.exec(inner);
    if (call !== null && isFunction(call[1] ?? ''))
      return this.#call(call[1] ?? '', call[2] ?? '', automatic, depth);
    const substitution = /^([\w.@<^*+?-]+):([^=]*)=(.*)$/s.exec(inner);
    if (substitution !== null) {
      const [, name = '', from = '', to = ''] = substitution;
      const value = this.#variable(name, automatic, depth);
      const [left, right] = from.includes('%') ? [from, to] : [`%${from}`, `%${to}`];
      return patsubst(left, this.expand(right, automatic, depth + 1), value);
    }
    return this.#variable(this.expand(inner, automatic, depth + 1), automatic, depth);
  }

  #variable(name: string, automatic: ReadonlyMap<string, string>, depth: number): string {
    const [, plain = '', part] = /^([@<^*+?])([DF]?)$/.exec(name) ?? [];
    const own = automatic.get(plain === '' ? name : plain);
    if (own !== undefined) {
      if (part === 'D') return mapWords(own, (word) => word.replace(/\/?[^/]*$/, '') || '.');
      return part === 'F' ? mapWords(own, (word) => word.split('/').at(-1) ?? '') : own;
    }
    const held = this.#variables.get(name);
    if (held === undefined) return '';
    return held.simple ? held.value : this.expand(held.value, automatic, depth + 1);
  }

  #call(name: string, text: string, automatic: ReadonlyMap<string, string>, depth: number): string {
    const expand = (part = ''): string => this.expand(part, automatic, depth + 1);
    if (name === 'foreach') return this.#foreach(text, automatic, depth);
    if (name === 'if') {
      const [condition = '', then, otherwise] = splitArguments(text, 3);
      return expand(expand(condition).trim() === '' ? otherwise : then);
    }
    if (name === 'shell') {
      const line = expand(text).trim();
      return SHELL_ANSWERS.find(([pattern]) => pattern.test(line))?.[1] ?? UNKNOWN;
    }
    if (name === 'wildcard')
      return words(expand(text))
        .flatMap((pattern) => this.#tree.glob(this.#folder, pattern))
        .join(' ');
    const known = FUNCTIONS[name];
    if (known === undefined) return UNKNOWN;
    return known(...splitArguments(text, ARGUMENTS[name] ?? 1).map(expand));
  }

  #foreach(text: string, automatic: ReadonlyMap<string, string>, depth: number): string {
    const [name = '', list = '', body = ''] = splitArguments(text, 3);
    return words(this.expand(list, automatic, depth + 1))
      .map((word) => this.expand(body, new Map([...automatic, [name.trim(), word]]), depth + 1))
      .join(' ');
  }
}

const FUNCTIONS: Readonly<Record<string, (...parts: string[]) => string>> = {
  strip: (text = '') => words(text).join(' '),
  dir: (text = '') => mapWords(text, (word) => word.slice(0, word.lastIndexOf('/') + 1) || './'),
  notdir: (text = '') => mapWords(text, (word) => word.slice(word.lastIndexOf('/') + 1)),
  basename: (text = '') => mapWords(text, (word) => word.replace(/\.[^./]*$/, '')),
  suffix: (text = '') => mapWords(text, (word) => /\.[^./]*$/.exec(word)?.[0] ?? ''),
  abspath: (text = '') => text,
  realpath: (text = '') => text,
  sort: (text = '') => [...new Set(words(text))].sort().join(' '),
  firstword: (text = '') => words(text)[0] ?? '',
  lastword: (text = '') => words(text).at(-1) ?? '',
  addprefix: (prefix = '', text = '') => mapWords(text, (word) => prefix + word),
  addsuffix: (suffix = '', text = '') => mapWords(text, (word) => word + suffix),
  patsubst: (from = '', to = '', text = '') => patsubst(from.trim(), to.trim(), text),
  subst: (from = '', to = '', text = '') => (from === '' ? text : text.replaceAll(from, to)),
  filter: (patterns = '', text = '') =>
    mapWords(text, (word) => (matches(patterns, word) ? word : '')),
  'filter-out': (patterns = '', text = '') =>
    mapWords(text, (word) => (matches(patterns, word) ? '' : word)),
};
const ARGUMENTS: Readonly<Record<string, number>> = {
  addprefix: 2,
  addsuffix: 2,
  patsubst: 3,
  subst: 3,
  filter: 2,
  'filter-out': 2,
};

function isFunction(name: string): boolean {
  return (
    Object.hasOwn(FUNCTIONS, name) ||
    ['foreach', 'if', 'shell', 'wildcard', 'error', 'warning', 'info', 'call', 'eval'].includes(
      name,
    )
  );
}

export function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '');
}

function mapWords(text: string, change: (word: string) => string): string {
  return words(text)
    .map(change)
    .filter((word) => word !== '')
    .join(' ');
}

/** The stem that `%` of a pattern stands for; undefined when the word does not match. */
export function stemOf(pattern: string, word: string): string | undefined {
  const at = pattern.indexOf('%');
  if (at < 0) return pattern === word ? '' : undefined;
  const [before, after] = [pattern.slice(0, at), pattern.slice(at + 1)];
  const fits =
    word.length > before.length + after.length && word.startsWith(before) && word.endsWith(after);
  return fits ? word.slice(before.length, word.length - after.length) : undefined;
}

function patsubst(from: string, to: string, text: string): string {
  return mapWords(text, (word) => {
    const stem = stemOf(from, word);
    return stem === undefined ? word : to.replace('%', () => stem);
  });
}

function matches(patterns: string, word: string): boolean {
  return words(patterns).some((pattern) => stemOf(pattern, word) !== undefined);
}

/** Where the bracket that opens at `open` is closed. */
function closing(text: string, open: number): number {
  const [left, right] = text[open] === '(' ? ['(', ')'] : ['{', '}'];
  let depth = 0;
  for (let at = open; at < text.length; at += 1) {
    if (text[at] === left) depth += 1;
    else if (text[at] === right) depth -= 1;
    if (depth === 0) return at;
  }
  return text.length;
}

/** Arguments by commas that stand in no bracket; the last takes the rest. */
function splitArguments(text: string, count: number): string[] {
  const parts: string[] = [];
  let depth = 0;
  let start = 0;
  for (let at = 0; at < text.length && parts.length < count - 1; at += 1) {
    const character = text[at] ?? '';
    if ('({'.includes(character)) depth += 1;
    else if (')}'.includes(character)) depth -= 1;
    else if (character === ',' && depth === 0) {
      parts.push(text.slice(start, at));
      start = at + 1;
    }
  }
  return [...parts, text.slice(start)];
}

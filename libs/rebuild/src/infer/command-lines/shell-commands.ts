import { shellTokens, type Piece, type Token } from './shell-tokens.js';

/** One simple command of a script, as far as it can be known without running anything. */
export interface ShellCommand {
  /** The program first. {@link UNKNOWN} stands where only a running shell would know. */
  readonly words: readonly string[];
  /** Variables that are set for it, those that the script exported among them. */
  readonly variables: Readonly<Record<string, string>>;
  /** Where it runs, relative to where the script began; undefined once that is not known. */
  readonly folder: string | undefined;
}

export const UNKNOWN = '\u{fffd}';

const MAX_COMMANDS = 4096;
const MAX_WORDS = 2048;
const MAX_CHARACTERS = 1024 * 1024;
const MAX_LOOPS = 4;
const SEPARATORS = new Set(['\n', ';', ';;', '&&', '||', '|', '|&', '&']);
const KEYWORDS = new Set(['if', 'then', 'elif', 'else', 'fi', 'do', 'done', 'while', 'until']);
const PREFIXES = new Set(['{', '}', '!', 'time', 'exec', 'command', 'nice', 'env', 'sudo']);

/**
 * Reads the simple commands out of a script: loops over literal lists are unrolled, both branches
 * of a condition are read, `cd` is followed. What it gives is a hint of how something was built,
 * so what it does not understand it passes over.
 */
export function shellCommands(
  script: string,
  variables: Readonly<Record<string, string>> = {},
): ShellCommand[] {
  const reader = new Reader(variables);
  reader.read(shellTokens(script), 0);
  return reader.commands;
}

class Reader {
  readonly commands: ShellCommand[] = [];
  readonly #variables: Map<string, string>;
  readonly #exported = new Map<string, string>();
  #folder: string | undefined = '';
  #characters = 0;

  constructor(variables: Readonly<Record<string, string>>) {
    this.#variables = new Map(Object.entries(variables));
  }

  read(tokens: readonly Token[], depth: number): void {
    let words: (readonly Piece[])[] = [];
    const folders: (string | undefined)[] = [];
    for (let at = 0; at < tokens.length && this.commands.length < MAX_COMMANDS; at += 1) {
      const token = tokens[at];
      if (token === undefined) return;
      if (token.kind === 'word') {
        const plain = literal(token.pieces);
        if (words.length === 0 && plain === 'for' && depth < MAX_LOOPS) {
          at = this.#loop(tokens, at, depth);
        } else if (words.length > 0 || plain === undefined || !KEYWORDS.has(plain))
          words.push(token.pieces);
      } else if (token.text === '>') at += 1;
      else {
        this.#simple(words);
        words = [];
        if (token.text === '(') folders.push(this.#folder);
        else if (token.text === ')') this.#folder = folders.pop() ?? this.#folder;
      }
    }
    this.#simple(words);
  }

  /** `for NAME in WORDS; do … done`, once for each word; answers where it ends. */
  #loop(tokens: readonly Token[], start: number, depth: number): number {
    const name = literal(wordAt(tokens, start + 1));
    const list: (readonly Piece[])[] = [];
    let at = start + 2;
    if (literal(wordAt(tokens, at)) === 'in')
      for (at += 1; tokens[at]?.kind === 'word'; at += 1) list.push(wordAt(tokens, at));
    while (at < tokens.length && literal(wordAt(tokens, at)) !== 'do') at += 1;
    const body = at + 1;
    let open = 1;
    for (at = body; at < tokens.length; at += 1) {
      const word = literal(wordAt(tokens, at));
      const first = tokens[at - 1]?.kind !== 'word' || literal(wordAt(tokens, at - 1)) === 'do';
      if (first && (word === 'for' || word === 'while' || word === 'until')) open += 1;
      else if (first && word === 'done') open -= 1;
      if (open === 0) break;
    }
    const inner = tokens.slice(body, at);
    const items = list.flatMap((pieces) => this.#expand(pieces));
    for (const item of items.length === 0 ? [UNKNOWN] : items) {
      if (this.#characters > MAX_CHARACTERS) break;
      if (name !== undefined) this.#variables.set(name, item);
      this.read(inner, depth + 1);
    }
    return at;
  }

  #simple(parts: readonly (readonly Piece[])[]): void {
    const own = new Map<string, string>();
    let at = 0;
    for (; at < parts.length; at += 1) {
      const pieces = parts[at] ?? [];
      const assigned = assignment(pieces);
      const plain = literal(pieces);
      if (assigned !== undefined)
        own.set(assigned.name, this.#expand(assigned.value, true).join(' '));
      else if (plain === 'export' || plain === undefined || !PREFIXES.has(plain)) break;
    }
    const words = parts.slice(at, at + MAX_WORDS).flatMap((pieces) => this.#expand(pieces));
    const [program, ...args] = words;
    if (program === undefined || program === 'export') {
      for (const [name, value] of own) this.#variables.set(name, value);
      if (program === 'export') this.#export(args);
    } else if (program === 'cd' || program === 'pushd') this.#enter(args[0] ?? UNKNOWN);
    else this.#add(words, own);
  }

  #add(words: readonly string[], own: ReadonlyMap<string, string>): void {
    if (this.#characters > MAX_CHARACTERS) return;
    const variables = Object.fromEntries([...this.#exported, ...own]);
    this.commands.push({ words, variables, folder: this.#folder });
  }

  #export(args: readonly string[]): void {
    for (const word of args) {
      const [name = '', value] = word.split(/=(.*)/s, 2);
      if (value !== undefined) this.#variables.set(name, value);
      const known = this.#variables.get(name);
      if (known !== undefined) this.#exported.set(name, known);
    }
  }

  #enter(folder: string): void {
    const from = this.#folder;
    this.#folder =
      folder.includes(UNKNOWN) || folder.startsWith('~') || from === undefined
        ? undefined
        : joinFolder(from, folder);
  }

  /** The words that one word becomes; with `whole` it is not split, as in an assignment. */
  #expand(pieces: readonly Piece[], whole = false): string[] {
    const words: string[] = [];
    let word: string | undefined;
    for (const piece of pieces) {
      const value = this.#valueOf(piece);
      this.#characters += value.length;
      if (this.#characters > MAX_CHARACTERS) return [];
      if (piece.quoted || whole || piece.kind === 'text') {
        word = (word ?? '') + value;
        continue;
      }
      // An unquoted parameter falls apart at white space, and vanishes when it is empty.
      const parts = value.split(/\s+/);
      for (const [index, part] of parts.entries()) {
        if (index > 0 && word !== undefined) {
          words.push(word);
          word = undefined;
        }
        if (part !== '') word = (word ?? '') + part;
      }
    }
    return word === undefined ? words : [...words, word];
  }

  #valueOf(piece: Piece): string {
    if (piece.kind === 'text') return piece.text;
    if (piece.kind === 'unknown') return UNKNOWN;
    return this.#variables.get(piece.name) ?? piece.otherwise ?? UNKNOWN;
  }
}

function wordAt(tokens: readonly Token[], at: number): readonly Piece[] {
  const token = tokens[at];
  if (token?.kind === 'operator' && SEPARATORS.has(token.text)) return [];
  return token?.kind === 'word' ? token.pieces : [];
}

/** The word when nothing in it is to be expanded. */
function literal(pieces: readonly Piece[]): string | undefined {
  if (pieces.length === 0) return undefined;
  let word = '';
  for (const piece of pieces) {
    if (piece.kind !== 'text') return undefined;
    word += piece.text;
  }
  return word;
}

function assignment(
  pieces: readonly Piece[],
): { name: string; value: readonly Piece[] } | undefined {
  const [first, ...rest] = pieces;
  if (first?.kind !== 'text' || first.quoted) return undefined;
  const match = /^([A-Za-z_]\w*)=(.*)$/s.exec(first.text);
  if (match === null) return undefined;
  return { name: match[1] ?? '', value: [{ ...first, text: match[2] ?? '' }, ...rest] };
}

/** `a/b` and `../c` are `a/c`; undefined when it leads out. Absolute folders stay as they are. */
export function joinFolder(from: string, to: string): string | undefined {
  const parts: string[] = to.startsWith('/') ? [''] : from === '' ? [] : from.split('/');
  for (const part of to.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') parts.push(part);
    else if (parts.length === 0) return undefined;
    else parts.pop();
  }
  return parts.join('/');
}

/** A piece of a word: text as it is, or a parameter whose value is looked up. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string; readonly quoted: boolean }
  | {
      readonly kind: 'parameter';
      readonly name: string;
      readonly quoted: boolean;
      readonly otherwise?: string;
    }
  /** What only a running shell knows: a substitution, a positional parameter, arithmetic. */
  | { readonly kind: 'unknown'; readonly quoted: boolean };

export type Token =
  | { readonly kind: 'word'; readonly pieces: readonly Piece[] }
  | { readonly kind: 'operator'; readonly text: string };

export const MAX_SCRIPT = 256 * 1024;
const MAX_TOKENS = 50_000;
const OPERATORS = ['&&', '||', ';;', '>>', '<<', '>&', '<&', '&>', '|&', ';', '|', '&', '(', ')'];

/**
 * Splits the text of a shell script into words and operators, by the quoting rules of POSIX
 * (Shell Command Language, 2.2 and 2.3). Nothing is expanded and nothing is ever run. A script
 * that is longer than {@link MAX_SCRIPT} characters has no tokens; one that breaks off within
 * quotes has those before.
 */
export function shellTokens(script: string): Token[] {
  if (script.length > MAX_SCRIPT) return [];
  return new Lexer(script).tokens();
}

class Lexer {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text.replaceAll('\r\n', '\n').replaceAll('\\\n', ' ');
  }

  tokens(): Token[] {
    const tokens: Token[] = [];
    while (this.#at < this.#text.length && tokens.length < MAX_TOKENS) {
      const next = this.#text[this.#at] ?? '';
      if (next === '\n') {
        this.#at += 1;
        tokens.push({ kind: 'operator', text: '\n' });
      } else if (/\s/.test(next)) this.#at += 1;
      else if (next === '#') this.#skipTo('\n');
      else tokens.push(this.#redirection() ?? this.#operator() ?? this.#word());
    }
    return tokens;
  }

  #skipTo(end: string): void {
    const found = this.#text.indexOf(end, this.#at);
    this.#at = found < 0 ? this.#text.length : found;
  }

  /** `2>`, `&>>` and their like, as one operator that takes the next word with it. */
  #redirection(): Token | undefined {
    const match = /^(?:\d*(?:>>|>&|<&|<<<|<<-?|>\||<>|>|<)|&>>?)/.exec(
      this.#text.slice(this.#at, this.#at + 8),
    );
    if (match === null) return undefined;
    this.#at += match[0].length;
    return { kind: 'operator', text: '>' };
  }

  #operator(): Token | undefined {
    const text = OPERATORS.find((operator) => this.#text.startsWith(operator, this.#at));
    if (text === undefined) return undefined;
    this.#at += text.length;
    return { kind: 'operator', text };
  }

  #word(): Token {
    const pieces: Piece[] = [];
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined || /[\s;&|()<>]/.test(next)) break;
      if (next === "'") pieces.push(this.#single());
      else if (next === '"') pieces.push(...this.#double());
      else if (next === '$' || next === '`') pieces.push(this.#dollar(false));
      else if (next === '\\') {
        pieces.push(text(this.#text[this.#at + 1] ?? '', true));
        this.#at += 2;
      } else pieces.push(this.#plain(/[^\s;&|()<>'"$`\\]+/y, false));
    }
    return { kind: 'word', pieces };
  }

  #plain(pattern: RegExp, quoted: boolean): Piece {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text)?.[0] ?? '';
    this.#at += Math.max(1, match.length);
    return text(match, quoted);
  }

  #single(): Piece {
    const start = this.#at + 1;
    this.#at = start;
    this.#skipTo("'");
    const piece = text(this.#text.slice(start, this.#at), true);
    this.#at += 1;
    return piece;
  }

  #double(): Piece[] {
    const pieces: Piece[] = [text('', true)];
    this.#at += 1;
    for (;;) {
      const next = this.#text[this.#at];
      if (next === undefined) return pieces;
      if (next === '"') {
        this.#at += 1;
        return pieces;
      }
      if (next === '$' || next === '`') pieces.push(this.#dollar(true));
      else if (next === '\\') {
        const escaped = this.#text[this.#at + 1] ?? '';
        pieces.push(text('$`"\\'.includes(escaped) ? escaped : `\\${escaped}`, true));
        this.#at += 2;
      } else pieces.push(this.#plain(/[^"$`\\]+/y, true));
    }
  }

  #dollar(quoted: boolean): Piece {
    const rest = this.#text.slice(this.#at, this.#at + 256);
    const braced = /^\$\{(\w+)(?::?[-=]([^}]*))?\}/.exec(rest);
    const bare = braced ?? /^\$([A-Za-z_]\w*)/.exec(rest);
    const [all, name, otherwise] = bare ?? [];
    if (all !== undefined && name !== undefined) {
      this.#at += all.length;
      const known = { kind: 'parameter', name, quoted } as const;
      return otherwise === undefined ? known : { ...known, otherwise };
    }
    this.#skipSubstitution();
    return { kind: 'unknown', quoted };
  }

  /** Past `$(…)`, `` `…` ``, `${…}` or `$1`, with what is nested in it. */
  #skipSubstitution(): void {
    if (this.#text[this.#at] === '`') {
      this.#at += 1;
      this.#skipTo('`');
      this.#at += 1;
      return;
    }
    const open = this.#text[this.#at + 1] ?? '';
    const close = ({ '(': ')', '{': '}' } as Record<string, string>)[open];
    if (close === undefined) {
      this.#at += /^[\d@*#?$!-]/.test(open) ? 2 : 1;
      return;
    }
    let depth = 0;
    for (this.#at += 1; this.#at < this.#text.length; this.#at += 1) {
      if (this.#text[this.#at] === open) depth += 1;
      else if (this.#text[this.#at] === close) depth -= 1;
      if (depth === 0) break;
    }
    this.#at += 1;
  }
}

function text(value: string, quoted: boolean): Piece {
  return { kind: 'text', text: value, quoted };
}

/**
 * Where the comments of a script lie, as far as that can be told without parsing it: strings,
 * templates and regular expressions are told from them. Code is ASCII in all that matters here, so
 * bytes may stand for characters.
 */

const KEYWORD_BEFORE_EXPRESSION =
  /(?:^|[^\w$.])(?:return|typeof|case|in|of|delete|void|throw|new|instanceof|do|else|yield|await)$/;
/** Longer ones are not looked for, so that a file of slashes takes no longer than any other. */
const LONGEST_REGULAR_EXPRESSION = 2048;
const NAME = /[\w$\u0080-\u00ff]/;

/** The script with every comment blanked; offsets stay what they are. */
export function blankComments(text: string): string {
  const parts: string[] = [];
  let copied = 0;
  for (const { start, end } of comments(text)) {
    parts.push(text.slice(copied, start), ' '.repeat(end - start));
    copied = end;
  }
  return parts.length === 0 ? text : parts.join('') + text.slice(copied);
}

function* comments(text: string): Generator<{ start: number; end: number }> {
  /** For each open `${`, how many braces are open within it. */
  const templates: number[] = [];
  let before = ''; // the last character of code that is no white space
  let beforeAt = -1;
  for (let at = 0; at < text.length;) {
    const char = text[at] ?? '';
    let end = at + 1;
    if (char === '"' || char === "'") end = endOfString(text, at, char);
    else if (char === '`') end = endOfTemplate(text, at + 1, templates);
    else if (char === '{' && templates.length > 0) templates[templates.length - 1]! += 1;
    else if (char === '}' && templates.length > 0) {
      if (templates.at(-1) === 0) {
        templates.pop();
        end = endOfTemplate(text, at + 1, templates);
      } else templates[templates.length - 1]! -= 1;
    } else if (char === '/') {
      const next = text[at + 1];
      if (next === '/' || next === '*') {
        end = endOfComment(text, at, next);
        yield { start: at, end };
        at = end;
        continue;
      }
      end = endOfRegularExpression(text, at, before, beforeAt) ?? end;
    }
    if (!/\s/.test(char)) {
      before = end > at + 1 ? (text[end - 1] ?? '') : char;
      beforeAt = end - 1;
    }
    at = end;
  }
}

function endOfComment(text: string, at: number, kind: string): number {
  const end = kind === '/' ? text.indexOf('\n', at) : text.indexOf('*/', at + 2);
  if (end < 0) return text.length;
  return kind === '/' ? end : end + 2;
}

function endOfString(text: string, at: number, quote: string): number {
  let end = at;
  do {
    end = text.indexOf(quote, end + 1);
    if (end < 0) return text.length;
  } while (isEscaped(text, end));
  return end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let first = at;
  while (text[first - 1] === '\\') first -= 1;
  return (at - first) % 2 === 1;
}

/** After the closing backtick, or after a `${`, which is noted. */
function endOfTemplate(text: string, start: number, templates: number[]): number {
  for (let at = start; at < text.length; at += 1) {
    const char = text[at];
    if (char === '\\') at += 1;
    else if (char === '`') return at + 1;
    else if (char === '$' && text[at + 1] === '{') {
      templates.push(0);
      return at + 2;
    }
  }
  return text.length;
}

/** Undefined for a division. */
function endOfRegularExpression(
  text: string,
  at: number,
  before: string,
  beforeAt: number,
): number | undefined {
  const keyword =
    NAME.test(before) &&
    KEYWORD_BEFORE_EXPRESSION.test(text.slice(Math.max(0, beforeAt - 12), beforeAt + 1));
  const afterValue = (NAME.test(before) && !keyword) || /[\])"'`]/.test(before);
  let inClass = false;
  let escapes = false;
  const limit = Math.min(text.length, at + LONGEST_REGULAR_EXPRESSION);
  for (let end = at + 1; end < limit; end += 1) {
    const char = text[end];
    if (char === '\n') return undefined;
    if (char === '\\') {
      escapes = true;
      end += 1;
    } else if (char === '[') inClass = true;
    else if (char === ']') inClass = false;
    // `if (x) /\d"/` and `(x) / 2`: only the former holds a backslash before any quote.
    else if (afterValue && !escapes && /["'`]/.test(char ?? '')) return undefined;
    else if (char === '/' && !inClass)
      return !afterValue || (before === ')' && escapes) ? end + 1 : undefined;
  }
  return undefined;
}

import type { Writable } from 'node:stream';

type Style = 'bold' | 'dim' | 'green' | 'red' | 'yellow';

const CODES: Record<Style, [number, number]> = {
  bold: [1, 22],
  dim: [2, 22],
  green: [32, 39],
  red: [31, 39],
  yellow: [33, 39],
};

/** Our own styles pass; whatever else would drive a terminal came in with a stranger's text. */
// eslint-disable-next-line no-control-regex -- a style is a control sequence
const STYLED = /(\u001b\[(?:1|22|2|32|39|31|33)m)/u;
const DRIVES = /[^\P{Cc}\n\t]|\p{Bidi_Control}/gu;

/** Text with what would drive a terminal written out, as `\u{1b}`. */
function quiet(text: string): string {
  return text
    .split(STYLED)
    .map((part, index) => (index % 2 === 1 ? part : part.replace(DRIVES, written)))
    .join('');
}

function written(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

/** A stranger's text of several lines, set in so that none of them can pass for one of ours. */
export function quoted(text: string): string {
  return text.replaceAll('\n', '\n  | ');
}

/**
 * Where a command writes. Results go to stdout, everything said on the way to stderr, so that
 * `--json` leaves exactly one document on stdout. Colours appear only on a terminal, and not when
 * NO_COLOR is set.
 */
export class Terminal {
  readonly #stdout: Writable & { isTTY?: boolean };
  readonly #stderr: Writable & { isTTY?: boolean };
  readonly #plain: boolean;

  constructor(
    stdout: Writable & { isTTY?: boolean },
    stderr: Writable & { isTTY?: boolean },
    environment: Record<string, string | undefined>,
  ) {
    this.#stdout = stdout;
    this.#stderr = stderr;
    this.#plain = environment['NO_COLOR'] !== undefined || environment['TERM'] === 'dumb';
  }

  /** A line of the result. */
  print(line = ''): void {
    this.#stdout.write(`${quiet(line)}\n`);
  }

  /** The result as one JSON document. */
  json(value: unknown): void {
    this.#stdout.write(`${JSON.stringify(value, null, 2)}\n`);
  }

  /** A line about the work under way. */
  note(line: string): void {
    this.#stderr.write(`${quiet(line)}\n`);
  }

  /** Styles text that goes to stdout. */
  style(style: Style, text: string): string {
    return this.#styled(style, text, this.#stdout);
  }

  /** Styles text that goes to stderr. */
  noteStyle(style: Style, text: string): string {
    return this.#styled(style, text, this.#stderr);
  }

  #styled(style: Style, text: string, stream: { isTTY?: boolean }): string {
    if (this.#plain || stream.isTTY !== true) return text;
    const [on, off] = CODES[style];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  }
}

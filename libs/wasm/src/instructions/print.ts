import { opcodeOf } from './opcodes.js';
import { TOKEN, type Tokens } from './tokens.js';

/** One instruction in the words of the text format. */
export interface Instruction {
  /** Of its first byte, in the file. */
  offset: number;
  /** Of the opcode's token. */
  token: number;
  text: string;
}

const MAX_OPERANDS = 12;
const VALUE_TYPES: ReadonlyMap<number, string> = new Map([
  [0x40, ''],
  [0x7f, 'i32'],
  [0x7e, 'i64'],
  [0x7d, 'f32'],
  [0x7c, 'f64'],
  [0x7b, 'v128'],
  [0x78, 'i8'],
  [0x77, 'i16'],
  [0x74, 'nullexnref'],
  [0x73, 'nullfuncref'],
  [0x72, 'nullexternref'],
  [0x71, 'nullref'],
  [0x70, 'funcref'],
  [0x6f, 'externref'],
  [0x6e, 'anyref'],
  [0x6d, 'eqref'],
  [0x6c, 'i31ref'],
  [0x6b, 'structref'],
  [0x6a, 'arrayref'],
  [0x69, 'exnref'],
  [0x64, 'ref'],
  [0x63, 'ref null'],
]);

/** The instruction whose opcode is the token at `token`; `nameOf` names functions. */
export function printInstruction(
  tokens: Tokens,
  token: number,
  nameOf: (index: number) => string | undefined,
): Instruction {
  const { name = '?', operands = '' } = opcodeOf(tokens.values[token] ?? 0) ?? {};
  const words = [name];
  let at = token + 1;
  for (const letter of operands) at = printOperand(letter, tokens, at, words, nameOf);
  return { offset: tokens.places[token] ?? 0, token, text: words.join(' ') };
}

/** The token of the opcode to which the token at `at` belongs; -1 for one of the locals. */
export function opcodeBefore({ kinds }: Tokens, at: number): number {
  let token = at;
  while (token >= 0 && kinds[token] !== TOKEN.opcode) token -= 1;
  return token;
}

/** The token of the next opcode, or the number of tokens. */
export function opcodeAfter({ kinds, length }: Tokens, token: number): number {
  let at = token + 1;
  while (at < length && kinds[at] !== TOKEN.opcode) at += 1;
  return at;
}

function printOperand(
  letter: string,
  tokens: Tokens,
  at: number,
  words: string[],
  nameOf: (index: number) => string | undefined,
): number {
  const value = tokens.values[at] ?? 0;
  switch (letter) {
    case 'f': {
      const name = nameOf(value >>> 0);
      words.push(name === undefined ? String(value >>> 0) : `${value >>> 0} (;${name};)`);
      return at + 1;
    }
    case 'a':
      return printMemoryArgument(tokens, at, words);
    case 's':
      words.push(String(value));
      return at + 1;
    case 'S':
      words.push(String(wide(tokens.values[at + 1] ?? 0, value)));
      return at + 2;
    case 'w':
    case 'W':
      words.push(float(letter, value, tokens.values[at + 1] ?? 0));
      return at + (letter === 'w' ? 1 : 2);
    case 'V':
      words.push('i32x4', ...[0, 1, 2, 3].map((word) => hex(tokens.values[at + word] ?? 0)));
      return at + 4;
    case 'b':
    case 'h':
      return printType(letter, tokens, at, words);
    case 'L':
    case 'v':
    case 'c':
      return printRest(letter, tokens, at, words);
    default:
      words.push(String(value >>> 0));
      return at + 1;
  }
}

function printType(letter: string, tokens: Tokens, at: number, words: string[]): number {
  const value = tokens.values[at] ?? 0;
  if (tokens.kinds[at] === TOKEN.type) {
    words.push(`(type ${value >>> 0})`);
    return at + 1;
  }
  const word = VALUE_TYPES.get(value) ?? hex(value);
  if (value === 0x63 || value === 0x64) {
    const inner: string[] = [];
    const next = printType('h', tokens, at + 1, inner);
    words.push(`(${word} ${inner.join(' ')})`);
    return next;
  }
  if (word !== '') words.push(letter === 'b' ? `(result ${word})` : word.replace(/ref$/, ''));
  return at + 1;
}

function printMemoryArgument(tokens: Tokens, start: number, words: string[]): number {
  let at = start;
  const flags = tokens.values[at] ?? 0;
  at += 1;
  if ((flags & 0x40) !== 0) {
    words.push(String((tokens.values[at] ?? 0) >>> 0));
    at += 1;
  }
  const low = tokens.values[at] ?? 0;
  at += 1;
  const high = tokens.kinds[at] === TOKEN.offsetHigh ? (tokens.values[at] ?? 0) : undefined;
  if (high !== undefined) at += 1;
  const offset =
    high === undefined ? String(low >>> 0) : String(BigInt.asUintN(64, wide(high, low)));
  if (offset !== '0') words.push(`offset=${offset}`);
  words.push(`align=${2 ** (flags & 0x1f)}`);
  return at;
}

/** Vectors: what is left of the instruction, cut where it is long. */
function printRest(letter: string, tokens: Tokens, at: number, words: string[]): number {
  const end = opcodeAfter(tokens, at);
  const shown = Math.min(end, at + 1 + MAX_OPERANDS);
  for (let item = at + 1; item < shown; item += 1) {
    const value = tokens.values[item] ?? 0;
    words.push((letter === 'v' ? VALUE_TYPES.get(value) : undefined) ?? String(value));
  }
  if (shown < end) words.push('…');
  return end;
}

function wide(high: number, low: number): bigint {
  return (BigInt(high) << 32n) | BigInt(low >>> 0);
}

function hex(value: number): string {
  return `0x${(value >>> 0).toString(16)}`;
}

function float(letter: string, low: number, high: number): string {
  const view = new DataView(new ArrayBuffer(8));
  view.setInt32(0, low, true);
  view.setInt32(4, high, true);
  const value = letter === 'w' ? view.getFloat32(0, true) : view.getFloat64(0, true);
  if (!Number.isNaN(value)) return Object.is(value, -0) ? '-0' : String(value);
  return letter === 'w'
    ? `nan:${hex(low)}`
    : `nan:${hex(high)}${(low >>> 0).toString(16).padStart(8, '0')}`;
}

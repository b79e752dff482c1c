import { TOKEN, type Tokens } from './tokens.js';

/** Digests of a body that stay the same when something before it in the module moves. */
export interface Shape {
  /** Without what names something by its place; constants counted. */
  code: number;
  /** Without constants and offsets too: they may be addresses. */
  bare: number;
  tokens: number;
}

/** 32 bits each; they find candidates and prove nothing, see `fingerprint`. */
export function shapeOf({ kinds, values, length }: Tokens): Shape {
  let codeLow = 0x811c9dc5;
  let codeHigh = length;
  let bareLow = 0x811c9dc5;
  let bareHigh = length;
  for (let at = 0; at < length; at += 1) {
    const kind = kinds[at] ?? 0;
    const value = values[at] ?? 0;
    if (kind === TOKEN.offsetHigh) continue;
    const positional = kind >= TOKEN.function && kind <= TOKEN.tag;
    const literal = kind <= TOKEN.literal;
    const coded = positional ? kind : value + kind;
    codeLow = Math.imul(codeLow ^ coded, 0x01000193) ^ (coded >>> 13);
    codeHigh = Math.imul(codeHigh ^ (codeLow >>> 15) ^ coded, 0x85ebca6b);
    const bared = literal ? value + kind : kind;
    bareLow = Math.imul(bareLow ^ bared, 0x01000193) ^ (bared >>> 13);
    bareHigh = Math.imul(bareHigh ^ (bareLow >>> 15) ^ bared, 0x85ebca6b);
  }
  return { code: join(codeHigh, codeLow), bare: join(bareHigh, bareLow), tokens: length };
}

function join(high: number, low: number): number {
  return high ^ low;
}

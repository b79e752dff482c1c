import { InstructionDecoder } from '../instructions/decode.js';
import { TOKEN, type Tokens } from '../instructions/tokens.js';
import type { Span, WasmModule } from '../module.js';
import type { Pairing } from '../pairing.js';
import { Correspondence } from './correspondence.js';

/** What differs between two bodies, and the first place where they do. */
export interface BodyChange {
  /** Of the first difference; `unreadable` where a body is no sequence of instructions. */
  kind: 'instructions' | 'locals' | 'call-target' | 'index' | 'constant' | 'unreadable';
  /** Token of the first difference, the same on both sides. */
  token: number;
  /** Instruction for instruction the same; so many operands, from the first on, are not. */
  operands?: { calls: number; indices: number; constants: number };
}

/**
 * Tells functions that differ only because something else moved from those whose code differs.
 * Reads the bodies of both sides into two buffers that are used again for the next pair.
 */
export class ShiftDetector {
  readonly claimed: InstructionDecoder;
  readonly observed: InstructionDecoder;
  readonly #left: WasmModule;
  readonly #right: WasmModule;
  readonly #functions: Pairing;
  readonly #segments: Pairing | undefined;
  readonly #verdicts = new Map<number, BodyChange | undefined>();
  #known: Correspondence | undefined;

  constructor(
    left: WasmModule,
    right: WasmModule,
    functions: Pairing,
    segments: Pairing | undefined,
  ) {
    this.#left = left;
    this.#right = right;
    this.#functions = functions;
    this.#segments = segments;
    this.claimed = new InstructionDecoder(left.bytes);
    this.observed = new InstructionDecoder(right.bytes);
  }

  /** Made when first asked for: many differences have nothing to do with code. */
  get correspondence(): Correspondence {
    this.#known ??= new Correspondence(this.#left, this.#right, this.#functions, this.#segments);
    return this.#known;
  }

  onlyShifted(a: Span, b: Span): boolean {
    return this.verdict(a, b) === undefined;
  }

  /** As `compare`, without leaving tokens; a claimed function has one partner, so it is kept. */
  verdict(a: Span, b: Span): BodyChange | undefined {
    if (this.#verdicts.has(a.offset)) return this.#verdicts.get(a.offset);
    const change = this.compare(a, b);
    this.#verdicts.set(a.offset, change);
    return change;
  }

  /** Undefined when every difference is one of place; tokens are left in the two decoders. */
  compare(a: Span, b: Span): BodyChange | undefined {
    const readable = [this.claimed.body(a), this.observed.body(b)];
    if (readable.includes(false)) return { kind: 'unreadable', token: 0 };
    return changeOf(this.claimed.tokens, this.observed.tokens, this.correspondence);
  }
}

function changeOf(a: Tokens, b: Tokens, correspondence: Correspondence): BodyChange | undefined {
  const shorter = Math.min(a.length, b.length);
  const operands = { calls: 0, indices: 0, constants: 0 };
  let first: { kind: BodyChange['kind']; token: number } | undefined;
  let inLocals = true;
  const { kinds, values } = a;
  const { kinds: otherKinds, values: otherValues } = b;
  for (let token = 0; token < shorter; token += 1) {
    const kind = kinds[token] ?? 0;
    const left = values[token] ?? 0;
    const right = otherValues[token] ?? 0;
    if (kind === TOKEN.opcode) inLocals = false;
    // Nearly all tokens are the same; of them only calls can mean something else.
    if (left === right && kind === otherKinds[token] && kind !== TOKEN.function) continue;
    if (kind !== otherKinds[token] || (left !== right && kind <= TOKEN.literal))
      return first ?? { kind: inLocals ? 'locals' : 'instructions', token };
    if (first !== undefined) {
      // One operand is enough to call it changed; the others are but counted.
      if (left === right) continue;
      if (kind === TOKEN.function) operands.calls += 1;
      else if (kind >= TOKEN.constant) operands.constants += 1;
      else operands.indices += 1;
      continue;
    }
    const operand = operandChange(kind, left, right, correspondence);
    if (operand === undefined) continue;
    if (operand === 'call-target') operands.calls += 1;
    else if (operand === 'constant') operands.constants += 1;
    else operands.indices += 1;
    first = { kind: operand, token };
  }
  if (a.length !== b.length) return first ?? { kind: 'instructions', token: shorter };
  return first && { ...first, operands };
}

function operandChange(
  kind: number,
  left: number,
  right: number,
  correspondence: Correspondence,
): 'call-target' | 'index' | 'constant' | undefined {
  if (left === right) {
    if (kind !== TOKEN.function) return undefined;
    // The same index may name another function; one without a partner is left in doubt.
    const partner = correspondence.functionOf(left);
    return partner === undefined || partner === right ? undefined : 'call-target';
  }
  if (kind === TOKEN.constant || kind === TOKEN.offset)
    return correspondence.addresses.same(left >>> 0, right >>> 0) ? undefined : 'constant';
  if (kind === TOKEN.constantHigh || kind === TOKEN.offsetHigh) return 'constant';
  if (correspondence.same(kind, left >>> 0, right >>> 0)) return undefined;
  return kind === TOKEN.function ? 'call-target' : 'index';
}

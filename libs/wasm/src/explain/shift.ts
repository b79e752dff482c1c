import { InstructionDecoder } from '../instructions/decode.js';
import { TOKEN, type Tokens } from '../instructions/tokens.js';
import type { Span, WasmModule } from '../module.js';
import type { Pairing } from '../pairing.js';
import { Correspondence } from './correspondence.js';

/** The first place where two bodies say something different, told by what kind of thing it is. */
export type BodyChange =
  | {
      kind: 'instructions' | 'locals' | 'call-target' | 'index' | 'constant';
      claimed: number;
      observed: number;
    }
  /** One side's body is no sequence of instructions. */
  | { kind: 'unreadable' };

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
    return this.compare(a, b) === undefined;
  }

  /** Undefined when every difference is one of place; tokens are left in the two decoders. */
  compare(a: Span, b: Span): BodyChange | undefined {
    const readable = [this.claimed.body(a), this.observed.body(b)];
    if (readable.includes(false)) return { kind: 'unreadable' };
    return firstChange(this.claimed.tokens, this.observed.tokens, this.correspondence);
  }
}

function firstChange(a: Tokens, b: Tokens, correspondence: Correspondence): BodyChange | undefined {
  const shorter = Math.min(a.length, b.length);
  let inLocals = true;
  for (let at = 0; at < shorter; at += 1) {
    const kind = a.kinds[at] ?? 0;
    if (kind === TOKEN.opcode) inLocals = false;
    const [left, right] = [a.values[at] ?? 0, b.values[at] ?? 0];
    const places = { claimed: at, observed: at };
    if (kind !== b.kinds[at]) return { kind: 'instructions', ...places };
    if (left === right) {
      if (kind !== TOKEN.function || correspondence.same(kind, left, right)) continue;
      // The same index names another function now; those without a partner are left in doubt.
      if (correspondence.functionOf(left) === undefined) continue;
      return { kind: 'call-target', ...places };
    }
    if (kind <= TOKEN.literal) return { kind: inLocals ? 'locals' : 'instructions', ...places };
    if (kind === TOKEN.constant || kind === TOKEN.offset) {
      if (correspondence.addresses.same(left >>> 0, right >>> 0)) continue;
      return { kind: 'constant', ...places };
    }
    if (kind === TOKEN.constantHigh || kind === TOKEN.offsetHigh)
      return { kind: 'constant', ...places };
    if (correspondence.same(kind, left >>> 0, right >>> 0)) continue;
    return { kind: kind === TOKEN.function ? 'call-target' : 'index', ...places };
  }
  if (a.length === b.length) return undefined;
  return { kind: 'instructions', claimed: shorter, observed: shorter };
}

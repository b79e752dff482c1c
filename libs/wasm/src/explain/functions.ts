import type { Comparison } from '../compare.js';
import type { Entry, EntriesOfSide } from '../pairing.js';
import { opcodeAfter, opcodeBefore, printInstruction } from '../instructions/print.js';
import { TOKEN, type Tokens } from '../instructions/tokens.js';
import { pieceOf, samePiece } from '../ranges.js';
import type { BodyChange } from './shift.js';

export interface InstructionLine {
  /** In the file. */
  offset: number;
  /** In the words of the text format. */
  text: string;
  /** Not the same on the other side. */
  changed: boolean;
}

/** A function whose code is not the same on both sides. */
export interface FunctionChange {
  /** In the claimed module; in the observed one where it alone has the function. */
  index: number;
  observedIndex?: number;
  name?: string;
  /** What the first difference is. */
  kind: BodyChange['kind'] | 'only-claimed' | 'only-observed';
  /** The first instructions that differ, with one or two before them; empty where there are none. */
  claimed: InstructionLine[];
  observed: InstructionLine[];
}

export interface FunctionChanges {
  /** Functions of the claimed module, by what became of them. */
  equal: number;
  /** The same bytes or instructions, at another place in the order. */
  moved: number;
  /** The same instructions; what they call or point to has moved. */
  shifted: number;
  changed: number;
  onlyClaimed: number;
  onlyObserved: number;
  /** The first of those changed, and those that one side lacks. */
  list: FunctionChange[];
}

export interface PairVerdict {
  claimed: Entry | undefined;
  observed: Entry | undefined;
  status: 'equal' | 'shifted' | 'changed' | 'only-claimed' | 'only-observed';
  moved: boolean;
  change?: BodyChange;
}

const LINES_BEFORE = 2;
const LINES = 10;

/** What became of every function, in the order of the claimed module. */
export function judgeFunctions({ functions, shift }: Comparison): PairVerdict[] {
  if (functions === undefined || shift === undefined) return [];
  const { claimed, observed, alignment } = functions;
  const verdicts: PairVerdict[] = claimed.entries.map((entry, position) => {
    const partner = observed.entries[alignment.claimed[position] ?? -1];
    const moved = alignment.moved[position] === 1;
    const pair = { claimed: entry, observed: partner, moved };
    if (partner === undefined) return { ...pair, status: 'only-claimed' };
    const left = pieceOf(claimed.module.bytes, entry);
    if (samePiece(left, pieceOf(observed.module.bytes, partner)))
      return { ...pair, status: 'equal' };
    const change = shift.verdict(entry, partner);
    return change === undefined
      ? { ...pair, status: 'shifted' }
      : { ...pair, status: 'changed', change };
  });
  for (const [position, entry] of observed.entries.entries()) {
    if (alignment.observed[position] !== -1) continue;
    verdicts.push({ claimed: undefined, observed: entry, status: 'only-observed', moved: false });
  }
  return verdicts;
}

export function functionChanges(
  comparison: Comparison,
  verdicts: readonly PairVerdict[],
  limit: number,
): FunctionChanges {
  const count = (status: PairVerdict['status'], moved?: boolean): number =>
    verdicts.filter((v) => v.status === status && (moved === undefined || v.moved === moved))
      .length;
  const list: FunctionChange[] = [];
  for (const verdict of verdicts) {
    if (list.length === limit) break;
    const change = describe(comparison, verdict);
    if (change !== undefined) list.push(change);
  }
  return {
    equal: count('equal', false),
    moved: count('equal', true) + count('shifted', true),
    shifted: count('shifted', false),
    changed: count('changed'),
    onlyClaimed: count('only-claimed'),
    onlyObserved: count('only-observed'),
    list,
  };
}

function describe(comparison: Comparison, verdict: PairVerdict): FunctionChange | undefined {
  const { functions, shift } = comparison;
  if (functions === undefined || shift === undefined) return undefined;
  const { claimed, observed, status, change } = verdict;
  const name =
    nameOf(functions.claimed, claimed?.index) ?? nameOf(functions.observed, observed?.index);
  const entry = {
    index: claimed?.index ?? observed?.index ?? 0,
    ...(name === undefined ? {} : { name }),
  };
  if (status === 'only-claimed' || status === 'only-observed') {
    const side = status === 'only-claimed' ? 'claimed' : 'observed';
    const decoder = shift[side];
    const span = claimed ?? observed;
    const readable = span !== undefined && decoder.body(span);
    const names = functions[side].names;
    const lines = readable ? linesFrom(decoder.tokens, 0, names, () => true) : [];
    return { ...entry, kind: status, claimed: [], observed: [], [side]: lines };
  }
  if (status !== 'changed' || claimed === undefined || observed === undefined) return undefined;
  const both = {
    ...entry,
    ...(claimed.index === observed.index ? {} : { observedIndex: observed.index }),
  };
  if (change === undefined || change.kind === 'unreadable')
    return { ...both, kind: 'unreadable', claimed: [], observed: [] };
  // The buffers hold whatever pair was compared last.
  shift.compare(claimed, observed);
  const [a, b] = [shift.claimed.tokens, shift.observed.tokens];
  return {
    ...both,
    kind: change.kind,
    ...linesOfBoth(a, b, change.token, functions),
  };
}

function linesOfBoth(
  a: Tokens,
  b: Tokens,
  token: number,
  { claimed, observed }: { claimed: EntriesOfSide; observed: EntriesOfSide },
): { claimed: InstructionLine[]; observed: InstructionLine[] } {
  const left = linesFrom(a, token, claimed.names, (at) => !sameInstruction(a, b, at));
  const right = linesFrom(b, token, observed.names, (at) => !sameInstruction(b, a, at));
  return { claimed: left, observed: right };
}

/** By position: what follows an insertion counts as changed, which is what a reader looks at. */
function sameInstruction(a: Tokens, b: Tokens, at: number): boolean {
  const end = opcodeAfter(a, at);
  for (let token = at; token < end; token += 1)
    if (a.kinds[token] !== b.kinds[token] || a.values[token] !== b.values[token]) return false;
  return true;
}

function linesFrom(
  tokens: Tokens,
  from: number,
  names: ReadonlyMap<number, string> | undefined,
  changed: (token: number) => boolean,
): InstructionLine[] {
  let token = opcodeBefore(tokens, Math.min(from, tokens.length - 1));
  if (token === -1) token = opcodeAfter(tokens, 0);
  for (let back = 0; back < LINES_BEFORE; back += 1) {
    const before = opcodeBefore(tokens, token - 1);
    if (before === -1) break;
    token = before;
  }
  const lines: InstructionLine[] = [];
  while (token < tokens.length && lines.length < LINES) {
    if (tokens.kinds[token] === TOKEN.opcode) {
      const { offset, text } = printInstruction(tokens, token, (index) => names?.get(index));
      lines.push({ offset, text, changed: changed(token) });
    }
    token = opcodeAfter(tokens, token);
  }
  return lines;
}

function nameOf(side: EntriesOfSide, index: number | undefined): string | undefined {
  return index === undefined ? undefined : side.names?.get(index);
}

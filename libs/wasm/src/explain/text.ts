import { formatDifference, printable } from '../format.js';
import type { Cause } from './causes/cause.js';
import type { Explanation } from './explain.js';
import type { FunctionChange, InstructionLine } from './functions.js';
import type { TextChange } from './text-changes.js';

const MAX_FUNCTIONS = 4;
const MAX_TEXTS = 8;
const WIDTH = 52;

const TIERS: Record<Explanation['tier'], string> = {
  reproduced: 'reproduced: equal byte for byte',
  equivalent: 'equivalent: equal after the steps named here, which take away what no engine reads',
  'same-code':
    'same code: all that an engine runs is equal; custom sections differ that may have a meaning to somebody',
  different: 'different',
};

/**
 * Tells an explanation in plain lines for a terminal: tier, causes with their remedies, the first
 * instructions and strings that differ, then where bytes differ. What comes from the files is
 * escaped.
 */
export function formatExplanation(
  explanation: Explanation,
  claimed: Uint8Array,
  observed: Uint8Array,
): string[] {
  const { tier, normalisations, difference, functions, texts, causes } = explanation;
  const lines = [`Tier: ${TIERS[tier]}.`];
  if (tier === 'reproduced') return [...lines, ...formatDifference(difference, claimed, observed)];
  if (tier !== 'different' && normalisations.length > 0)
    lines.push(`Steps: ${normalisations.map(({ name }) => name).join(', ')}.`);
  for (const each of causes) lines.push(...causeLines(each));
  if (causes.length === 0) lines.push('No cause could be told from the bytes.');
  const { equal, moved, shifted, changed, onlyClaimed, onlyObserved } = functions;
  if (equal + moved + shifted + changed + onlyClaimed + onlyObserved > 0)
    lines.push(
      `Functions: ${equal} equal, ${shifted} alike but for indices or addresses that moved, ` +
        `${moved} in another place, ${changed} with other code, ${onlyClaimed} only claimed, ${onlyObserved} only observed.`,
    );
  for (const change of functions.list.slice(0, MAX_FUNCTIONS)) lines.push(...functionLines(change));
  if (functions.list.length > MAX_FUNCTIONS) lines.push('  and more functions');
  for (const change of texts.slice(0, MAX_TEXTS)) lines.push(...textLines(change));
  if (texts.length > MAX_TEXTS) lines.push(`  and ${texts.length - MAX_TEXTS} more strings`);
  return [...lines, ...formatDifference(difference, claimed, observed)];
}

function causeLines({ code, confidence, summary, remedy, evidence }: Cause): string[] {
  const lines = [`Cause: ${code} (${confidence}). ${printable(summary, 600)}`];
  for (const { side, section, offset, length, text } of evidence.slice(0, 4)) {
    const what = text === undefined ? '' : ` "${printable(text)}"`;
    lines.push(`  ${side} ${printable(section)}, ${length} bytes at ${hex(offset)}${what}`);
  }
  return [...lines, `  Remedy: ${remedy}`];
}

function functionLines(change: FunctionChange): string[] {
  const { index, observedIndex, name, kind, claimed, observed } = change;
  const other = observedIndex === undefined ? '' : ` (${observedIndex} of the observed module)`;
  const title = name === undefined ? '' : ` "${printable(name)}"`;
  const lines = [`  function ${index}${title}${other}: ${KINDS[kind]}`];
  const count = Math.max(claimed.length, observed.length);
  for (let row = 0; row < count; row += 1) {
    const [left, right] = [claimed[row], observed[row]];
    const cell = lineText(left).padEnd(WIDTH);
    lines.push(`    ${mark(left, '-')} ${cell} ${mark(right, '+')} ${lineText(right)}`.trimEnd());
  }
  return lines;
}

export const KINDS: Record<FunctionChange['kind'], string> = {
  instructions: 'other instructions',
  locals: 'other locals',
  'call-target': 'calls another function',
  index: 'names another item',
  constant: 'another constant',
  unreadable: 'cannot be read as instructions; compared as bytes',
  'only-claimed': 'only in the claimed module',
  'only-observed': 'only in the observed module',
};

function mark(line: InstructionLine | undefined, sign: string): string {
  return line?.changed === true ? sign : ' ';
}

function lineText(line: InstructionLine | undefined): string {
  if (line === undefined) return '';
  const text = printable(line.text);
  return `${hex(line.offset)} ${text.length > WIDTH ? `${text.slice(0, WIDTH - 12)}…` : text}`;
}

function textLines({ section, claimed, observed }: TextChange): string[] {
  const side = (name: string, text: TextChange['claimed']): string[] =>
    text === undefined ? [] : [`    ${name} ${hex(text.offset)} "${printable(text.text, 240)}"`];
  return [`  text in ${printable(section)}:`, ...side('-', claimed), ...side('+', observed)];
}

function hex(offset: number): string {
  return `0x${offset.toString(16)}`;
}

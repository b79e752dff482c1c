import type {
  EntryDifference,
  EntryDifferences,
  ModuleDifference,
  SectionDifference,
} from './difference.js';
import type { Span } from './module.js';
import type { DifferingRange } from './ranges.js';

const MAX_SECTIONS = 32;
const MAX_ENTRIES = 16;
const MAX_PLACES = 3;
const MAX_HEX_BYTES = 16;
const MAX_NAME_LENGTH = 120;

/**
 * Tells a difference in plain lines for a terminal: what differs, where, and the first bytes of it
 * on both sides. Names from the files are printed with control characters escaped.
 */
export function formatDifference(
  difference: ModuleDifference,
  claimed: Uint8Array,
  observed: Uint8Array,
): string[] {
  const { claimedSize, observedSize } = difference;
  if (difference.equal) return [`The modules are equal: ${claimedSize} bytes.`];
  const lines = [
    `The modules differ. Claimed: ${claimedSize} bytes. Observed: ${observedSize} bytes.`,
    ...difference.malformed.map(
      ({ side, part, code, message }) =>
        `The ${side} ${part === 'file' ? 'file is not a readable module' : `section ${part} cannot be read`}: ${printable(message)} [${code}]`,
    ),
  ];
  const differing = difference.sections.filter(({ status }) => status !== 'equal');
  const [first] = differing;
  if (first?.section === 'file' && difference.malformed.length === 0) {
    lines.push('Their sections are the same, in another order.');
  }
  for (const section of differing.slice(0, MAX_SECTIONS)) {
    lines.push(describeSection(section));
    const inner = innerEntries(section, difference);
    if (inner === undefined) lines.push(...describePlaces(section.ranges, claimed, observed, '  '));
    else lines.push(...describeEntries(inner.kind, inner.list, claimed, observed));
  }
  if (differing.length > MAX_SECTIONS) {
    lines.push(`and ${differing.length - MAX_SECTIONS} more sections`);
  }
  const equal = difference.sections.filter(({ status }) => status === 'equal');
  if (equal.length > 0) lines.push(`Equal sections: ${listNames(equal)}.`);
  if (difference.truncated) lines.push('There is more than could be listed.');
  return lines;
}

function innerEntries(
  { section }: SectionDifference,
  { functions, segments }: ModuleDifference,
): { kind: string; list: EntryDifferences } | undefined {
  if (section === 'code' && functions.differing > 0) return { kind: 'function', list: functions };
  if (section === 'data' && segments.differing > 0) return { kind: 'segment', list: segments };
  return undefined;
}

function describeSection(section: SectionDifference): string {
  const { status, claimed, observed } = section;
  const name = section.section === 'file' ? 'Whole file' : `Section ${nameOf(section)}`;
  if (status === 'only-claimed')
    return `${name}: only in the claimed module, ${spanText(claimed)}.`;
  if (status === 'only-observed') {
    return `${name}: only in the observed module, ${spanText(observed)}.`;
  }
  return `${name} differs: claimed ${spanText(claimed)}, observed ${spanText(observed)}.`;
}

function describeEntries(
  kind: string,
  { entries, differing, claimedTotal, observedTotal }: EntryDifferences,
  claimed: Uint8Array,
  observed: Uint8Array,
): string[] {
  const totals =
    claimedTotal === observedTotal
      ? `${differing} of ${claimedTotal} ${kind}s`
      : `${differing} ${kind}s (claimed has ${claimedTotal}, observed ${observedTotal})`;
  const lines = [`  ${totals} ${differing === 1 ? 'differs' : 'differ'}:`];
  for (const entry of entries.slice(0, MAX_ENTRIES)) {
    lines.push(`  ${describeEntry(kind, entry)}`);
    if (entry.status === 'different') {
      lines.push(...describePlaces(entry.ranges, claimed, observed, '    '));
    }
  }
  const unlisted = differing - Math.min(entries.length, MAX_ENTRIES);
  if (unlisted > 0) lines.push(`  and ${unlisted} more`);
  return lines;
}

function describeEntry(kind: string, entry: EntryDifference): string {
  const { status, index, observedIndex, name, claimed, observed } = entry;
  const title = `${kind} ${index}${name === undefined ? '' : ` "${printable(name)}"`}`;
  const other =
    observedIndex === undefined ? '' : ` (${kind} ${observedIndex} of the observed module)`;
  switch (status) {
    case 'only-claimed':
      return `${title}: only in the claimed module, ${spanText(claimed)}`;
    case 'only-observed':
      return `${title} of the observed module: not in the claimed one, ${spanText(observed)}`;
    case 'moved':
      return `${title}: same bytes at another place${other}, claimed ${spanText(claimed)}, observed ${spanText(observed)}`;
    case 'shifted':
      return `${title}${other}: same instructions, what they name has moved; claimed ${spanText(claimed)}, observed ${spanText(observed)}`;
    case 'different':
      return `${title}${other}: claimed ${spanText(claimed)}, observed ${spanText(observed)}`;
  }
}

function describePlaces(
  ranges: readonly DifferingRange[],
  claimed: Uint8Array,
  observed: Uint8Array,
  indent: string,
): string[] {
  const lines = ranges.slice(0, MAX_PLACES).map((range) => {
    const { offset, length, observedOffset, observedLength } = range;
    const elsewhere = offset === observedOffset ? '' : ` (observed: ${at(observedOffset)})`;
    const left = hex(claimed, offset, length);
    const right = hex(observed, observedOffset, observedLength);
    return `${indent}at ${at(offset)}${elsewhere}: claimed ${left}, observed ${right}`;
  });
  if (ranges.length > MAX_PLACES) {
    lines.push(`${indent}and ${ranges.length - MAX_PLACES} more places`);
  }
  return lines;
}

function hex(bytes: Uint8Array, offset: number, length: number): string {
  if (length === 0) return '(nothing)';
  const shown = bytes.subarray(offset, offset + Math.min(length, MAX_HEX_BYTES));
  const text = Array.from(shown, (byte) => byte.toString(16).padStart(2, '0')).join(' ');
  return length > MAX_HEX_BYTES ? `${text} … (${length} bytes)` : text;
}

function spanText(span: Span | undefined): string {
  return span === undefined ? 'absent' : `${span.size} bytes at ${at(span.offset)}`;
}

function at(offset: number): string {
  return `0x${offset.toString(16)}`;
}

function listNames(sections: readonly SectionDifference[]): string {
  const shown = sections.slice(0, MAX_SECTIONS).map(nameOf);
  if (sections.length > shown.length) shown.push(`and ${sections.length - shown.length} more`);
  return shown.join(', ');
}

function nameOf({ section }: SectionDifference): string {
  return printable(section);
}

/** Bytes of a stranger must not drive the terminal: controls and direction marks are escaped. */
export function printable(text: string, max = MAX_NAME_LENGTH): string {
  const short = text.length > max ? `${text.slice(0, max)}…` : text;
  return short.replace(
    /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\u2028\u2029]/gu,
    (character) => `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`,
  );
}

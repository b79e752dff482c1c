import type { EntryDifference, ModuleDifference, SectionStatus } from './difference.js';
import type { Span } from './module.js';
import type { DifferingRange } from './ranges.js';

/** Differing bytes, offsets in the claimed file. */
export interface SummaryRange {
  offset: number;
  length: number;
}

/** The bounded form of a difference that goes into a statement. */
export interface DifferenceSummary {
  sections: {
    section: string;
    id: number;
    status: Exclude<SectionStatus, 'equal'>;
    claimed?: Span;
    observed?: Span;
    ranges: SummaryRange[];
  }[];
  functions: {
    /** Function index space of the claimed module (of the observed one if it alone has it). */
    index: number;
    name?: string;
    /** Size 0 on the side that lacks the function, at the place where it would stand. */
    claimed: Span;
    observed: Span;
    /** Empty where the function moved unchanged, or the observed one only has bytes in addition. */
    ranges: SummaryRange[];
  }[];
  /** How many functions differ, listed or not. */
  functionCount: number;
  truncated: boolean;
}

/** How much of a difference a summary lists. */
export interface SummaryLimits {
  readonly sections: number;
  readonly functions: number;
  /** Of each section and function. */
  readonly ranges: number;
}

const DEFAULT_LIMITS: SummaryLimits = { sections: 64, functions: 64, ranges: 32 };
const MAX_NAME_LENGTH = 256;

/** Summarises a difference, by default in at most 64 sections, 64 functions, 32 ranges of each. */
export function summariseDifference(
  difference: ModuleDifference,
  limits: SummaryLimits = DEFAULT_LIMITS,
): DifferenceSummary {
  let { truncated } = difference;
  const take = <T>(items: readonly T[], limit: number): T[] => {
    truncated ||= items.length > limit;
    return items.slice(0, limit);
  };
  // Where the observed side alone has bytes, there are none to name in the claimed file.
  const summarise = (ranges: readonly DifferingRange[]): SummaryRange[] =>
    take(
      ranges.filter(({ length }) => length > 0),
      limits.ranges,
    ).map(({ offset, length }) => ({ offset, length }));
  const label = (text: string): string => {
    truncated ||= text.length > MAX_NAME_LENGTH;
    return shorten(text);
  };

  const sections: DifferenceSummary['sections'] = [];
  const differing = difference.sections.filter(({ status }) => status !== 'equal');
  for (const { section, id, status, claimed, observed, ranges } of take(
    differing,
    limits.sections,
  )) {
    if (status === 'equal') continue;
    const sides = { ...(claimed && { claimed }), ...(observed && { observed }) };
    sections.push({ section: label(section), id, status, ...sides, ranges: summarise(ranges) });
  }
  // Functions that merely moved, or whose callees did, are told after those whose code differs.
  const told = [...difference.functions.entries].sort((a, b) => weight(a) - weight(b));
  const functions = take(told, limits.functions).map(
    ({ index, name, claimed, observed, ranges }: EntryDifference) => ({
      index,
      ...(name === undefined ? {} : { name: label(name) }),
      claimed,
      observed,
      ranges: summarise(ranges),
    }),
  );
  return { sections, functions, functionCount: difference.functions.differing, truncated };
}

function weight({ status }: EntryDifference): number {
  return status === 'moved' ? 2 : status === 'shifted' ? 1 : 0;
}

/** Cuts without splitting a surrogate pair, so that the text stays encodable. */
function shorten(text: string): string {
  if (text.length <= MAX_NAME_LENGTH) return text;
  const cut = text.slice(0, MAX_NAME_LENGTH);
  return /[\uD800-\uDBFF]$/.test(cut) ? cut.slice(0, -1) : cut;
}

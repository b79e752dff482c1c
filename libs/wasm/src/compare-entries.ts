import type { DifferenceLimits, EntryDifference, EntryDifferences } from './difference.js';
import { findSection, type Span } from './module.js';
import type { Entry, EntriesOfSide, Pairing } from './pairing.js';
import { differingRanges, pieceOf, samePiece } from './ranges.js';

/** Whether what differs in the bytes of two partners is but the place of what they name. */
export type OnlyShifted = (claimed: Entry, observed: Entry) => boolean;

/** Tells the entries that differ, in the order of the claimed side. */
export function compareEntries(
  { claimed, observed, alignment }: Pairing,
  limits: DifferenceLimits,
  onlyShifted: OnlyShifted = () => false,
): { differences: EntryDifferences; truncated: boolean } {
  const collector = new Collector(claimed, observed, limits, onlyShifted);
  let next = 0;
  const onlyObservedUpTo = (end: number): void => {
    for (; next < end; next += 1) {
      const entry = observed.entries[next];
      if (entry !== undefined && alignment.observed[next] === -1) collector.onlyObserved(entry);
    }
  };
  for (const [position, entry] of claimed.entries.entries()) {
    const partnerPosition = alignment.claimed[position] ?? -1;
    const partner = observed.entries[partnerPosition];
    if (partner === undefined) {
      collector.onlyClaimed(entry);
    } else if (alignment.moved[position] === 1) {
      collector.moved(entry, partner);
    } else {
      onlyObservedUpTo(partnerPosition);
      next = partnerPosition + 1;
      collector.pair(entry, partner);
    }
  }
  onlyObservedUpTo(observed.entries.length);
  return { differences: collector.differences, truncated: collector.truncated };
}

class Collector {
  readonly differences: EntryDifferences;
  truncated = false;
  /** Where an entry would stand that a side lacks. */
  private claimedPlace: number;
  private observedPlace: number;

  constructor(
    private readonly claimed: EntriesOfSide,
    private readonly observed: EntriesOfSide,
    private readonly limits: DifferenceLimits,
    private readonly onlyShifted: OnlyShifted,
  ) {
    this.claimedPlace = startOf(claimed);
    this.observedPlace = startOf(observed);
    this.differences = {
      entries: [],
      differing: 0,
      claimedTotal: claimed.entries.length,
      observedTotal: observed.entries.length,
    };
  }

  pair(a: Entry, b: Entry): void {
    this.observedPlace = b.offset + b.size;
    this.compare(a, b, undefined);
  }

  moved(a: Entry, b: Entry): void {
    this.compare(a, b, 'moved');
  }

  private compare(a: Entry, b: Entry, whenEqual: 'moved' | undefined): void {
    this.claimedPlace = a.offset + a.size;
    const left = pieceOf(this.claimed.module.bytes, a);
    const right = pieceOf(this.observed.module.bytes, b);
    if (samePiece(left, right)) {
      if (whenEqual !== undefined)
        this.add(() => ({ ...this.both(a, b), status: whenEqual, ranges: [] }));
      return;
    }
    const status = this.onlyShifted(a, b) ? 'shifted' : 'different';
    this.add(() => {
      const { ranges, truncated } = differingRanges(left, right, this.limits.ranges);
      this.truncated ||= truncated;
      return { ...this.both(a, b), status, ranges };
    });
  }

  onlyClaimed(a: Entry): void {
    this.claimedPlace = a.offset + a.size;
    this.add(() => {
      const absent = { offset: this.observedPlace, size: 0 };
      const range = { offset: a.offset, length: a.size, observedOffset: absent.offset };
      return {
        status: 'only-claimed',
        index: a.index,
        ...nameIn(this.claimed, a.index),
        claimed: spanOf(a),
        observed: absent,
        ranges: [{ ...range, observedLength: 0 }],
      };
    });
  }

  onlyObserved(b: Entry): void {
    this.observedPlace = b.offset + b.size;
    this.add(() => {
      const absent = { offset: this.claimedPlace, size: 0 };
      const range = { offset: absent.offset, length: 0, observedOffset: b.offset };
      return {
        status: 'only-observed',
        index: b.index,
        ...nameIn(this.observed, b.index),
        claimed: absent,
        observed: spanOf(b),
        ranges: [{ ...range, observedLength: b.size }],
      };
    });
  }

  private both(a: Entry, b: Entry): Omit<EntryDifference, 'status' | 'ranges'> {
    return {
      index: a.index,
      ...(a.index === b.index ? {} : { observedIndex: b.index }),
      ...nameIn(this.observed, b.index),
      ...nameIn(this.claimed, a.index),
      claimed: spanOf(a),
      observed: spanOf(b),
    };
  }

  private add(describe: () => EntryDifference): void {
    this.differences.differing += 1;
    if (this.differences.entries.length < this.limits.entries) {
      this.differences.entries.push(describe());
    } else {
      this.truncated = true;
    }
  }
}

function startOf({ module, section, entries }: EntriesOfSide): number {
  return entries[0]?.offset ?? findSection(module, section)?.bodyOffset ?? module.bytes.length;
}

function spanOf({ offset, size }: Span): Span {
  return { offset, size };
}

function nameIn({ names }: EntriesOfSide, index: number): { name?: string } {
  const name = names?.get(index);
  return name === undefined ? {} : { name };
}

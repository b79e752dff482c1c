import { alignEntries, type EntryList } from './align.js';
import type { DifferenceLimits, EntryDifference, EntryDifferences } from './difference.js';
import { findSection, type Span, type WasmModule } from './module.js';
import { differingRanges, samePiece } from './ranges.js';

interface Entry extends Span {
  index: number;
}

/** The functions or data segments of one side. */
interface EntriesOfSide {
  module: WasmModule;
  section: 'code' | 'data';
  entries: readonly Entry[];
  names: ReadonlyMap<number, string> | undefined;
}

/** Pairs the entries of both sides and tells those that differ, in the order of the claimed side. */
export function compareEntries(
  claimed: EntriesOfSide,
  observed: EntriesOfSide,
  limits: DifferenceLimits,
): { differences: EntryDifferences; truncated: boolean } {
  const alignment = alignEntries(listOf(claimed), listOf(observed));
  const collector = new Collector(claimed, observed, limits);
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

function listOf({ module, entries, names }: EntriesOfSide): EntryList {
  const list = { bytes: module.bytes, spans: entries };
  if (names === undefined) return list;
  return { ...list, nameOf: (position) => names.get(entries[position]?.index ?? -1) };
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
    this.claimedPlace = a.offset + a.size;
    this.observedPlace = b.offset + b.size;
    const left = { bytes: this.claimed.module.bytes, ...a };
    const right = { bytes: this.observed.module.bytes, ...b };
    if (samePiece(left, right)) return;
    this.add(() => {
      const { ranges, truncated } = differingRanges(left, right, this.limits.ranges);
      this.truncated ||= truncated;
      return { ...this.both(a, b), status: 'different', ranges };
    });
  }

  moved(a: Entry, b: Entry): void {
    this.claimedPlace = a.offset + a.size;
    this.add(() => ({ ...this.both(a, b), status: 'moved', ranges: [] }));
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

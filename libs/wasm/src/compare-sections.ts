import type { DifferenceLimits, EntryDifferences, SectionDifference } from './difference.js';
import type { Section, Span, WasmModule } from './module.js';
import { differingRanges, samePiece, type DifferingRange, type Piece } from './ranges.js';

/** What the comparison of functions and data segments found, for the ranges of their sections. */
interface Inner {
  code: { differences: EntryDifferences };
  data: { differences: EntryDifferences };
}

/**
 * Compares section by section; custom sections are matched by name and occurrence, so that one
 * more of them, or another order, makes the others no different.
 */
export function compareSections(
  claimed: WasmModule,
  observed: WasmModule,
  limits: DifferenceLimits,
  inner: Inner,
): { sections: SectionDifference[]; truncated: boolean } {
  const others = keyedSections(observed);
  const sections: SectionDifference[] = [];
  let truncated = false;
  for (const [key, section] of keyedSections(claimed)) {
    const partner = others.get(key);
    others.delete(key);
    if (partner === undefined) {
      sections.push({
        ...labelOf(section),
        status: 'only-claimed',
        claimed: spanOf(section),
        ranges: [],
      });
      continue;
    }
    const left = { bytes: claimed.bytes, section };
    const right = { bytes: observed.bytes, section: partner };
    const found = compareSection(left, right, limits, inner);
    truncated ||= found.truncated;
    sections.push({
      ...labelOf(section),
      status: found.equal ? 'equal' : 'different',
      claimed: spanOf(section),
      observed: spanOf(partner),
      ranges: found.ranges,
    });
  }
  for (const section of others.values()) {
    sections.push({
      ...labelOf(section),
      status: 'only-observed',
      observed: spanOf(section),
      ranges: [],
    });
  }
  return { sections, truncated };
}

interface Found {
  equal: boolean;
  ranges: DifferingRange[];
  truncated: boolean;
}

interface SectionOfSide {
  bytes: Uint8Array;
  section: Section;
}

function compareSection(
  claimed: SectionOfSide,
  observed: SectionOfSide,
  limits: DifferenceLimits,
  inner: Inner,
): Found {
  const whole = [wholePiece(claimed), wholePiece(observed)] as const;
  if (samePiece(...whole)) return { equal: true, ranges: [], truncated: false };

  const entries = entriesOf(claimed.section, inner);
  if (entries.some(({ ranges }) => ranges.length > 0)) {
    const ranges = entries.flatMap((entry) => entry.ranges);
    const kept = ranges.slice(0, limits.ranges);
    return { equal: false, ranges: kept, truncated: kept.length < ranges.length };
  }
  // The bodies are told apart without their headers, whose size field would blur the range.
  const bodies = [bodyPiece(claimed), bodyPiece(observed)] as const;
  const told = samePiece(...bodies) ? whole : bodies;
  return { equal: false, ...differingRanges(...told, limits.ranges) };
}

function wholePiece({ bytes, section }: SectionOfSide): Piece {
  return { bytes, ...spanOf(section) };
}

function bodyPiece({ bytes, section }: SectionOfSide): Piece {
  return { bytes, offset: section.bodyOffset, size: section.bodySize };
}

function entriesOf(section: Section, inner: Inner): EntryDifferences['entries'] {
  if (section.name !== 'code' && section.name !== 'data') return [];
  return inner[section.name].differences.entries;
}

function keyedSections(module: WasmModule): Map<string, Section> {
  const occurrences = new Map<string, number>();
  const keyed = new Map<string, Section>();
  for (const section of module.sections) {
    const { section: label } = labelOf(section);
    const occurrence = occurrences.get(label) ?? 0;
    occurrences.set(label, occurrence + 1);
    keyed.set(`${occurrence} ${label}`, section);
  }
  return keyed;
}

function labelOf({ id, name, customName }: Section): { section: string; id: number } {
  return { section: customName === undefined ? name : `custom:${customName}`, id };
}

function spanOf({ offset, headerSize, bodySize }: Section): Span {
  return { offset, size: headerSize + bodySize };
}

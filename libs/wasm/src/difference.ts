import type { WasmErrorCode } from './errors.js';
import type { Span } from './module.js';
import type { DifferingRange } from './ranges.js';

export type Side = 'claimed' | 'observed';
export type SectionStatus = 'equal' | 'different' | 'only-claimed' | 'only-observed';
/**
 * `moved`: the same bytes, at another place in the order. `shifted`: the same instructions, whose
 * bytes differ because what they call or point to stands at another index or address.
 */
export type EntryStatus = 'different' | 'shifted' | 'moved' | 'only-claimed' | 'only-observed';

export interface SectionDifference {
  /** `code`, `custom:producers`, or `file` where the two could only be compared as a whole. */
  section: string;
  /** As in the file; `WHOLE_FILE_ID` for `file`. */
  id: number;
  status: SectionStatus;
  /** Id byte to last byte; absent where the side has no such section. */
  claimed?: Span;
  observed?: Span;
  ranges: DifferingRange[];
}

/** A function or a data segment that is not the same on both sides at the same place. */
export interface EntryDifference {
  status: EntryStatus;
  /** In the claimed module; in the observed one for `only-observed`. */
  index: number;
  /** Where both sides have it and the other index differs. */
  observedIndex?: number;
  /** Of functions, where a `name` section tells it. */
  name?: string;
  /** The side that lacks it has size 0, at the place where it would stand. */
  claimed: Span;
  observed: Span;
  ranges: DifferingRange[];
}

export interface EntryDifferences {
  /** In the order of the claimed module; `DifferenceLimits` bounds it. */
  entries: EntryDifference[];
  /** How many differ, listed or not. */
  differing: number;
  claimedTotal: number;
  observedTotal: number;
}

/** A side, or a part of it, that could not be read. */
export interface Malformed {
  side: Side;
  /** Nothing could be read (`file`), or not what the section holds: it is compared as bytes. */
  part: 'file' | 'code' | 'data';
  code: WasmErrorCode;
  offset: number;
  message: string;
}

export interface ModuleDifference {
  /** The files are the same, byte for byte. */
  equal: boolean;
  claimedSize: number;
  observedSize: number;
  malformed: Malformed[];
  /**
   * Sections of the claimed module in order, then those that the observed module alone has. Where
   * that tells nothing, because the same sections stand in another order, `file` comes last.
   */
  sections: SectionDifference[];
  functions: EntryDifferences;
  segments: EntryDifferences;
  /** Something was left out to keep a list within its limit. */
  truncated: boolean;
}

/** The id that stands for `file`; no section has it. */
export const WHOLE_FILE_ID = 255;

export interface DifferenceLimits {
  /** Differing functions, and differing segments, that are listed. */
  entries: number;
  /** Of each section, function and segment. */
  ranges: number;
}

export const defaultLimits: DifferenceLimits = { entries: 4096, ranges: 64 };

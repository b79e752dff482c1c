import { utf8ToBytes } from '@noble/hashes/utils.js';
import { Atecc608Error } from '../errors.js';

/** When a certificate begins and for how long; minutes and seconds are zero, the zone is UTC. */
export interface Validity {
  /** 2000 to 2127. */
  readonly year: number;
  readonly month: number;
  readonly day: number;
  readonly hour: number;
  /** 0 for a certificate that never ends. */
  readonly expireYears: number;
}

/** Bits that format 0 gives to each of the two years; formats 1 and 2 have two more. */
const SHORT_LIMIT = 31;
const LONG_LIMIT = 127;
const NEVER = '99991231235959Z';

/** The three date bytes, and the four upper bits of the last byte for formats 1 and 2. */
export function encodeValidity(v: Validity, format: number): { bytes: Uint8Array; more: number } {
  const year = v.year - 2000;
  const limit = format === 0 ? SHORT_LIMIT : LONG_LIMIT;
  if (!inRange(year, 0, limit) || !inRange(v.expireYears, 0, limit)) {
    throw new Atecc608Error('certificate-date', `format ${format} holds years up to ${limit}`);
  }
  check(v);
  return {
    bytes: Uint8Array.of(
      ((year & 31) << 3) | (v.month >> 1),
      ((v.month & 1) << 7) | (v.day << 2) | (v.hour >> 3),
      ((v.hour & 7) << 5) | (v.expireYears & 31),
    ),
    more: ((year >> 5) << 6) | ((v.expireYears >> 5) << 4),
  };
}

/** @throws Atecc608Error `certificate-date` for a month, day or hour that does not exist */
export function decodeValidity(bytes: Uint8Array, more: number, format: number): Validity {
  const [a, b, c] = bytes as unknown as [number, number, number];
  const extended = format === 0 ? 0 : more;
  const validity = {
    year: 2000 + ((a >> 3) | ((extended >> 6) << 5)),
    month: ((a & 7) << 1) | (b >> 7),
    day: (b >> 2) & 31,
    hour: ((b & 3) << 3) | (c >> 5),
    expireYears: (c & 31) | (((extended >> 4) & 3) << 5),
  };
  check(validity);
  return validity;
}

/**
 * The texts of both dates: UTCTime of 13 or GeneralizedTime of 15 characters, as the template's
 * places have room. The end has the month, day and hour of the beginning, whatever the calendar
 * says of 29 February.
 *
 * @throws Atecc608Error `certificate-date` when UTCTime cannot say the year
 */
export function dateTexts(
  v: Validity,
  lengths: readonly [number, number],
): [Uint8Array, Uint8Array] {
  const rest = [v.month, v.day, v.hour, 0, 0].map(two).join('');
  const begin = text(v.year, rest, lengths[0]);
  if (v.expireYears === 0) {
    // The last date that can be written; the vendor's library does the same for UTCTime.
    return [begin, utf8ToBytes(lengths[1] === 13 ? '491231235959Z' : NEVER)];
  }
  return [begin, text(v.year + v.expireYears, rest, lengths[1])];
}

/** What the two texts say. @throws Atecc608Error `certificate-date` when 72 bytes cannot */
export function parseDates(begin: string, end: string): Validity {
  const from = parse(begin);
  if (end === NEVER || end === '491231235959Z') return { ...from.date, expireYears: 0 };
  const to = parse(end);
  const years = to.date.year - from.date.year;
  if (from.rest !== to.rest || years < 1) {
    throw new Atecc608Error(
      'certificate-date',
      'the end is no whole number of years after the start',
    );
  }
  return { ...from.date, expireYears: years };
}

function parse(value: string): { date: Omit<Validity, 'expireYears'>; rest: string } {
  const match = /^(\d{2}|\d{4})((\d{2})(\d{2})(\d{2})0000Z)$/.exec(value);
  if (match === null) {
    throw new Atecc608Error('certificate-date', `${value} is no full hour that could be written`);
  }
  const digits = Number(match[1]);
  const year = match[1]!.length === 4 ? digits : digits + (digits < 50 ? 2000 : 1900);
  const [month, day, hour] = [Number(match[3]), Number(match[4]), Number(match[5])];
  return { date: { year, month, day, hour }, rest: match[2]! };
}

function text(year: number, rest: string, length: number): Uint8Array {
  if (length === 15) return utf8ToBytes(`${String(year).padStart(4, '0')}${rest}Z`);
  if (length === 13 && year >= 1950 && year < 2050)
    return utf8ToBytes(`${two(year % 100)}${rest}Z`);
  throw new Atecc608Error('certificate-date', `a date of ${length} characters cannot say ${year}`);
}

function check({ month, day, hour }: Validity): void {
  if (!inRange(month, 1, 12) || !inRange(day, 1, 31) || !inRange(hour, 0, 23)) {
    throw new Atecc608Error(
      'certificate-date',
      `month ${month}, day ${day}, hour ${hour} is no date`,
    );
  }
}

function inRange(value: number, min: number, max: number): boolean {
  return Number.isInteger(value) && value >= min && value <= max;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

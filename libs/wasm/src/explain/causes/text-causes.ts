import type { ChangedText, TextChange } from '../text-changes.js';
import type { Facts } from '../facts.js';
import { cause, type Cause, type CauseCode, type Evidence } from './cause.js';

const MONTH = '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}';
/** Dates and times as compilers, shells and logs write them, and seconds since 1970 (2001 to 2033). */
const TIME = new RegExp(
  [
    '\\b(?:19|20)\\d{2}[-/.](?:0[1-9]|1[0-2])[-/.](?:0[1-9]|[12]\\d|3[01])',
    '\\b(?:[01]\\d|2[0-3]):[0-5]\\d(?::[0-5]\\d)?\\b',
    `\\b${MONTH}[ ,]{1,3}\\d{1,2}(?:[ ,]{1,3}\\d{4})?\\b`,
    `\\b\\d{1,2}[ -]${MONTH}[ -]\\d{4}\\b`,
    '\\b(?:19|20)\\d{6}T?\\d{6}Z?\\b',
    '(?<![0-9.])1\\d{9}(?:\\d{3})?(?![0-9.])',
  ].join('|'),
  'g',
);
/** Absolute, or of two parts at least. */
const PATH =
  /(?:[A-Za-z]:[\\/]|~?[\\/])?(?:[\w.+@~ -]{1,80}[\\/]){1,24}[\w.+@~-]{1,80}|[\\/][\w.+@~-]{2,80}/g;
/** A package with its version, as registries and vendor folders name it. */
const PACKAGE = /([A-Za-z][\w.-]{1,60}?)[-@ /]v?(\d+\.\d+\.\d+[\w.+-]{0,40})/g;

type Kind = Extract<
  CauseCode,
  'embedded-timestamp' | 'embedded-path' | 'unlocked-dependency' | 'embedded-environment'
>;

const SUMMARIES: Record<Kind, string> = {
  'embedded-timestamp': 'Both modules carry a time of their build, and not the same one.',
  'embedded-path': 'Both modules carry a path, and not the same one.',
  'unlocked-dependency': 'The modules name other versions of a dependency.',
  'embedded-environment':
    'Text differs where the rest around it is the same: a value of the environment was compiled in, or the text of the source is another.',
};

/** What the text that differs tells. One cause of each kind, with all its places. */
export function textCauses({ texts }: Facts): Cause[] {
  const found = new Map<Kind, Evidence[]>();
  for (const change of texts.changes) {
    const kind = kindOf(change);
    if (kind === undefined) continue;
    const evidence = found.get(kind) ?? [];
    evidence.push(...evidenceOf(change));
    found.set(kind, evidence);
  }
  return [...found].map(([kind, evidence]) =>
    cause(
      kind,
      kind === 'embedded-environment' ? 'possible' : 'certain',
      SUMMARIES[kind],
      evidence,
    ),
  );
}

export function kindOf({ section, claimed, observed }: TextChange): Kind | undefined {
  if (claimed === undefined || observed === undefined) return undefined;
  const [a, b] = [claimed.text, observed.text];
  if (differentMatch(TIME, a, b)) return 'embedded-timestamp';
  if (otherVersion(a, b)) return 'unlocked-dependency';
  if (otherPath(a, b)) return 'embedded-path';
  // Names of functions follow the code; only data is text that somebody wrote.
  if (section !== 'data') return undefined;
  return isProse(a, b) ? 'embedded-environment' : undefined;
}

/** Both hold something of the pattern, and what differs is that alone. */
function differentMatch(pattern: RegExp, a: string, b: string): boolean {
  const [left, right] = [a.match(pattern) ?? [], b.match(pattern) ?? []];
  if (left.length === 0 || right.length === 0) return false;
  if (left.join('\0') === right.join('\0')) return false;
  return a.replace(pattern, '') === b.replace(pattern, '');
}

function otherVersion(a: string, b: string): boolean {
  const versions = new Map([...a.matchAll(PACKAGE)].map(([, name, version]) => [name, version]));
  return [...b.matchAll(PACKAGE)].some(([, name, version]) => {
    const other = versions.get(name);
    return other !== undefined && other !== version;
  });
}

/** Paths that end alike, or that stand in text which is otherwise the same. */
function otherPath(a: string, b: string): boolean {
  const last = (path: string): string => path.split(/[\\/]/).at(-1) ?? '';
  const [left, right] = [pathsIn(a), pathsIn(b)];
  const alike = left.some((x) => right.some((y) => x !== y && last(x) === last(y)));
  return alike || differentMatch(PATH, a, b);
}

/** A file of the working folder has no folder before its name. */
const FILE = /[\w.+@~-]{1,80}\.[A-Za-z]\w{0,4}(?![\w.])/g;

function pathsIn(text: string): string[] {
  return [...(text.match(PATH) ?? []), ...(text.match(FILE) ?? [])];
}

/** Text, rather than bytes that happen to be printable. */
function isProse(a: string, b: string): boolean {
  const letters = (text: string): number => text.replace(/[^A-Za-z0-9 ]/g, '').length;
  return [a, b].every((text) => letters(text) >= 3 && letters(text) > 0.6 * text.length);
}

function evidenceOf({ section, claimed, observed }: TextChange): Evidence[] {
  const of = (side: 'claimed' | 'observed', changed: ChangedText | undefined): Evidence[] =>
    changed === undefined ? [] : [{ side, section, ...changed }];
  return [...of('claimed', claimed), ...of('observed', observed)];
}

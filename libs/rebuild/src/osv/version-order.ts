/** A version by Semantic Versioning 2.0.0, which npm, crates.io and Go modules order by. */
export interface Version {
  /** Major, minor, patch; decimal digits without leading zeros, of any length. */
  readonly numbers: readonly string[];
  /** Of a pre-release; a release has none. */
  readonly prerelease: readonly string[];
}

const MAX_LENGTH = 512;

/**
 * Reads a version. A leading `v` is Go's and passes, as do missing minor and patch numbers; what
 * stands after `+` (`+incompatible` of Go too) orders nothing. Undefined for what is no version.
 */
export function parseVersion(text: string): Version | undefined {
  if (text.length > MAX_LENGTH) return undefined;
  const found =
    /^[v=]?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.+-]*)?$/.exec(
      text.trim(),
    );
  if (found === null) return undefined;
  const [, major = '0', minor = '0', patch = '0', pre] = found;
  const prerelease = pre === undefined ? [] : pre.split('.');
  if (prerelease.includes('')) return undefined;
  return { numbers: [major, minor, patch].map(plain), prerelease };
}

/** Negative when `a` comes before `b`, 0 when neither comes first. SemVer 2.0.0, section 11. */
export function compareVersions(a: Version, b: Version): number {
  for (const [index, number] of a.numbers.entries()) {
    const order = compareNumbers(number, b.numbers[index] ?? '0');
    if (order !== 0) return order;
  }
  // A release comes after its pre-releases.
  if (a.prerelease.length === 0 || b.prerelease.length === 0)
    return b.prerelease.length - a.prerelease.length;
  const length = Math.max(a.prerelease.length, b.prerelease.length);
  for (let index = 0; index < length; index += 1) {
    const order = compareIdentifiers(a.prerelease[index], b.prerelease[index]);
    if (order !== 0) return order;
  }
  return 0;
}

function compareIdentifiers(a: string | undefined, b: string | undefined): number {
  if (a === undefined || b === undefined) return a === b ? 0 : a === undefined ? -1 : 1;
  const [numericA, numericB] = [a, b].map((text) => /^\d+$/.test(text));
  if (numericA === true && numericB === true) return compareNumbers(plain(a), plain(b));
  if (numericA !== numericB) return numericA === true ? -1 : 1;
  return a < b ? -1 : a > b ? 1 : 0;
}

function plain(digits: string): string {
  return digits.replace(/^0+(?=\d)/, '');
}

/** By value; of any length, as a date with a time in it is past what a double holds. */
function compareNumbers(a: string, b: string): number {
  if (a.length !== b.length) return a.length - b.length;
  return a < b ? -1 : a > b ? 1 : 0;
}

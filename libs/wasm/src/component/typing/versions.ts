const semantic =
  /^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-([0-9A-Za-z.-]+))?(?:\+([0-9A-Za-z.-]+))?$/u;
/** `canonversion` of the component model: the part of a version that decides what it is compatible with. */
const canonical = /^(?:[1-9]\d*|0\.[1-9]\d*|0\.0\.(?:0|[1-9]\d*))$/u;

interface Version {
  readonly numbers: readonly [bigint, bigint, bigint];
  readonly prerelease: readonly string[];
}

/** How two versions of one interface stand to each other. */
export type VersionFit =
  | 'same'
  /** Of the same track and later: what is required may be expected to be there. */
  | 'newer'
  /** Of the same track and earlier: fits as long as nothing newer is used. */
  | 'older'
  /** Of another track, or a prerelease: nothing may be expected. */
  | 'incompatible';

/** A semantic version (semver 2.0), or the canonical part of one. */
export function isVersion(text: string): boolean {
  return canonical.test(text) || parse(text) !== undefined;
}

/**
 * What versions must share to be compatible (component model, "Canonical Interface Name"): the
 * major number, or below 1 the minor, or below 0.1 the patch. A prerelease has none.
 */
export function versionTrack(version: string): string | undefined {
  if (canonical.test(version)) return version;
  const parsed = parse(version);
  if (parsed === undefined || parsed.prerelease.length > 0) return undefined;
  const [major, minor, patch] = parsed.numbers;
  if (major > 0n) return String(major);
  return minor > 0n ? `0.${minor}` : `0.0.${patch}`;
}

/** How what is provided stands to what is required; no version at all fits itself alone. */
export function versionFit(provided: string | undefined, required: string | undefined): VersionFit {
  if (provided === required) return 'same';
  if (provided === undefined || required === undefined) return 'incompatible';
  const track = versionTrack(provided);
  if (track === undefined || track !== versionTrack(required)) return 'incompatible';
  const order = compare(parse(provided), parse(required));
  if (order === 0) return 'same';
  return order > 0 ? 'newer' : 'older';
}

/** A canonical version says nothing of what is behind it, and compares as the same. */
function compare(a: Version | undefined, b: Version | undefined): number {
  if (a === undefined || b === undefined) return 0;
  for (const [at, number] of a.numbers.entries()) {
    const other = b.numbers[at] ?? 0n;
    if (number !== other) return number > other ? 1 : -1;
  }
  return 0;
}

function parse(text: string): Version | undefined {
  const [whole, major, minor, patch, prerelease, build] = semantic.exec(text) ?? [];
  if (whole === undefined) return undefined;
  const identifiers = prerelease?.split('.') ?? [];
  const isSound =
    identifiers.every((each) => each !== '' && !/^0\d+$/u.test(each)) &&
    (build?.split('.') ?? []).every((each) => each !== '');
  if (!isSound) return undefined;
  const numbers = [BigInt(major ?? 0), BigInt(minor ?? 0), BigInt(patch ?? 0)] as const;
  return { numbers, prerelease: identifiers };
}

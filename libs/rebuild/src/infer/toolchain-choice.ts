import type { ToolchainName } from '@touchstone/contract';
import type { ModuleClues } from './clues.js';
import type { Choice, Value } from './proposal.js';

/** What a module or its source says of the compiler. */
export interface WantedCompiler {
  /** `22.1.3`, or as much as is known of it. */
  readonly version: string;
  readonly whence: string;
}

/**
 * The versions of a toolchain that can be had, those nearest to the wanted one first: of one major
 * and minor before others, since compilers seldom change what they write within a minor.
 *
 * @returns undefined when there is no lock of that toolchain
 */
export function chooseToolchain(
  name: string,
  available: readonly ToolchainName[],
  wanted: WantedCompiler | undefined,
): Choice | undefined {
  const versions = available.filter((one) => one.name === name).map(({ version }) => version);
  if (versions.length === 0) return undefined;
  const values = versions
    .toSorted((a, b) =>
      wanted === undefined
        ? compareVersions(b, a)
        : distance(a, wanted.version) - distance(b, wanted.version) || compareVersions(b, a),
    )
    .map((label): Value => ({ label, why: why(label, wanted) }));
  return { name, values };
}

function why(version: string, wanted: WantedCompiler | undefined): string {
  if (wanted === undefined) return 'nothing says which version: newer ones first';
  const same = parts(version).slice(0, 2).join('.') === parts(wanted.version).slice(0, 2).join('.');
  return same
    ? `${wanted.whence} says ${wanted.version}`
    : `${wanted.whence} says ${wanted.version}, of which there is no lock: the nearest first`;
}

/** The compiler of the section `producers`: `clang 22.1.3`, `rustc 1.85.1`. */
export function producedBy(clues: ModuleClues, name: RegExp): WantedCompiler | undefined {
  for (const said of clues.producers) {
    const version = /(\d+\.\d+(?:\.\d+)?)/.exec(said)?.[1];
    if (version !== undefined && name.test(said))
      return { version, whence: 'the section producers' };
  }
  return undefined;
}

/** In order, oldest first, by the numbers in them; what is marked as a prerelease is left out. */
export function sortVersions(versions: Iterable<string>): string[] {
  return [...versions]
    .filter((version) => /^\d+\.\d+/.test(version) && !/-(?!\d)/.test(version))
    .sort(compareVersions);
}

export function compareVersions(a: string, b: string): number {
  const [left, right] = [parts(a), parts(b)];
  for (let at = 0; at < Math.max(left.length, right.length); at += 1) {
    const sign = (left[at] ?? 0) - (right[at] ?? 0);
    if (sign !== 0) return sign;
  }
  return a < b ? -1 : a > b ? 1 : 0;
}

/** The numbers before what a distribution added: of `1.85.1+dfsg1-1` three. */
function parts(version: string): number[] {
  return (/^\d+(?:\.\d+)*/.exec(version)?.[0] ?? '0').split('.').map(Number);
}

function distance(version: string, wanted: string): number {
  const [left, right] = [parts(version), parts(wanted)];
  const weights = [1_000_000, 1000, 1];
  return weights.reduce(
    (sum, weight, at) => sum + weight * Math.abs((left[at] ?? 0) - (right[at] ?? left[at] ?? 0)),
    0,
  );
}

import { compareText, sortedUnique, type Ecosystem } from '../sbom/dependency-graph.js';
import type { InventoryItem } from '../sbom/inventory.js';
import { Advisory, affects, fixedVersions, type Affected } from './advisory.js';
import { dumpEntries } from './dump.js';

const ECOSYSTEMS: Readonly<Record<string, Ecosystem>> = {
  npm: 'npm',
  cargo: 'crates.io',
  golang: 'Go',
};
const MAX_UNREADABLE = 20;

export interface Vulnerability {
  /** The first of its names, by order of letters. */
  readonly id: string;
  /** Its other names. */
  readonly aliases: readonly string[];
  readonly ecosystem: Ecosystem;
  readonly name: string;
  readonly version?: string;
  /** `unknown`: the version is not given, or cannot be ordered. */
  readonly affected: 'yes' | 'unknown';
  /** Versions that mend it, as the entries name them. */
  readonly fixed: readonly string[];
  /** Vectors of CVSS or another scale, as the entries give them. */
  readonly severity: readonly { readonly type: string; readonly score: string }[];
  readonly summary?: string;
  /** Whether only tests need the package. */
  readonly development: boolean;
}

export interface VulnerabilityReport {
  readonly vulnerabilities: readonly Vulnerability[];
  /** Packages that were looked up. */
  readonly checked: number;
  /** Packages of no ecosystem that is known here. */
  readonly unchecked: readonly string[];
  /** Parts of the source tree, by the document's own word: no database knows them. */
  readonly own: readonly string[];
  /** Ecosystems of the packages of which the dump holds not one entry. */
  readonly uncovered: readonly Ecosystem[];
  /** Entries of the dump, those withdrawn among them. */
  readonly entries: number;
  /** Entries that could not be read; the first 20 by name. */
  readonly unreadable: { readonly count: number; readonly first: readonly string[] };
}

interface Query {
  readonly ecosystem: Ecosystem;
  readonly item: InventoryItem;
}

interface Match {
  readonly query: Query;
  readonly advisory: Advisory;
  readonly affected: Affected;
  readonly certain: boolean;
}

/**
 * Matches packages against a dump of OSV entries in a folder, without a network.
 *
 * @throws RebuildError `advisories-unreadable`, `advisories-too-large`
 */
export async function matchVulnerabilities(
  items: readonly InventoryItem[],
  folder: string,
): Promise<VulnerabilityReport> {
  const queries = new Map<string, Query[]>();
  const unchecked: string[] = [];
  const own: string[] = [];
  const wanted = new Set<Ecosystem>();
  for (const item of items) {
    const ecosystem = ECOSYSTEMS[item.type ?? ''];
    if (item.own === true) own.push(item.name);
    else if (ecosystem === undefined) unchecked.push(item.purl ?? item.name);
    else {
      wanted.add(ecosystem);
      const key = keyOf(ecosystem, item.name);
      const same = queries.get(key);
      if (same === undefined) queries.set(key, [{ ecosystem, item }]);
      else same.push({ ecosystem, item });
    }
  }
  const others = Object.values(ECOSYSTEMS).filter((name) => !wanted.has(name));
  const matches: Match[] = [];
  const covered = new Set<string>();
  const first: string[] = [];
  let entries = 0;
  let unreadable = 0;
  for await (const { name, bytes } of dumpEntries(folder, (part) =>
    others.includes(part as Ecosystem),
  )) {
    entries += 1;
    const found = bytes === undefined ? undefined : matchEntry(bytes, queries, covered);
    if (found !== undefined) matches.push(...found);
    else if ((unreadable += 1) <= MAX_UNREADABLE) first.push(name);
  }
  return {
    vulnerabilities: group(matches),
    checked: items.length - unchecked.length - own.length,
    unchecked: sortedUnique(unchecked),
    own: sortedUnique(own),
    uncovered: [...wanted].filter((name) => !covered.has(name)).sort(compareText),
    entries,
    unreadable: { count: unreadable, first },
  };
}

/** Go's module paths are looked for in any case: package URLs may have lost it. */
function keyOf(ecosystem: string, name: string): string {
  return `${ecosystem}:${ecosystem === 'Go' ? name.toLowerCase() : name}`;
}

/** Undefined when the entry cannot be read. */
function matchEntry(
  bytes: Uint8Array,
  queries: ReadonlyMap<string, readonly Query[]>,
  covered: Set<string>,
): Match[] | undefined {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    return undefined;
  }
  const names = packagesOf(value);
  if (names === undefined) return undefined;
  for (const { ecosystem } of names) covered.add(ecosystem);
  // Most entries are of packages that nobody asked for: only the others are read in full.
  if (!names.some(({ ecosystem, name }) => queries.has(keyOf(ecosystem, name)))) return [];
  const parsed = Advisory.safeParse(value);
  if (!parsed.success) return undefined;
  const advisory = parsed.data;
  if (typeof advisory.withdrawn === 'string' && advisory.withdrawn !== '') return [];
  return (advisory.affected ?? []).flatMap((affected) =>
    matchAffected(advisory, affected, queries),
  );
}

interface PackageName {
  readonly ecosystem: string;
  readonly name: string;
}

/** The packages that an entry names; undefined for what is no entry. */
function packagesOf(value: unknown): PackageName[] | undefined {
  if (!isRecord(value) || typeof value['id'] !== 'string') return undefined;
  const affected = value['affected'] ?? [];
  if (!Array.isArray(affected)) return undefined;
  return (affected as unknown[]).flatMap((one) => {
    const named = isRecord(one) && isRecord(one['package']) ? one['package'] : {};
    const [ecosystem, name] = [named['ecosystem'], named['name']];
    if (typeof ecosystem !== 'string' || typeof name !== 'string') return [];
    return [{ ecosystem: baseOf(ecosystem), name }];
  });
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** `npm:…` and such: what follows the colon narrows some ecosystems, none of ours. */
function baseOf(ecosystem: string): string {
  return ecosystem.split(':', 1)[0] ?? '';
}

function matchAffected(
  advisory: Advisory,
  affected: Affected,
  queries: ReadonlyMap<string, readonly Query[]>,
): Match[] {
  const named = affected.package;
  if (named === undefined) return [];
  const asked = queries.get(keyOf(baseOf(named.ecosystem), named.name)) ?? [];
  return asked.flatMap((query) => {
    const { version } = query.item;
    const answer = version === undefined ? 'unknown' : affects(affected, version);
    return answer === 'no' ? [] : [{ query, advisory, affected, certain: answer === 'yes' }];
  });
}

/** Entries of several databases about one flaw name each other: one finding, by package and version. */
function group(matches: readonly Match[]): Vulnerability[] {
  const byPackage = new Map<string, Match[]>();
  for (const match of matches) {
    const { ecosystem, item } = match.query;
    const key = JSON.stringify([ecosystem, item.name, item.version ?? null]);
    const same = byPackage.get(key);
    if (same === undefined) byPackage.set(key, [match]);
    else same.push(match);
  }
  return [...byPackage.values()]
    .flatMap((same) => byAlias(same).map(vulnerability))
    .sort(
      (a, b) =>
        compareText(a.ecosystem, b.ecosystem) ||
        compareText(a.name, b.name) ||
        compareText(a.version ?? '', b.version ?? '') ||
        compareText(a.id, b.id),
    );
}

function byAlias(matches: readonly Match[]): Match[][] {
  const groups: { names: Set<string>; matches: Match[] }[] = [];
  for (const match of matches) {
    const names = new Set([match.advisory.id, ...(match.advisory.aliases ?? [])]);
    const joined = { names, matches: [match] };
    for (let index = groups.length - 1; index >= 0; index -= 1) {
      const other = groups[index]!;
      if (![...other.names].some((name) => names.has(name))) continue;
      for (const name of other.names) names.add(name);
      joined.matches.unshift(...other.matches);
      groups.splice(index, 1);
    }
    groups.push(joined);
  }
  return groups.map((one) => one.matches);
}

function vulnerability(matches: readonly Match[]): Vulnerability {
  const names = sortedUnique(
    matches.flatMap(({ advisory }) => [advisory.id, ...(advisory.aliases ?? [])]),
  );
  const ids = sortedUnique(matches.map(({ advisory }) => advisory.id));
  const [id = ''] = ids;
  const { ecosystem, item } = matches[0]!.query;
  const severity = new Map(
    matches
      .flatMap(({ advisory, affected }) => affected.severity ?? advisory.severity ?? [])
      .map(({ type, score }) => [`${type} ${score}`, { type, score }]),
  );
  const [summary] = matches.flatMap(({ advisory }) => advisory.summary ?? []);
  return {
    id,
    aliases: names.filter((name) => name !== id),
    ecosystem,
    name: item.name,
    ...(item.version === undefined ? {} : { version: item.version }),
    affected: matches.some(({ certain }) => certain) ? 'yes' : 'unknown',
    fixed: sortedUnique(matches.flatMap(({ affected }) => fixedVersions(affected))),
    severity: [...severity].sort(([a], [b]) => compareText(a, b)).map(([, value]) => value),
    ...(summary === undefined ? {} : { summary: summary.slice(0, 1024) }),
    development: matches.every(({ query }) => query.item.development),
  };
}

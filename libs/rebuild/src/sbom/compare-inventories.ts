import { compareText, sortedUnique, type DependencyGraph } from './dependency-graph.js';
import { itemsOfGraph, type InventoryItem } from './inventory.js';

/** `missing`: not in the bill compared; `extra`: in it alone. */
export type InventoryDifferenceKind = 'missing' | 'extra' | 'version' | 'source' | 'digest';

export interface InventoryDifference {
  readonly kind: InventoryDifferenceKind;
  readonly name: string;
  /** What the lockfile says: versions, where from, or digests. */
  readonly expected?: string;
  /** What the other says of the same. */
  readonly found?: string;
  /** A package that only tests need: many leave those out. */
  readonly development: boolean;
}

export interface InventoryComparison {
  /** Whether nothing differs, packages that only tests need and are missing left aside. */
  readonly agrees: boolean;
  /** Packages that both have in the same version. */
  readonly common: number;
  readonly differences: readonly InventoryDifference[];
}

/**
 * Holds what somebody names against what the lockfile names. A version, a source or a digest differs
 * only where both say one; parts of the source tree itself are not looked for. Of a binary
 * (`partial`) nobody expects that all the lockfile names went into it.
 */
export function compareWithLockfile(
  graph: DependencyGraph,
  found: readonly InventoryItem[],
  { partial = false } = {},
): InventoryComparison {
  const own = new Set([graph.root.name]);
  for (const { origin, name } of graph.packages) if (origin === 'path') own.add(name);
  const expected = itemsOfGraph(graph);
  const foreign = new Set(expected.map(({ name }) => name));
  const named = found.filter(({ name }) => !own.has(name) || foreign.has(name));
  return compareInventories(expected, named, partial);
}

function compareInventories(
  expected: readonly InventoryItem[],
  found: readonly InventoryItem[],
  partial: boolean,
): InventoryComparison {
  const types = new Set(expected.flatMap(({ type }) => type ?? []));
  const ours = byName(expected, types);
  const theirs = byName(found, types);
  const differences: InventoryDifference[] = [];
  let common = 0;
  for (const [key, mine] of ours) {
    const other = theirs.get(key);
    if (other === undefined) {
      if (!partial) differences.push(missing(mine));
    } else {
      const { same, different } = compareVersions(mine, other, partial);
      common += same;
      differences.push(...different);
    }
  }
  for (const [key, other] of theirs) if (!ours.has(key)) differences.push(extra(other));
  differences.sort((a, b) => compareText(a.name, b.name) || compareText(a.kind, b.kind));
  const agrees = differences.every(({ kind, development }) => kind === 'missing' && development);
  return { agrees, common, differences };
}

/** An item without a type is taken for one of the ecosystem compared with. */
function byName(
  items: readonly InventoryItem[],
  types: ReadonlySet<string>,
): Map<string, InventoryItem[]> {
  const [only] = types;
  const groups = new Map<string, InventoryItem[]>();
  for (const item of items) {
    const type = item.type ?? (types.size === 1 ? only : undefined) ?? '';
    // Those who follow the letter of the type's definition write Go's paths in lower case.
    const name = type === 'golang' ? item.name.toLowerCase() : item.name;
    const key = `${type}:${name}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [item]);
    else group.push(item);
  }
  return groups;
}

function missing(items: readonly InventoryItem[]): InventoryDifference {
  const development = items.every((item) => item.development);
  return { kind: 'missing', name: nameOf(items), expected: versionsOf(items), development };
}

function extra(items: readonly InventoryItem[]): InventoryDifference {
  const development = items.every((item) => item.development);
  return { kind: 'extra', name: nameOf(items), found: versionsOf(items), development };
}

function compareVersions(
  mine: readonly InventoryItem[],
  other: readonly InventoryItem[],
  partial: boolean,
): { same: number; different: InventoryDifference[] } {
  const different: InventoryDifference[] = [];
  const name = nameOf(mine);
  const [wanted, given] = [versionsOf(mine), versionsOf(other)];
  const development = mine.every((item) => item.development);
  const unknown = other.filter(({ version }) => !mine.some((item) => item.version === version));
  const differs = partial ? unknown.length > 0 : wanted !== given;
  if (given !== '' && differs)
    different.push({ kind: 'version', name, expected: wanted, found: given, development });
  let same = 0;
  for (const item of mine) {
    const twins = other.filter(({ version }) => version === item.version || version === undefined);
    if (twins.length === 0) continue;
    same += 1;
    // Of several copies one that fits is enough.
    const refusals = twins.map((twin) => compareItems(item, twin));
    if (refusals.some((refusal) => refusal.length === 0)) continue;
    different.push(...(refusals[0] ?? []));
  }
  return { same, different };
}

function compareItems(mine: InventoryItem, other: InventoryItem): InventoryDifference[] {
  const { name, development } = mine;
  const differences: InventoryDifference[] = [];
  if (mine.from !== undefined && other.from !== undefined && mine.from !== other.from)
    differences.push({
      kind: 'source',
      name,
      expected: mine.from === '' ? 'the registry' : mine.from,
      found: other.from === '' ? 'the registry' : other.from,
      development,
    });
  for (const { algorithm, hex } of mine.hashes) {
    const theirs = other.hashes.filter((hash) => hash.algorithm === algorithm);
    if (theirs.length === 0 || theirs.some((hash) => hash.hex === hex)) continue;
    const found = `${algorithm}:${theirs[0]?.hex ?? ''}`;
    differences.push({ kind: 'digest', name, expected: `${algorithm}:${hex}`, found, development });
  }
  return differences;
}

function nameOf(items: readonly InventoryItem[]): string {
  return items[0]?.name ?? '';
}

function versionsOf(items: readonly InventoryItem[]): string {
  return sortedUnique(items.flatMap(({ version }) => version ?? [])).join(', ');
}

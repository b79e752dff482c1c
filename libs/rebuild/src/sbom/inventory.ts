import type { DependencyGraph, PackageHash } from './dependency-graph.js';
import { parsePurl, purlName } from './package-url.js';

/** One package as some source names it: a lockfile, a bill of materials, a binary. */
export interface InventoryItem {
  /** Type of package URL (`npm`, `cargo`, `golang`, …); absent when the source does not say. */
  readonly type?: string;
  /** As the ecosystem writes it. */
  readonly name: string;
  readonly version?: string;
  readonly purl?: string;
  readonly hashes: readonly PackageHash[];
  /**
   * Where from, in the words of package URLs: their qualifiers `repository_url`, `vcs_url` and
   * `download_url`. Empty for the ecosystem's own registry, absent when the source does not say.
   */
  readonly from?: string;
  /** Only needed to develop and to test. */
  readonly development: boolean;
  /** Part of the source tree, as a document of ours says: no registry and no database knows it. */
  readonly own?: true;
}

const PLACES = ['repository_url', 'vcs_url', 'download_url'] as const;

/** An item by its package URL; undefined when that is none. */
export function itemOfPurl(
  purl: string,
  rest: Pick<InventoryItem, 'hashes' | 'development'>,
): InventoryItem | undefined {
  const parsed = parsePurl(purl);
  if (parsed === undefined) return undefined;
  const from = PLACES.flatMap((key) => {
    const value = parsed.qualifiers[key];
    return value === undefined ? [] : [`${key}=${value}`];
  });
  return {
    type: parsed.type,
    name: purlName(parsed),
    ...(parsed.version === undefined ? {} : { version: parsed.version }),
    purl,
    from: from.join('&'),
    ...rest,
  };
}

/** What a lockfile names that is not part of the source tree itself. */
export function itemsOfGraph({ packages }: DependencyGraph): InventoryItem[] {
  return packages.flatMap(({ purl, hashes, development }) => {
    const item = purl === undefined ? undefined : itemOfPurl(purl, { hashes, development });
    return item === undefined ? [] : [item];
  });
}

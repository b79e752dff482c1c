import { maxSatisfying, satisfies } from 'semver';
import { RebuildError } from '../../errors.js';
import type { Manifest, Packument } from './packument.js';

export interface PlacedPackage {
  readonly name: string;
  readonly version: string;
  readonly integrity: string;
  /** Where it lies, relative: `node_modules/NAME`, perhaps within another. */
  readonly path: string;
  readonly manifest: Manifest;
}

const MAX_PACKAGES = 256;

/**
 * The tree of a package and what it depends on, as npm lays it out: as high as no other version is
 * in the way. Of each dependency the highest version counts that its range allows and that was
 * published by `before`; development, peer and optional ones are left out.
 *
 * @throws RebuildError `package-unknown`
 */
export async function resolveTree(
  name: string,
  version: string,
  read: (name: string) => Promise<Packument>,
  before?: Date,
): Promise<PlacedPackage[]> {
  const placed = new Map<string, PlacedPackage>();
  const place = (packument: Packument, chosen: string, path: string): PlacedPackage => {
    const manifest = packument.versions.get(chosen);
    const integrity = manifest?.dist.integrity;
    if (manifest === undefined || integrity === undefined)
      throw new RebuildError(
        'package-unknown',
        `the registry has no ${packument.name}@${chosen} with a sha512 integrity`,
      );
    if (placed.size >= MAX_PACKAGES)
      throw new RebuildError('package-unknown', `${name} depends on over ${MAX_PACKAGES} packages`);
    const made = { name: packument.name, version: chosen, integrity, path, manifest };
    placed.set(path, made);
    return made;
  };
  const queue = [place(await read(name), version, `node_modules/${name}`)];
  for (let parent = queue.shift(); parent !== undefined; parent = queue.shift()) {
    const { dependencies = {}, optionalDependencies = {} } = parent.manifest;
    const wanted = Object.entries(dependencies).filter(([key]) => !(key in optionalDependencies));
    for (const [dependency, range] of wanted.sort(([a], [b]) => (a < b ? -1 : 1))) {
      const seen = visible(placed, parent.path, dependency);
      if (seen !== undefined && satisfies(seen.version, range)) continue;
      const packument = await read(dependency);
      const chosen = maxSatisfying(published(packument, before), range);
      if (chosen === null)
        throw new RebuildError(
          'package-unknown',
          `${parent.name}@${parent.version} needs ${dependency} ${range}, which the registry does not have`,
        );
      const base = seen === undefined ? '' : `${parent.path}/`;
      queue.push(place(packument, chosen, `${base}node_modules/${dependency}`));
    }
  }
  return [...placed.values()].sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** What `name` means to the package at `path`: Node's way of looking, from there upwards. */
function visible(
  placed: ReadonlyMap<string, PlacedPackage>,
  path: string,
  name: string,
): PlacedPackage | undefined {
  for (
    let folder = path;
    ;
    folder = folder.slice(0, Math.max(0, folder.lastIndexOf('/node_modules/')))
  ) {
    const found = placed.get(
      folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`,
    );
    if (found !== undefined || folder === '') return found;
  }
}

function published({ versions, time }: Packument, before: Date | undefined): string[] {
  return [...versions.keys()].filter((version) => {
    if (before === undefined) return true;
    const on = time[version];
    return on !== undefined && new Date(on) <= before;
  });
}

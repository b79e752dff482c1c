import { parseInterfaceName, versionFit, versionTrack, type VersionFit } from '@touchstone/wasm';

/** The same for all names of one interface whose versions are compatible; else the name itself. */
export function compatibilityKey(name: string): string {
  const { path = name, version } = parseInterfaceName(name) ?? {};
  const track = version === undefined ? undefined : versionTrack(version);
  return track === undefined ? name : `${path}@${track}`;
}

/** How what goes by one name stands to what is asked for by another. */
function nameFit(provided: string, required: string): VersionFit {
  if (provided === required) return 'same';
  const [one, other] = [parseInterfaceName(provided), parseInterfaceName(required)];
  if (one === undefined || one.path !== other?.path) return 'incompatible';
  return versionFit(one.version, other.version);
}

/** Whether the first of two names is the newer one of the same track. */
export function isNewer(one: string, other: string): boolean {
  return nameFit(one, other) === 'newer';
}

/** Whether two names are of one interface, in versions of one track. */
export function isCompatible(one: string, other: string): boolean {
  return nameFit(one, other) !== 'incompatible';
}

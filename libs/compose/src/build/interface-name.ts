import { parseInterfaceName, versionFit, versionTrack } from '@touchstone/wasm';

/** The same for all names of one interface whose versions are compatible; else the name itself. */
export function compatibilityKey(name: string): string {
  const { path = name, version } = parseInterfaceName(name) ?? {};
  const track = version === undefined ? undefined : versionTrack(version);
  return track === undefined ? name : `${path}@${track}`;
}

/** Whether the first of two names is the newer one of the same track. */
export function isNewer(one: string, other: string): boolean {
  const [newer, older] = [parseInterfaceName(one), parseInterfaceName(other)];
  if (newer === undefined || newer.path !== older?.path) return false;
  return versionFit(newer.version, older.version) === 'newer';
}

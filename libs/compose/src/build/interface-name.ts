/** `namespace:package/interface@version` of the component model's names, version split off. */
export interface InterfaceName {
  readonly base: string;
  readonly version: readonly [number, number, number];
  /** With a pre-release, which is compatible with itself alone. */
  readonly prerelease: boolean;
}

const VERSIONED =
  /^([^@]+)@(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})\.(0|[1-9]\d{0,8})(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?$/u;

/** Undefined of names without a whole version, which match themselves alone. */
export function parseInterfaceName(name: string): InterfaceName | undefined {
  const [, base, major, minor, patch, prerelease] = VERSIONED.exec(name) ?? [];
  if (base === undefined) return undefined;
  return {
    base,
    version: [Number(major), Number(minor), Number(patch)],
    prerelease: prerelease !== undefined,
  };
}

/**
 * The same for all names that Semantic Versioning 2.0 calls compatible: one major version, below 1
 * one minor version, below 0.1 the very version.
 */
export function compatibilityKey(name: string): string {
  const parsed = parseInterfaceName(name);
  if (parsed === undefined || parsed.prerelease) return name;
  const [major, minor, patch] = parsed.version;
  if (major > 0) return `${parsed.base}@${major}`;
  return minor > 0 ? `${parsed.base}@0.${minor}` : `${parsed.base}@0.0.${patch}`;
}

/** Negative when `one` is the older of two compatible names. */
export function compareVersions(one: string, other: string): number {
  const [a, b] = [parseInterfaceName(one)?.version, parseInterfaceName(other)?.version];
  if (a === undefined || b === undefined) return 0;
  return a[0] - b[0] || a[1] - b[1] || a[2] - b[2];
}

/** Whether an export of one name may be given for an import of the other: compatible, not older. */
export function mayStandFor(exported: string, imported: string): boolean {
  if (exported === imported) return true;
  return (
    compatibilityKey(exported) === compatibilityKey(imported) &&
    compareVersions(exported, imported) >= 0
  );
}

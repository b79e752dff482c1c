import { RebuildError } from '../../errors.js';
import { DebianPackage } from '../toolchain-lock.js';
import { compareVersions } from './version.js';

/** One alternative of a dependency: `name (>= 1.2)`. */
export interface Relation {
  readonly name: string;
  readonly operator?: string;
  readonly version?: string;
}

export interface IndexedPackage {
  readonly pin: DebianPackage;
  /** Pre-Depends and Depends: all of them, of each any alternative. */
  readonly depends: readonly (readonly Relation[])[];
  readonly provides: readonly Relation[];
}

const MAX_INDEX = 512 * 1024 * 1024;
const FIELDS =
  /^(Package|Version|Architecture|Filename|Size|SHA256|Depends|Pre-Depends|Provides): *(.*)$/gm;
const RELATION = /^([a-z0-9][a-z0-9+.-]+)(?::[a-z0-9]+)?(?:\s*\((<<|<=|=|>=|>>)\s*([^\s()]+)\))?$/;

/**
 * A distribution's `Packages` index (deb822(5)). Of a package that stands in it twice the higher
 * version counts.
 * @throws RebuildError `package-malformed`
 */
export class PackagesIndex {
  readonly #packages = new Map<string, IndexedPackage>();
  readonly #providers = new Map<string, IndexedPackage[]>();

  constructor(text: string) {
    if (text.length > MAX_INDEX)
      throw new RebuildError('package-too-large', `the index has over ${MAX_INDEX} bytes`);
    for (const paragraph of text.split('\n\n')) {
      const found = readParagraph(paragraph);
      if (found === undefined) continue;
      const known = this.#packages.get(found.pin.name);
      if (known === undefined || compareVersions(found.pin.version, known.pin.version) > 0)
        this.#packages.set(found.pin.name, found);
    }
    for (const found of this.#packages.values())
      for (const { name } of found.provides)
        this.#providers.set(name, [...(this.#providers.get(name) ?? []), found]);
  }

  get(name: string): IndexedPackage | undefined {
    return this.#packages.get(name);
  }

  /** The package of that name when its version will do, or else the first that provides it. */
  satisfying(relation: Relation): IndexedPackage | undefined {
    const named = this.#packages.get(relation.name);
    if (named !== undefined && holds(named.pin.version, relation)) return named;
    return this.#providers
      .get(relation.name)
      ?.find(({ provides }) =>
        provides.some(
          ({ name, version }) =>
            name === relation.name &&
            (relation.operator === undefined ||
              (version !== undefined && holds(version, relation))),
        ),
      );
  }
}

function readParagraph(paragraph: string): IndexedPackage | undefined {
  const fields: Record<string, string> = {};
  for (const [, name = '', value = ''] of paragraph.matchAll(FIELDS)) fields[name] = value.trim();
  if (fields['Package'] === undefined) return undefined;
  const pin = DebianPackage.safeParse({
    name: fields['Package'],
    version: fields['Version'],
    architecture: fields['Architecture'],
    sha256: fields['SHA256'],
    size: Number(fields['Size']),
    path: fields['Filename'],
  });
  // A package with an odd name or no SHA-256 is one that no lock can pin.
  if (!pin.success) return undefined;
  return {
    pin: pin.data,
    depends: [...relations(fields['Pre-Depends']), ...relations(fields['Depends'])],
    provides: relations(fields['Provides']).flat(),
  };
}

function relations(field: string | undefined): Relation[][] {
  if (field === undefined || field === '') return [];
  return field.split(',').map((group) =>
    group.split('|').flatMap((alternative): Relation[] => {
      const [, name, operator, version] = RELATION.exec(alternative.trim()) ?? [];
      if (name === undefined) return [];
      if (operator === undefined || version === undefined) return [{ name }];
      return [{ name, operator, version }];
    }),
  );
}

function holds(found: string, { operator, version }: Relation): boolean {
  if (operator === undefined || version === undefined) return true;
  const order = compareVersions(found, version);
  if (operator === '=') return order === 0;
  if (operator === '<<') return order < 0;
  if (operator === '>>') return order > 0;
  return operator === '<=' ? order <= 0 : order >= 0;
}

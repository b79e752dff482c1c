import { AttestError, parseJson } from '@touchstone/attest';
import { z } from 'zod';
import { RebuildError } from '../errors.js';
import {
  MAX_PACKAGES,
  ORIGIN_PROPERTY,
  OWN_COMMENT,
  type HashAlgorithm,
  type PackageHash,
} from './dependency-graph.js';
import { itemOfPurl, type InventoryItem } from './inventory.js';

export const MAX_SBOM_BYTES = 64 * 1024 * 1024;
const MAX_NESTING = 32;

/** What a bill of materials names, whoever wrote it. */
export interface ReadSbom {
  readonly format: 'CycloneDX' | 'SPDX';
  /** `1.6`, `2.3`, … */
  readonly version: string;
  readonly items: readonly InventoryItem[];
}

const Text = z.string().max(8192);
const CycloneDxComponent = z.looseObject({
  name: Text,
  group: Text.optional(),
  version: Text.optional(),
  purl: Text.optional(),
  scope: z.string().optional(),
  hashes: z.array(z.looseObject({ alg: z.string(), content: Text })).optional(),
  properties: z.array(z.looseObject({ name: z.string(), value: z.string().optional() })).optional(),
  components: z.array(z.unknown()).optional(),
});
const CycloneDx = z.looseObject({
  bomFormat: z.literal('CycloneDX'),
  specVersion: z.string().regex(/^\d+\.\d+$/),
  components: z.array(z.unknown()).optional(),
});
const Spdx = z.looseObject({
  spdxVersion: z.string().regex(/^SPDX-\d+\.\d+$/),
  packages: z
    .array(
      z.looseObject({
        SPDXID: Text,
        name: Text,
        versionInfo: Text.optional(),
        comment: z.string().optional(),
        checksums: z
          .array(z.looseObject({ algorithm: z.string(), checksumValue: Text }))
          .optional(),
        externalRefs: z
          .array(z.looseObject({ referenceType: Text, referenceLocator: Text }))
          .optional(),
      }),
    )
    .optional(),
  documentDescribes: z.array(Text).optional(),
  relationships: z
    .array(
      z.looseObject({
        spdxElementId: Text,
        relationshipType: z.string(),
        relatedSpdxElement: Text,
      }),
    )
    .optional(),
});

/**
 * Reads a bill of materials in JSON: CycloneDX, or SPDX 2.
 *
 * @throws RebuildError `sbom-malformed`, `sbom-too-large`
 */
export function readSbom(bytes: Uint8Array): ReadSbom {
  const value = sbomJson(bytes);
  const format = formatOf(value);
  if (format === 'CycloneDX') return readCycloneDx(parseBy(CycloneDx, value));
  if (format === 'SPDX') return readSpdx(parseBy(Spdx, value));
  throw new RebuildError(
    'sbom-malformed',
    'neither CycloneDX (bomFormat) nor SPDX 2 (spdxVersion) in JSON',
  );
}

/** @throws RebuildError `sbom-malformed`, `sbom-too-large` */
export function sbomJson(bytes: Uint8Array): unknown {
  try {
    return parseJson(bytes, MAX_SBOM_BYTES);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    const code = cause.code === 'json-too-large' ? 'sbom-too-large' : 'sbom-malformed';
    throw new RebuildError(code, cause.message, { cause });
  }
}

export function formatOf(value: unknown): ReadSbom['format'] | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  if ('bomFormat' in value) return 'CycloneDX';
  return 'spdxVersion' in value ? 'SPDX' : undefined;
}

function parseBy<T>(schema: z.ZodType<T>, value: unknown): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw new RebuildError(
    'sbom-malformed',
    `${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? ''}`,
  );
}

function readCycloneDx({ specVersion, components }: z.infer<typeof CycloneDx>): ReadSbom {
  const items: InventoryItem[] = [];
  let level = components ?? [];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MAX_NESTING) throw new RebuildError('sbom-malformed', 'components nest too deep');
    const nested: unknown[] = [];
    for (const value of level) {
      const component = parseBy(CycloneDxComponent, value);
      items.push(cycloneDxItem(component));
      nested.push(...(component.components ?? []).slice(0, MAX_PACKAGES));
    }
    checkCount(items.length + nested.length);
    level = nested;
  }
  return { format: 'CycloneDX', version: specVersion, items };
}

function cycloneDxItem(component: z.infer<typeof CycloneDxComponent>): InventoryItem {
  const { group, name, version, purl, scope, hashes = [], properties = [] } = component;
  const isOwn = properties.some((one) => one.name === ORIGIN_PROPERTY && one.value === 'path');
  const rest = {
    development: scope === 'excluded',
    hashes: hashes.flatMap(({ alg, content }) => hashOf(alg, content)),
  };
  const own = {
    name: group === undefined || group === '' ? name : `${group}/${name}`,
    ...(version === undefined || version === '' ? {} : { version }),
    ...(isOwn ? { own: true as const } : {}),
  };
  return (purl === undefined ? undefined : itemOfPurl(purl, rest)) ?? { ...own, ...rest };
}

function readSpdx(document: z.infer<typeof Spdx>): ReadSbom {
  const { packages = [], relationships = [], spdxVersion } = document;
  checkCount(packages.length);
  const described = new Set(document.documentDescribes ?? []);
  const development = new Set<string>();
  for (const { spdxElementId, relationshipType, relatedSpdxElement } of relationships) {
    if (relationshipType === 'DESCRIBES') described.add(relatedSpdxElement);
    else if (relationshipType === 'DESCRIBED_BY') described.add(spdxElementId);
    else if (/^(?:DEV|TEST)_DEPENDENCY_OF$/.test(relationshipType)) development.add(spdxElementId);
  }
  const items = packages
    // What the document is about is not one of its parts.
    .filter(({ SPDXID }) => !described.has(SPDXID) || packages.length === described.size)
    .map(({ SPDXID, name, versionInfo, comment, checksums = [], externalRefs = [] }) => {
      const rest = {
        development: development.has(SPDXID),
        hashes: checksums.flatMap(({ algorithm, checksumValue }) =>
          hashOf(algorithm, checksumValue),
        ),
      };
      const purl = externalRefs.find(({ referenceType }) => referenceType === 'purl');
      const own = {
        name,
        ...(versionInfo === undefined ? {} : { version: versionInfo }),
        ...(comment === OWN_COMMENT ? { own: true as const } : {}),
      };
      const found = purl === undefined ? undefined : itemOfPurl(purl.referenceLocator, rest);
      return found ?? { ...own, ...rest };
    });
  return { format: 'SPDX', version: spdxVersion.replace('SPDX-', ''), items };
}

function checkCount(count: number): void {
  if (count <= MAX_PACKAGES) return;
  throw new RebuildError('sbom-too-large', `over ${MAX_PACKAGES} components`);
}

/** Of the algorithms that lockfiles know; others cannot be held against anything. */
function hashOf(name: string, content: string): PackageHash[] {
  const bits = /^SHA-?(1|256|384|512)$/.exec(name)?.[1];
  if (bits === undefined || !/^[0-9a-fA-F]+$/.test(content)) return [];
  return [{ algorithm: `SHA-${bits}` as HashAlgorithm, hex: content.toLowerCase() }];
}

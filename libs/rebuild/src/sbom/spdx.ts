import { createHash } from 'node:crypto';
import { canonicalJson } from '@touchstone/attest';
import type { DocumentOptions, JsonDocument } from './cyclonedx.js';
import {
  compareText,
  OWN_COMMENT,
  type DependencyGraph,
  type LockedPackage,
} from './dependency-graph.js';

const DOCUMENT = 'SPDXRef-DOCUMENT';
const ROOT = 'SPDXRef-root';

/** Nothing was looked into that would tell; SPDX 2.3 has a word for that. */
const UNSAID = {
  filesAnalyzed: false,
  licenseConcluded: 'NOASSERTION',
  licenseDeclared: 'NOASSERTION',
  copyrightText: 'NOASSERTION',
} as const;

interface Relationship {
  readonly spdxElementId: string;
  readonly relationshipType: string;
  readonly relatedSpdxElement: string;
}

/**
 * An SPDX 2.3 document of what a lockfile names. SPDX asks for a time of creation: that of
 * SOURCE_DATE_EPOCH, else 1970. The namespace is made from the content.
 */
export function spdxDocument(graph: DependencyGraph, options: DocumentOptions): JsonDocument {
  const ids = new Map(graph.packages.map(({ ref }) => [ref, elementId(ref)]));
  const idOf = (ref: string): string => ids.get(ref) ?? 'NOASSERTION';
  const created = new Date((options.sourceDateEpoch ?? 0) * 1000).toISOString();
  const document = {
    spdxVersion: 'SPDX-2.3',
    dataLicense: 'CC0-1.0',
    SPDXID: DOCUMENT,
    name: graph.root.name,
    creationInfo: {
      created: created.replace(/\.\d+Z$/, 'Z'),
      creators: [`Tool: touchstone-${options.toolVersion}`],
    },
    comment: [
      ...graph.files.map(({ name, sha256 }) => `Read from ${name}, sha256:${sha256}.`),
      ...graph.remarks,
    ].join(' '),
    packages: [
      {
        SPDXID: ROOT,
        name: graph.root.name,
        ...(graph.root.version === undefined ? {} : { versionInfo: graph.root.version }),
        downloadLocation: 'NOASSERTION',
        ...UNSAID,
      },
      ...graph.packages.map((found) => packageOf(found, idOf(found.ref))),
    ],
    relationships: relationshipsOf(graph, idOf),
  };
  const digest = createHash('sha256').update(canonicalJson(document)).digest('hex');
  return { ...document, documentNamespace: `https://touchstone.dev/spdx/${digest}` };
}

/** SPDX ids hold letters, digits, dots and hyphens alone. */
function elementId(ref: string): string {
  const readable = ref
    .replace(/^pkg:/, '')
    .replace(/[^A-Za-z0-9.-]+/g, '-')
    .slice(0, 128);
  const digest = createHash('sha256').update(ref).digest('hex').slice(0, 16);
  return `SPDXRef-${readable}-${digest}`;
}

function packageOf(found: LockedPackage, id: string): JsonDocument {
  const { name, version, purl, location, hashes, goSum, origin } = found;
  return {
    SPDXID: id,
    name,
    ...(version === undefined ? {} : { versionInfo: version }),
    downloadLocation: location ?? 'NOASSERTION',
    ...UNSAID,
    ...(hashes.length === 0
      ? {}
      : {
          checksums: hashes.map(({ algorithm, hex }) => ({
            algorithm: algorithm.replace('-', ''),
            checksumValue: hex,
          })),
        }),
    ...(purl === undefined
      ? {}
      : {
          externalRefs: [
            {
              referenceCategory: 'PACKAGE-MANAGER',
              referenceType: 'purl',
              referenceLocator: purl,
            },
          ],
        }),
    ...(goSum === undefined ? {} : { comment: `go.sum ${goSum}` }),
    ...(origin === 'path' ? { comment: OWN_COMMENT } : {}),
  };
}

function relationshipsOf(
  { packages, root }: DependencyGraph,
  idOf: (ref: string) => string,
): Relationship[] {
  const byRef = new Map(packages.map((found) => [found.ref, found]));
  const relationships: Relationship[] = [relate(DOCUMENT, 'DESCRIBES', ROOT)];
  const add = (from: string, dependsOn: readonly string[] | undefined): void => {
    // Said outright, as a list that ends says neither.
    if (dependsOn === undefined) relationships.push(relate(from, 'DEPENDS_ON', 'NOASSERTION'));
    else if (dependsOn.length === 0) relationships.push(relate(from, 'DEPENDS_ON', 'NONE'));
    else for (const ref of dependsOn) relationships.push(edge(from, idOf(ref), byRef.get(ref)));
  };
  add(ROOT, root.dependsOn);
  for (const { ref, dependsOn } of packages) add(idOf(ref), dependsOn);
  return relationships.sort((a, b) => compareText(keyOf(a), keyOf(b)));
}

function edge(from: string, to: string, found: LockedPackage | undefined): Relationship {
  if (found?.development === true) return relate(to, 'DEV_DEPENDENCY_OF', from);
  if (found?.optional === true) return relate(to, 'OPTIONAL_DEPENDENCY_OF', from);
  return relate(from, 'DEPENDS_ON', to);
}

function relate(from: string, relationshipType: string, to: string): Relationship {
  return { spdxElementId: from, relationshipType, relatedSpdxElement: to };
}

function keyOf({ spdxElementId, relationshipType, relatedSpdxElement }: Relationship): string {
  return `${spdxElementId} ${relationshipType} ${relatedSpdxElement}`;
}

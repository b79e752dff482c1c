import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { sbomSerialNumber } from '@touchstone/attest';
import {
  compareText,
  type DependencyGraph,
  type HashAlgorithm,
  type LockedPackage,
} from './dependency-graph.js';

export type CycloneDxVersion = '1.6' | '1.7';

export interface DocumentOptions {
  /** Seconds since 1970, as in SOURCE_DATE_EPOCH; no time is written without it. */
  readonly sourceDateEpoch?: number;
  /** Of Touchstone, which is named as the tool. */
  readonly toolVersion: string;
}

/** A document in the form its JSON is written in. */
export type JsonDocument = Readonly<Record<string, unknown>>;

export const ROOT_REF = 'root';

const SPECIFICATIONS = { '1.6': Spec.Spec1dot6, '1.7': Spec.Spec1dot7 } as const;
const ALGORITHMS: Readonly<Record<HashAlgorithm, Enums.HashAlgorithm>> = {
  'SHA-1': Enums.HashAlgorithm['SHA-1'],
  'SHA-256': Enums.HashAlgorithm['SHA-256'],
  'SHA-384': Enums.HashAlgorithm['SHA-384'],
  'SHA-512': Enums.HashAlgorithm['SHA-512'],
};

/**
 * A CycloneDX document (ECMA-424) of what a lockfile names. The same graph and options give the same
 * document: its serial number is made from its content, and lists keep the order of the graph (the
 * library would sort them by the locale of the machine).
 */
export function cycloneDxDocument(
  graph: DependencyGraph,
  version: CycloneDxVersion,
  options: DocumentOptions,
): JsonDocument {
  const normalizer = new Serialize.JSON.Normalize.Factory(SPECIFICATIONS[version]).makeForBom();
  const normal = normalizer.normalize(bomOf(graph, options), { sortLists: false });
  // The library has no model of compositions (10.3), so they are put beside what it wrote.
  const document = JSON.parse(
    JSON.stringify({ ...normal, compositions: compositionsOf(graph) }),
  ) as Record<string, unknown>;
  return { ...document, serialNumber: sbomSerialNumber(document) };
}

function bomOf(graph: DependencyGraph, options: DocumentOptions): Models.Bom {
  const components = new Map(graph.packages.map((found) => [found.ref, componentOf(found)]));
  const root = new Models.Component(Enums.ComponentType.Application, graph.root.name, {
    bomRef: ROOT_REF,
    ...(graph.root.version === undefined ? {} : { version: graph.root.version }),
  });
  for (const ref of graph.root.dependsOn) depend(root, components.get(ref));
  for (const { ref, dependsOn = [] } of graph.packages)
    for (const other of dependsOn) depend(components.get(ref), components.get(other));
  const metadata = new Models.Metadata({
    component: root,
    lifecycles: new Models.LifecycleRepository([Enums.LifecyclePhase.PreBuild]),
    tools: new Models.Tools({
      components: new Models.ComponentRepository([
        new Models.Component(Enums.ComponentType.Application, 'touchstone', {
          version: options.toolVersion,
        }),
      ]),
    }),
    properties: new Models.PropertyRepository([
      property('ecosystem', graph.ecosystem),
      ...graph.files.map(({ name, sha256 }) => property(`file:${name}`, `sha256:${sha256}`)),
      ...graph.remarks.map((remark) => property('remark', remark)),
    ]),
  });
  if (options.sourceDateEpoch !== undefined)
    metadata.timestamp = new Date(options.sourceDateEpoch * 1000);
  return new Models.Bom({
    metadata,
    components: new Models.ComponentRepository(components.values()),
  });
}

function property(name: string, value: string): Models.Property {
  return new Models.Property(`touchstone:lockfile:${name}`, value);
}

function depend(from: Models.Component | undefined, to: Models.Component | undefined): void {
  if (from !== undefined && to !== undefined) from.dependencies.add(to.bomRef);
}

function componentOf(found: LockedPackage): Models.Component {
  const { group, name } = namesOf(found);
  const component = new Models.Component(Enums.ComponentType.Library, name, {
    bomRef: found.ref,
    scope: scopeOf(found),
    hashes: new Models.HashDictionary(
      found.hashes.map(({ algorithm, hex }) => [ALGORITHMS[algorithm], hex] as const),
    ),
    ...(group === undefined ? {} : { group }),
    ...(found.version === undefined ? {} : { version: found.version }),
    ...(found.purl === undefined ? {} : { purl: found.purl }),
  });
  if (found.location !== undefined) {
    const type =
      found.origin === 'git'
        ? Enums.ExternalReferenceType.VCS
        : Enums.ExternalReferenceType.Distribution;
    component.externalReferences.add(new Models.ExternalReference(found.location, type));
  }
  const properties: [string, string][] = [
    ['origin', found.origin],
    ...(found.goSum === undefined ? [] : [['go:sum', found.goSum] as [string, string]]),
  ];
  for (const [key, value] of properties) component.properties.add(property(key, value));
  return component;
}

/** npm's scope is CycloneDX' group; the name of a Go module stays whole. */
function namesOf({ name, purl }: LockedPackage): { group?: string; name: string } {
  const slash = name.indexOf('/');
  if (purl?.startsWith('pkg:npm/') !== true || !name.startsWith('@') || slash < 0) return { name };
  return { group: name.slice(0, slash), name: name.slice(slash + 1) };
}

function scopeOf({ development, optional }: LockedPackage): Enums.ComponentScope {
  if (development) return Enums.ComponentScope.Excluded;
  return optional ? Enums.ComponentScope.Optional : Enums.ComponentScope.Required;
}

/** How far the lists can be trusted to be whole, which no reader should have to guess. */
function compositionsOf({ complete, packages }: DependencyGraph): JsonDocument[] {
  const known = packages.flatMap(({ ref, dependsOn }) => (dependsOn === undefined ? [] : [ref]));
  const unknown = packages.flatMap(({ ref, dependsOn }) => (dependsOn === undefined ? [ref] : []));
  const byAggregate = [
    { aggregate: complete ? 'complete' : 'incomplete', dependencies: [ROOT_REF, ...known] },
    { aggregate: 'unknown', dependencies: unknown },
    // Sources copied into the tree are in no lockfile.
    { aggregate: 'unknown', assemblies: [ROOT_REF] },
  ];
  return byAggregate
    .filter(({ dependencies }) => dependencies?.length !== 0)
    .map((composition) => ({
      ...composition,
      ...(composition.dependencies === undefined
        ? {}
        : { dependencies: composition.dependencies.sort(compareText) }),
    }));
}

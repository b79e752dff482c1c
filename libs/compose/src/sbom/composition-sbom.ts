import { sbomSerialNumber } from '@touchstone/attest';
import { ComposeError } from '../errors.js';
import type { CompositionGraph, GraphNode } from '../graph.js';
import type { ManifestComponent } from '../manifest.js';
import { MAX_COMPONENTS, nestSbom, type NestedSbom } from './nested-sbom.js';
import { nodePurl } from './node-purl.js';

type Json = Readonly<Record<string, unknown>>;

/** A bill of materials of one node: as bytes, or as parsed JSON. */
export interface NodeSbom {
  readonly node: string;
  readonly document: Uint8Array | Json;
  /** Organisations that attested it with a rebuild; absent of a document that somebody handed over. */
  readonly attestedBy?: readonly string[];
  /** How many other documents were attested for the same node. */
  readonly others?: number;
}

export interface CompositionSbomOptions {
  /** Of the composed file. */
  readonly name: string;
  /** What the manifest claims of nodes: names, versions, sources. */
  readonly components?: readonly ManifestComponent[];
  readonly sboms?: readonly NodeSbom[];
  /** Of Touchstone, which is named as the tool. */
  readonly toolVersion: string;
  /** RFC 3339; no time is written without it. */
  readonly timestamp?: string;
}

const PROPERTY = 'touchstone:composition';

/**
 * A CycloneDX document (ECMA-424) of a composed file: one component for each module and component
 * that its bytes hold, with those that their own bills of materials name within it; who imports
 * from whom as dependencies. What is nested is `complete`, since it is derived from the bytes; what
 * went into a node without a bill of materials is `unknown`. The same input gives the same document.
 *
 * @throws ComposeError `sbom-malformed`, `claim-unknown-node`
 */
export function compositionSbom(graph: CompositionGraph, options: CompositionSbomOptions): Json {
  const { components: claims = [], sboms = [], toolVersion, timestamp } = options;
  const known = new Set(graph.nodes.map(({ path }) => path));
  const nested = new Map<string, NestedSbom>();
  const count = { left: MAX_COMPONENTS };
  for (const { node, document } of sboms) {
    if (!known.has(node)) {
      throw new ComposeError('claim-unknown-node', node, 0, `the file has no node ${node}`);
    }
    nested.set(node, nestSbom(document, refOf(node), count));
  }
  const bySbom = new Map(sboms.map((each) => [each.node, each]));
  const claimOf = new Map(claims.map((claim) => [claim.path, claim]));
  const parts = graph.nodes.map((node) =>
    componentOf(node, options.name, {
      claim: claimOf.get(node.path),
      sbom: bySbom.get(node.path),
      nested: nested.get(node.path),
    }),
  );
  const [root, ...others] = parts;
  const document = {
    bomFormat: 'CycloneDX',
    specVersion: [...nested.values()].some((each) => each.specVersion === '1.7') ? '1.7' : '1.6',
    version: 1,
    metadata: {
      ...(timestamp !== undefined && { timestamp }),
      tools: { components: [{ type: 'application', name: 'touchstone', version: toolVersion }] },
      component: root,
    },
    components: others,
    dependencies: dependenciesOf(graph, [...nested.values()]),
    compositions: [
      { aggregate: 'complete', assemblies: [refOf('/')] },
      ...unknownOf(graph, nested),
      ...[...nested.values()].flatMap(({ compositions }) => compositions),
    ],
  };
  return { ...document, serialNumber: sbomSerialNumber(document) };
}

function refOf(path: string): string {
  return `node:${path}`;
}

interface Said {
  readonly claim: ManifestComponent | undefined;
  readonly sbom: NodeSbom | undefined;
  readonly nested: NestedSbom | undefined;
}

function componentOf(node: GraphNode, file: string, { claim, sbom, nested }: Said): Json {
  const { path, kind, digest } = node;
  const name = claim?.name ?? (path === '/' ? file : (node.name ?? path.slice(1)));
  const property = (key: string, value: string): Json => ({ name: `${PROPERTY}:${key}`, value });
  const by = sbom?.attestedBy;
  return {
    'bom-ref': refOf(path),
    type: path === '/' ? 'application' : 'library',
    name,
    ...(claim?.version !== undefined && { version: claim.version }),
    hashes: [{ alg: 'SHA-256', content: digest.sha256 }],
    purl: nodePurl(digest.sha256, name, claim),
    ...(claim?.source !== undefined && {
      externalReferences: [
        {
          type: 'distribution',
          url: claim.source,
          ...(claim.commit !== undefined && { comment: `commit ${claim.commit}` }),
        },
      ],
    }),
    ...(nested !== undefined && nested.components.length > 0 && { components: nested.components }),
    properties: [
      property('path', path),
      property('kind', kind),
      ...(claim === undefined ? [] : [property('name-and-source', 'claimed by the manifest')]),
      ...(sbom === undefined
        ? []
        : [property('sbom', by === undefined ? 'handed over' : `attested by ${by.join(', ')}`)]),
      ...((sbom?.others ?? 0) > 0 ? [property('sbom-others', String(sbom?.others))] : []),
      ...(nested?.leftOut ?? []).map((part) => property('sbom-left-out', part)),
    ],
  };
}

/** Who gets an import from whom, and what nested documents say; each list sorted, each node once. */
function dependenciesOf(graph: CompositionGraph, nested: readonly NestedSbom[]): Json[] {
  const dependsOn = new Map(graph.nodes.map(({ path }) => [refOf(path), new Set<string>()]));
  for (const { from, to } of graph.edges) {
    if (from !== to) dependsOn.get(refOf(from))?.add(refOf(to));
  }
  for (const { dependencies } of nested) {
    for (const { ref, dependsOn: more } of dependencies) {
      const all = dependsOn.get(ref) ?? new Set<string>();
      for (const each of more) all.add(each);
      dependsOn.set(ref, all);
    }
  }
  return [...dependsOn].map(([ref, all]) => ({ ref, dependsOn: [...all].sort() }));
}

/** What is inside a core module that nobody has listed; components list their modules themselves. */
function unknownOf(graph: CompositionGraph, nested: ReadonlyMap<string, NestedSbom>): Json[] {
  const unlisted = graph.nodes
    .filter(({ kind, path }) => kind === 'module' && !isListed(path, nested))
    .map(({ path }) => refOf(path));
  return unlisted.length === 0 ? [] : [{ aggregate: 'unknown', assemblies: unlisted }];
}

/** A document about a component speaks for the modules in it. */
function isListed(path: string, nested: ReadonlyMap<string, NestedSbom>): boolean {
  const steps = path.split('/');
  return steps.some((_, index) =>
    nested.has(steps.slice(0, steps.length - index).join('/') || '/'),
  );
}

import { appendCustomSection, withoutCustomSections } from '@touchstone/wasm';
import { MANIFEST_SECTION, OLDER_MANIFEST_SECTION } from './attestation-sections.js';
import { ComposeError } from './errors.js';
import { deriveGraph, type CompositionGraph, type GraphNode, type Sha256 } from './graph.js';
import {
  encodeManifest,
  MANIFEST_SCHEMA,
  type CompositionManifest,
  type ManifestClaims,
  type ManifestComponent,
} from './manifest.js';
import { readComposition } from './read.js';

const MANIFEST_SECTIONS = new Set([MANIFEST_SECTION, OLDER_MANIFEST_SECTION]);

/**
 * The manifest of a graph with what is claimed of its nodes. A claim names its node by path or by
 * hash; nodes right below the file that nobody speaks of are listed by what they call themselves.
 *
 * @throws ComposeError `claim-unknown-node`, `node-substituted`
 */
export function makeManifest(
  graph: CompositionGraph,
  claims: ManifestClaims = {},
): CompositionManifest {
  const [root, ...nested] = graph.nodes as [GraphNode, ...GraphNode[]];
  const claimed = (claims.components ?? []).flatMap((claim) => claimedNodes(claim, nested));
  const spokenOf = new Set(claimed.map(({ path }) => path));
  const silent = nested
    .filter(({ path }) => path.lastIndexOf('/') === 0 && !spokenOf.has(path))
    .map(({ path, name, digest }) => ({ path, name: nameOr(name, path), hash: digest }));
  const { sboms, provenance } = claims;
  return {
    schema: MANIFEST_SCHEMA,
    root: { kind: root.kind, contentDigest: root.contentDigest },
    components: [...claimed, ...silent].sort((a, b) => (a.path < b.path ? -1 : 1)),
    composition: claims.composition ?? {},
    ...(sboms === undefined ? {} : { sboms }),
    ...(provenance === undefined ? {} : { provenance }),
    graph: {
      nodes: nested.map(({ path, kind, name, digest }) => ({
        ...{ path, kind, digest },
        ...(name === undefined ? {} : { name }),
      })),
      edges: graph.edges.map((edge) => ({ ...edge })),
      imports: graph.imports.map((port) => ({ ...port })),
      exports: graph.exports.map((port) => ({ ...port })),
    },
  };
}

function nameOr(name: string | undefined, path: string): string {
  return name === undefined || name === '' ? path : name.slice(0, 8192);
}

function claimedNodes(
  claim: NonNullable<ManifestClaims['components']>[number],
  nested: readonly GraphNode[],
): ManifestComponent[] {
  const { path, hash } = claim;
  const nodes = nested.filter(
    (node) => (path ?? node.path) === node.path && (path !== undefined || isOf(node, hash?.sha256)),
  );
  if (nodes.length === 0) {
    const message = `claims name ${claim.name} ${path ?? hash?.sha256 ?? 'without path and hash'}, which is not in the file`;
    throw new ComposeError('claim-unknown-node', path ?? '/', 0, message);
  }
  return nodes.map((node) => {
    if (hash !== undefined && hash.sha256 !== node.digest.sha256) {
      const message = `claims say ${claim.name} is sha256:${hash.sha256}; ${node.path} is sha256:${node.digest.sha256}`;
      throw new ComposeError('node-substituted', node.path, node.offset, message);
    }
    return { ...claim, path: node.path, hash: node.digest };
  });
}

function isOf(node: GraphNode, sha256: string | undefined): boolean {
  return sha256 !== undefined && node.digest.sha256 === sha256;
}

/**
 * The file with this manifest as its last section, in place of any manifest it had. All other bytes
 * stay, so doing it twice changes nothing.
 *
 * @throws ComposeError with the codes of the reader
 */
export function embedManifest(bytes: Uint8Array, manifest: CompositionManifest): Uint8Array {
  const bare = withoutCustomSections(bytes, readComposition(bytes), MANIFEST_SECTIONS);
  return appendCustomSection(bare, MANIFEST_SECTION, encodeManifest(manifest));
}

/** Derives the graph, joins the claims to it and embeds the manifest that comes of it. */
export function composeManifest(
  bytes: Uint8Array,
  options: { readonly claims?: ManifestClaims; readonly sha256?: Sha256 } = {},
): CompositionManifest {
  return makeManifest(deriveGraph(bytes, options), options.claims);
}

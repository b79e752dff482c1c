import { sha256 as nobleSha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import type { Sha256Digest } from '@touchstone/attest';
import {
  customSections,
  moduleAt,
  readExports,
  readImports,
  readOwnName,
  walkNodes,
  withoutCustomSections,
  type Node,
} from '@touchstone/wasm';
import { ATTESTATION_SECTIONS } from './attestation-sections.js';
import { EdgeList, type GraphEdge } from './edges.js';
import { ComposeError } from './errors.js';
import { MAX_HASHED_BYTES, MAX_NODES, MAX_PORTS } from './limits.js';
import { followReferences } from './providers.js';
import { located, readComposition } from './read.js';

export type Sha256 = (data: Uint8Array) => Uint8Array;

/** A module or component, where it stands in the file and what its bytes are. */
export interface GraphNode {
  /** `/` for the file, then a step per level: `/component[1]/module[0]`. */
  readonly path: string;
  readonly kind: Node['kind'];
  /** In the file, in bytes. */
  readonly offset: number;
  readonly size: number;
  readonly digest: Sha256Digest;
  /** Of the same bytes without the attestation sections of this very node. */
  readonly contentDigest: Sha256Digest;
  /** What it calls itself; a claim, for display. */
  readonly name?: string;
  /** How many times it is instantiated where it is defined or referred to; 0 for the file. */
  readonly instances: number;
}

/** An import or export of the whole. */
export interface Port {
  /** `func`, `instance`, …; of a core module `function`, `memory`, … */
  readonly kind: string;
  readonly name: string;
}

export interface CompositionGraph {
  /** Outermost first, in the order of the file. */
  readonly nodes: readonly GraphNode[];
  /** Sorted, each once. */
  readonly edges: readonly GraphEdge[];
  /** What is left for the host to give. */
  readonly imports: readonly Port[];
  readonly exports: readonly Port[];
}

/**
 * What a module or component is made of, from its bytes and nothing else (component model,
 * Binary.md): what is nested in it, what is instantiated from what, and who provides which import.
 *
 * @throws ComposeError with the codes of the reader, `kind-disguised`, `graph-too-large`
 */
export function deriveGraph(
  bytes: Uint8Array,
  options: { readonly sha256?: Sha256; readonly root?: Node } = {},
): CompositionGraph {
  const { sha256 = nobleSha256, root = readComposition(bytes) } = options;
  const edges = new EdgeList();
  const instances = new Map<string, number>();
  const places = [...walkNodes(root)];
  if (places.length > MAX_NODES) {
    const message = `the file holds ${places.length} modules and components, the limit is ${MAX_NODES}`;
    throw new ComposeError('graph-too-large', '/', 0, message);
  }
  const hashed = places.reduce((sum, { size }) => sum + size, 0);
  if (hashed > MAX_HASHED_BYTES) {
    const message = `the nodes have ${hashed} bytes, those of each level counted, the limit is ${MAX_HASHED_BYTES}`;
    throw new ComposeError('graph-too-large', '/', 0, message);
  }
  if (root.kind === 'component') followReferences(root, edges, instances);
  const nodes = places.map((place) => ({
    ...describeNode(bytes, place, sha256),
    instances: instances.get(place.path) ?? 0,
  }));
  return { nodes, edges: edges.sorted(), ...located(bytes, () => portsOf(bytes, root)) };
}

function describeNode(bytes: Uint8Array, node: Node, sha256: Sha256): Omit<GraphNode, 'instances'> {
  const { path, kind, offset, size } = node;
  const digest = { sha256: bytesToHex(sha256(bytes.subarray(offset, offset + size))) };
  const attested = customSections(bytes, node).some(({ name }) => ATTESTATION_SECTIONS.has(name));
  const contentDigest = attested
    ? { sha256: bytesToHex(sha256(withoutCustomSections(bytes, node, ATTESTATION_SECTIONS))) }
    : digest;
  const name = readOwnName(bytes, node);
  return {
    ...{ path, kind, offset, size, digest, contentDigest },
    ...(name === undefined ? {} : { name }),
  };
}

/** Imports and exports of one node, in its order. */
export function portsOf(
  bytes: Uint8Array,
  node: Node,
): Pick<CompositionGraph, 'imports' | 'exports'> {
  const imports: Port[] = [];
  const exports: Port[] = [];
  if (node.kind === 'module') {
    const module = moduleAt(bytes, node);
    for (const { kind, module: from, name } of readImports(module)) {
      imports.push({ kind, name: `${from} ${name}` });
    }
    for (const { kind, name } of readExports(module)) exports.push({ kind, name });
  } else {
    for (const definition of node.definitions) {
      if (definition.kind === 'import') {
        imports.push({ kind: definition.type.sort, name: definition.name.name });
      } else if (definition.kind === 'export') {
        exports.push({ kind: definition.of.sort, name: definition.name.name });
      }
    }
  }
  if (imports.length > MAX_PORTS || exports.length > MAX_PORTS) {
    const message = `${node.path} has more than ${MAX_PORTS} imports or exports`;
    throw new ComposeError('graph-too-large', node.path, node.offset, message);
  }
  return { imports, exports };
}

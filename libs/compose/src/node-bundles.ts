import { AttestError, parseForeignStatement, STATEMENT_PAYLOAD_TYPE } from '@touchstone/attest';
import { walkNodes, withoutCustomSections, type Node } from '@touchstone/wasm';
import { ATTESTATION_SECTIONS } from './attestation-sections.js';
import { COMPOSITION_PREDICATE_TYPES } from './attestation.js';
import { at, rootOf } from './compare.js';
import type { ComposeErrorCode, Finding } from './errors.js';
import type { CompositionGraph, GraphNode } from './graph.js';
import type { ProvenTime } from './proven-time.js';

/** Somebody whom an OIDC issuer knows, as an authority writes it into a certificate. */
export interface KeylessIdentity {
  readonly issuer: string;
  /** E-mail address or URI, compared whole. */
  readonly subject: string;
}

/** A bundle whose certificate, log entry and signature hold, or why they do not. */
export type JudgedBundle =
  | {
      readonly signer: KeylessIdentity & { readonly time: Date };
      readonly signed:
        | { readonly kind: 'file'; readonly sha256: string }
        | { readonly kind: 'envelope'; readonly payloadType: string; readonly payload: Uint8Array };
    }
  | {
      readonly code: 'bundle-malformed' | 'bundle-invalid' | 'bundle-subject-mismatch';
      readonly message: string;
    };

export interface NodeBundlesOptions {
  /** Sigstore bundles as parsed JSON. */
  readonly files: readonly unknown[];
  readonly judge: (
    bundle: unknown,
    find: (sha256: string) => Uint8Array | undefined,
  ) => JudgedBundle;
  /** Whose word counts: for every node, or for the one at `node`, which then must have it. */
  readonly identities: readonly (KeylessIdentity & { readonly node?: string })[];
}

/** Who signed a node, and when that was logged. */
export interface BundleReport extends KeylessIdentity {
  readonly node: string;
  /** All bytes of the node, or those without its own attestation sections. */
  readonly signs: 'bytes' | 'content';
  /** RFC 3339. */
  readonly loggedAt: string;
  /** Of the statement; absent where the file itself was signed. */
  readonly predicateType?: string;
}

/**
 * Statements that stand behind their subject. One about a vulnerability or a failed review has the
 * same subject and says the opposite.
 */
const VOUCHING: readonly string[] = [
  ...COMPOSITION_PREDICATE_TYPES,
  'https://slsa.dev/provenance/v1',
  'https://slsa.dev/provenance/v0.2',
  'https://sigstore.dev/cosign/sign/v1',
];

export interface CheckedBundles {
  readonly bundles: readonly BundleReport[];
  readonly findings: readonly Finding[];
  readonly times: readonly ProvenTime[];
}

/**
 * Holds Sigstore bundles against the nodes. Every bundle must hold, be about a node by its digest,
 * and be made by an identity that counts for that node. Every core module must be signed so, by
 * itself or as part of a component around it, and every node that an identity is named for, by it.
 */
export function checkBundles(
  bytes: Uint8Array,
  { root, graph }: { root: Node; graph: CompositionGraph },
  { files, judge, identities }: NodeBundlesOptions,
): CheckedBundles {
  const found = new NodesByDigest(bytes, root, graph);
  const bundles: BundleReport[] = [];
  const findings: Finding[] = unknownNodes(graph, identities);
  const times: ProvenTime[] = [];
  for (const [index, file] of files.entries()) {
    const refuse = (code: ComposeErrorCode, message: string, node = rootOf(graph)): void => {
      findings.push(at(node, code, `bundle ${index + 1}: ${message}`));
    };
    const judged = judge(file, (sha256) => found.bytesOf(sha256));
    if ('code' in judged) {
      refuse(judged.code, judged.message);
      continue;
    }
    const { signer, signed } = judged;
    let subjects: readonly string[];
    let predicateType: string | undefined;
    if (signed.kind === 'file') subjects = [signed.sha256];
    else {
      const statement = statementIn(signed, refuse);
      if (statement === undefined) continue;
      ({ subjects, predicateType } = statement);
    }
    const places = subjects.flatMap((sha256) => found.places(sha256));
    if (places.length === 0) {
      refuse('bundle-subject-mismatch', `no module or component of the file is ${named(subjects)}`);
    }
    for (const { node, signs } of places) {
      if (!identities.some((one) => isSame(one, signer) && (one.node ?? node.path) === node.path)) {
        const who = `${signer.subject} by ${signer.issuer}`;
        refuse(
          'bundle-identity',
          `${node.path} is signed by ${who}, who does not count for it`,
          node,
        );
        continue;
      }
      const { issuer, subject, time } = signer;
      const loggedAt = time.toISOString();
      const how = { signs, loggedAt, ...(predicateType !== undefined && { predicateType }) };
      bundles.push({ node: node.path, issuer, subject, ...how });
      if (signs === 'bytes') times.push({ sha256: node.digest.sha256, time });
    }
  }
  findings.push(...unsigned(graph, bundles), ...unsignedByNamed(graph, bundles, identities));
  return { bundles, findings, times };
}

/** Nodes by what may be signed of them. Several nodes may be the same bytes. */
class NodesByDigest {
  readonly #places = new Map<string, { node: GraphNode; signs: BundleReport['signs'] }[]>();
  readonly #nodes: ReadonlyMap<string, Node>;

  constructor(
    readonly bytes: Uint8Array,
    root: Node,
    graph: CompositionGraph,
  ) {
    this.#nodes = new Map([...walkNodes(root)].map((node) => [node.path, node]));
    for (const node of graph.nodes) {
      this.#add(node.digest.sha256, node, 'bytes');
      if (node.contentDigest.sha256 !== node.digest.sha256) {
        this.#add(node.contentDigest.sha256, node, 'content');
      }
    }
  }

  #add(sha256: string, node: GraphNode, signs: BundleReport['signs']): void {
    const places = this.#places.get(sha256);
    if (places === undefined) this.#places.set(sha256, [{ node, signs }]);
    else places.push({ node, signs });
  }

  places(sha256: string): readonly { node: GraphNode; signs: BundleReport['signs'] }[] {
    return this.#places.get(sha256) ?? [];
  }

  bytesOf(sha256: string): Uint8Array | undefined {
    const [place] = this.places(sha256);
    if (place === undefined) return undefined;
    const { path, offset, size } = place.node;
    if (place.signs === 'bytes') return this.bytes.subarray(offset, offset + size);
    const node = this.#nodes.get(path);
    return node && withoutCustomSections(this.bytes, node, ATTESTATION_SECTIONS);
  }
}

function statementIn(
  { payloadType, payload }: { payloadType: string; payload: Uint8Array },
  refuse: (code: ComposeErrorCode, message: string) => void,
): { subjects: string[]; predicateType: string } | undefined {
  if (payloadType !== STATEMENT_PAYLOAD_TYPE) {
    refuse('bundle-predicate', `its envelope holds ${payloadType}, no in-toto statement`);
    return undefined;
  }
  let statement: ReturnType<typeof parseForeignStatement>;
  try {
    statement = parseForeignStatement(payload);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    refuse('bundle-malformed', cause.message);
    return undefined;
  }
  const { predicateType, subject } = statement;
  if (!VOUCHING.includes(predicateType)) {
    const message = `a statement of ${predicateType} does not say that its signer stands behind it`;
    refuse('bundle-predicate', message);
    return undefined;
  }
  return { subjects: subject.flatMap(({ digest }) => digest['sha256'] ?? []), predicateType };
}

function unknownNodes(
  graph: CompositionGraph,
  identities: NodeBundlesOptions['identities'],
): Finding[] {
  const paths = new Set(graph.nodes.map(({ path }) => path));
  return identities.flatMap(({ node }) =>
    node === undefined || paths.has(node)
      ? []
      : [{ code: 'claim-unknown-node', node, message: `the file has no node ${node}` }],
  );
}

/** A file without any core module must be signed itself. */
function unsigned(graph: CompositionGraph, bundles: readonly BundleReport[]): Finding[] {
  const signed = new Set(bundles.map(({ node }) => node));
  const modules = graph.nodes.filter(({ kind }) => kind === 'module');
  return (modules.length === 0 ? [rootOf(graph)] : modules)
    .filter(({ path }) => !isWithin(path, signed))
    .map((node) => {
      const message = `no bundle signs ${node.path}, nor what is around it`;
      return at(node, 'bundle-missing', message);
    });
}

function unsignedByNamed(
  { nodes }: CompositionGraph,
  bundles: readonly BundleReport[],
  identities: NodeBundlesOptions['identities'],
): Finding[] {
  const byPath = new Map(nodes.map((node) => [node.path, node]));
  return identities.flatMap((identity) => {
    const node = identity.node === undefined ? undefined : byPath.get(identity.node);
    if (node === undefined) return [];
    if (bundles.some((each) => each.node === node.path && isSame(each, identity))) return [];
    const message = `no bundle of ${identity.subject} by ${identity.issuer} signs ${node.path}`;
    return [at(node, 'bundle-missing', message)];
  });
}

function isWithin(path: string, signed: ReadonlySet<string>): boolean {
  if (signed.has(path) || signed.has('/')) return true;
  const steps = path.split('/').slice(1);
  return steps.some((_, index) => signed.has(`/${steps.slice(0, index).join('/')}`));
}

function isSame(one: KeylessIdentity, other: KeylessIdentity): boolean {
  return one.issuer === other.issuer && one.subject === other.subject;
}

function named(subjects: readonly string[]): string {
  return subjects.length === 0 ? 'named by SHA-256 in it' : `sha256:${subjects.join(', sha256:')}`;
}

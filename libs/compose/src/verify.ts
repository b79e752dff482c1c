import type { SearchedLog } from '@touchstone/attest';
import type { PublicKey, SignatureVerifier } from '@touchstone/note';
import { walkNodes, type Node, type SignatureReport } from '@touchstone/wasm';
import {
  checkAttestation,
  type AttestationCertificate,
  type CheckedAttestation,
} from './attestation.js';
import {
  at,
  checkComponents,
  checkDuplicates,
  checkEdges,
  checkInterfaces,
  checkListed,
  checkNodes,
  checkRoot,
  rootOf,
} from './compare.js';
import { checkTypes } from './check-types.js';
import { checkVersions } from './check-versions.js';
import { checkCycles } from './cycles.js';
import type { Finding } from './errors.js';
import { deriveGraph, type CompositionGraph, type Sha256 } from './graph.js';
import type { AnyManifest } from './manifest.js';
import {
  checkNothingLeftOut,
  proveNodes,
  type EvidenceOptions,
  type NodeProof,
} from './node-evidence.js';
import { checkBundles, type BundleReport, type NodeBundlesOptions } from './node-bundles.js';
import { checkSignatures, type NodeSignaturesOptions } from './node-signatures.js';
import { readManifests, type EmbeddedManifest } from './read-manifest.js';
import { earliestByNode, type ProvenTime } from './proven-time.js';
import {
  checkRevocations,
  type RevocationOptions,
  type RevokerReport,
} from './revocation/check-revocations.js';
import { readThoroughly } from './read.js';
import { StepRun, type StepOutcome } from './steps.js';
import { subgraph } from './subgraph.js';

export interface CompositionReport extends StepOutcome {
  /** Absent when the bytes cannot be read. */
  readonly graph?: CompositionGraph;
  /** Ids of the keys that attested. */
  readonly signers?: readonly string[];
  /** Every signature in place: who signed which bytes. */
  readonly signatures?: readonly SignatureReport[];
  /** Every Sigstore bundle that held: which identity signed which node. */
  readonly bundles?: readonly BundleReport[];
  readonly proofs?: readonly NodeProof[];
  /** Up to where the log has no other rebuild; absent when it was not asked. */
  readonly complete?: SearchedLog;
  /** What is known of each who may take nodes back. */
  readonly revokers?: readonly RevokerReport[];
}

export interface VerifyCompositionOptions {
  readonly attestation?: {
    /** DSSE envelope as parsed JSON, or the bytes of COSE_Sign. */
    readonly envelope: unknown;
    /** Of integrators whose word is taken. */
    readonly publicKeys: readonly PublicKey[];
    /** Or who has this certificate, when it is judged to be an integrator's. */
    readonly certificate?: AttestationCertificate;
    readonly verify: SignatureVerifier;
  };
  /** Whose signatures in place count; without it they are not looked at. */
  readonly signatures?: NodeSignaturesOptions;
  readonly bundles?: NodeBundlesOptions;
  readonly evidence?: EvidenceOptions;
  /** Who may take nodes back, and their lists; without it nobody is asked. */
  readonly revocations?: RevocationOptions;
  /** When nodes were there, as somebody has proven already. */
  readonly provenTimes?: readonly ProvenTime[];
  readonly sha256?: Sha256;
}

/**
 * Verifies a composition: derives its graph from the bytes and holds it against the manifest in the
 * file or in the attestation, against those of nested compositions, and against evidence. What is
 * wrong is returned, all of it, and not thrown.
 */
export async function verifyComposition(
  bytes: Uint8Array,
  options: VerifyCompositionOptions = {},
): Promise<CompositionReport> {
  const run = new StepRun();
  const root = await run.step('structure', () => [readThoroughly(bytes), []]);
  if (root === undefined) return run.outcome();
  const { sha256 } = options;
  const graph = await run.step('graph', () => [
    deriveGraph(bytes, { root, ...(sha256 && { sha256 }) }),
    [],
  ]);
  if (graph === undefined) return run.outcome();
  await run.step('types', () => [true, checkTypes(bytes, root)]);
  await run.step('versions', () => {
    const { findings, warnings } = checkVersions(root);
    run.warn('versions', warnings);
    return [true, findings];
  });
  const manifests = await run.step('manifest-format', () =>
    findManifests(bytes, root, graph, options),
  );
  if (manifests === undefined) return { ...run.outcome(), graph };
  const embedded = manifests.find(({ node }) => node === '/')?.content;
  const attested = await attestationStep(run, options, graph, embedded);
  await checkSteps(run, withAttested(manifests, attested, graph), graph);
  const proven = await provenSteps(run, bytes, { root, graph, options });
  const signers = attested?.signers;
  return { ...run.outcome(), graph, ...(signers && { signers }), ...proven };
}

type HeldManifest = EmbeddedManifest & { readonly graph: CompositionGraph };

function findManifests(
  bytes: Uint8Array,
  root: Node,
  graph: CompositionGraph,
  { attestation, bundles, evidence, signatures }: VerifyCompositionOptions,
): [HeldManifest[], Finding[]] {
  const nodes = new Map([...walkNodes(root)].map((node) => [node.path, node]));
  const held = readManifests(bytes, root).map((manifest) => ({
    ...manifest,
    graph: subgraph(bytes, nodes.get(manifest.node) ?? root, graph),
  }));
  const others = [attestation, bundles, evidence, signatures];
  const isSpokenFor = held.some(({ node }) => node === '/');
  if (isSpokenFor || others.some((other) => other !== undefined)) return [held, []];
  const message =
    'the file has no composition manifest; give an attestation, signers, evidence, or embed one';
  return [held, [at(rootOf(graph), 'manifest-missing', message)]];
}

async function attestationStep(
  run: StepRun,
  { attestation }: VerifyCompositionOptions,
  graph: CompositionGraph,
  embedded: AnyManifest | undefined,
): Promise<CheckedAttestation | undefined> {
  if (attestation === undefined) return undefined;
  const { envelope, ...keys } = attestation;
  return run.step('attestation', async () => {
    const checked = await checkAttestation(envelope, { graph, embedded, ...keys });
    return [checked, checked.findings];
  });
}

type Proven = Pick<
  CompositionReport,
  'bundles' | 'complete' | 'proofs' | 'revokers' | 'signatures'
>;

/** Who vouches for the nodes. Signatures come last: the rest proves when they were there. */
async function provenSteps(
  run: StepRun,
  bytes: Uint8Array,
  {
    root,
    graph,
    options,
  }: { root: Node; graph: CompositionGraph; options: VerifyCompositionOptions },
): Promise<Proven> {
  const { bundles, evidence, revocations, signatures, provenTimes = [], sha256 } = options;
  let proven: Proven = {};
  const times: ProvenTime[] = [...provenTimes];
  if (bundles !== undefined) {
    const found = await run.step('bundles', () => {
      const checked = checkBundles(bytes, { root, graph }, bundles);
      return [checked, checked.findings];
    });
    times.push(...(found?.times ?? []));
    proven = { bundles: found?.bundles ?? [] };
  }
  if (evidence !== undefined) {
    const found = await run.step('evidence', async () => {
      const checked = await proveNodes(graph, evidence);
      return [checked, checked.findings];
    });
    times.push(...(found?.times ?? []));
    if (found !== undefined) proven = { ...proven, proofs: found.proofs };
    if (evidence.search ?? evidence.mustBeSearched) {
      const asked = await run.step('completeness', async () => {
        const checked = await checkNothingLeftOut(graph, evidence);
        return [checked, checked.findings];
      });
      if (asked?.log !== undefined) proven = { ...proven, complete: asked.log };
    }
  }
  if (revocations !== undefined) {
    const found = await run.step('revocations', async () => {
      const checked = await checkRevocations(graph, { ...(sha256 && { sha256 }), ...revocations });
      return [checked, checked.findings];
    });
    if (found !== undefined) proven = { ...proven, revokers: found.revokers };
  }
  if (signatures === undefined) return proven;
  const found = await run.step('signatures', async () => {
    const loggedAt = earliestByNode(graph, times);
    const checked = await checkSignatures(bytes, root, { ...signatures, loggedAt });
    return [checked.signatures, checked.findings];
  });
  return { ...proven, ...(found && { signatures: found }) };
}

/** A manifest that came with the attestation alone is held against the bytes like one within. */
function withAttested(
  manifests: HeldManifest[],
  attested: CheckedAttestation | undefined,
  graph: CompositionGraph,
): HeldManifest[] {
  if (attested === undefined || manifests.some(({ node }) => node === '/')) return manifests;
  const { manifest: content } = attested;
  return [{ node: '/', offset: 0, section: '', content, graph }, ...manifests];
}

async function checkSteps(
  run: StepRun,
  manifests: readonly HeldManifest[],
  whole: CompositionGraph,
): Promise<void> {
  if (manifests.length === 0) return;
  const ours = (check: typeof checkNodes) => (): [true, Finding[]] => [
    true,
    manifests.flatMap((held) =>
      held.content.form === 'v1' ? inFile(held.node, check(held.content.manifest, held.graph)) : [],
    ),
  ];
  await run.step('manifest-binding', ours(checkRoot));
  await run.step('nodes', ours(checkNodes));
  await run.step('components', () => [
    true,
    manifests.flatMap(({ node, content, graph }) =>
      inFile(
        node,
        content.form === 'v1'
          ? checkComponents(content.manifest, graph)
          : checkListed(content.manifest, graph),
      ),
    ),
  ]);
  await run.step('cycles', () => [true, checkCycles(manifests, whole)]);
  await run.step('edges', ours(checkEdges));
  await run.step('interfaces', ours(checkInterfaces));
  await run.step('duplicates', () => {
    const components = manifests.flatMap(({ node, content }) =>
      content.form === 'v1'
        ? content.manifest.components.map((each) => ({ ...each, path: fullPath(node, each.path) }))
        : [],
    );
    return [true, checkDuplicates(components, whole)];
  });
}

function inFile(base: string, findings: readonly Finding[]): Finding[] {
  return findings.map((finding) => ({ ...finding, node: fullPath(base, finding.node) }));
}

function fullPath(base: string, path: string): string {
  if (base === '/') return path;
  return path === '/' ? base : `${base}${path}`;
}

import { AttestError, type AttestErrorCode } from '@touchstone/attest';
import type { PublicKey, SignatureVerifier } from '@touchstone/note';
import { walkNodes, type Node, type SignatureReport } from '@touchstone/wasm';
import { checkAttestation, type CheckedAttestation } from './attestation.js';
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
import { ComposeError, type Finding } from './errors.js';
import { deriveGraph, type CompositionGraph, type Sha256 } from './graph.js';
import type { AnyManifest } from './manifest.js';
import { proveNodes, type EvidenceOptions, type NodeProof } from './node-evidence.js';
import { checkSignatures, type NodeSignaturesOptions } from './node-signatures.js';
import { readManifests, type EmbeddedManifest } from './read-manifest.js';
import { readThoroughly } from './read.js';
import { subgraph } from './subgraph.js';

/** Every check in its order, with what it follows. */
const STEPS = {
  structure: 'Component model, Binary.md; WebAssembly core specification 5.5',
  graph: 'Component model, Binary.md, "Instance Definitions" and "Alias Definitions"',
  types: 'Component model, Explainer.md, "Type Checking"',
  versions: 'Component model, Explainer.md, "Canonical Interface Name"; Semantic Versioning 2.0',
  'manifest-format': 'RFC 8949 section 4.2.1; Touchstone composition-manifest/v1',
  attestation: 'DSSE v1.0.2 or RFC 9052; in-toto attestation v1; Touchstone composition/v1',
  signatures: 'tool-conventions, Signatures.md; Touchstone strict profile; RFC 5280 section 6.1',
  'manifest-binding': 'FIPS 180-4, without attestation sections',
  nodes: 'FIPS 180-4; Touchstone composition-manifest/v1',
  components: 'Touchstone composition-manifest/v1',
  cycles: 'Touchstone composition-manifest/v1, nested ones too',
  edges: 'Touchstone composition-manifest/v1',
  interfaces: 'Touchstone composition-manifest/v1',
  duplicates: 'Touchstone composition-manifest/v1, nested ones too',
  evidence: 'Touchstone evidence/v1; policy k of n, by organisation',
} as const;

export type CompositionStepName = keyof typeof STEPS;

export interface CompositionStep {
  readonly name: CompositionStepName;
  readonly spec: string;
  readonly ok: boolean;
}

export interface CompositionReport {
  /** Every step that was made held. */
  readonly ok: boolean;
  /** Ends early where nothing after it can be asked. */
  readonly steps: readonly CompositionStep[];
  readonly findings: readonly (Finding & { readonly step: CompositionStepName })[];
  /** What is worth a word and refuses nothing. */
  readonly warnings: readonly (Finding & { readonly step: CompositionStepName })[];
  /** Absent when the bytes cannot be read. */
  readonly graph?: CompositionGraph;
  /** Ids of the keys that attested. */
  readonly signers?: readonly string[];
  /** Every signature in place: who signed which bytes. */
  readonly signatures?: readonly SignatureReport[];
  readonly proofs?: readonly NodeProof[];
}

export interface VerifyCompositionOptions {
  readonly attestation?: {
    /** DSSE envelope as parsed JSON, or the bytes of COSE_Sign. */
    readonly envelope: unknown;
    /** Of integrators whose word is taken. */
    readonly publicKeys: readonly PublicKey[];
    readonly verify: SignatureVerifier;
  };
  /** Whose signatures in place count; without it they are not looked at. */
  readonly signatures?: NodeSignaturesOptions;
  readonly evidence?: EvidenceOptions;
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
  const run = new Run();
  const root = await run.step('structure', () => [readThoroughly(bytes), []]);
  if (root === undefined) return run.report();
  const { sha256 } = options;
  const graph = await run.step('graph', () => [
    deriveGraph(bytes, { root, ...(sha256 && { sha256 }) }),
    [],
  ]);
  if (graph === undefined) return run.report();
  await run.step('types', () => [true, checkTypes(bytes, root)]);
  await run.step('versions', () => {
    const { findings, warnings } = checkVersions(root);
    run.warn('versions', warnings);
    return [true, findings];
  });
  const manifests = await run.step('manifest-format', () =>
    findManifests(bytes, root, graph, options),
  );
  if (manifests === undefined) return run.report({ graph });
  const embedded = manifests.find(({ node }) => node === '/')?.content;
  const attested = await attestationStep(run, options, graph, embedded);
  const all = withAttested(manifests, attested, graph);
  await checkSteps(run, all, graph);
  const signatures = await signaturesStep(run, bytes, root, options);
  const who = {
    ...(attested && { signers: attested.signers }),
    ...(signatures && { signatures }),
  };
  const { evidence } = options;
  if (evidence === undefined) return run.report({ graph, ...who });
  const proofs = await run.step('evidence', async () => {
    const result = await proveNodes(graph, evidence);
    return [result.proofs, result.findings];
  });
  return run.report({ graph, ...who, ...(proofs && { proofs }) });
}

type HeldManifest = EmbeddedManifest & { readonly graph: CompositionGraph };

function findManifests(
  bytes: Uint8Array,
  root: Node,
  graph: CompositionGraph,
  { attestation, evidence, signatures }: VerifyCompositionOptions,
): [HeldManifest[], Finding[]] {
  const nodes = new Map([...walkNodes(root)].map((node) => [node.path, node]));
  const held = readManifests(bytes, root).map((manifest) => ({
    ...manifest,
    graph: subgraph(bytes, nodes.get(manifest.node) ?? root, graph),
  }));
  const others = [attestation, evidence, signatures];
  const isSpokenFor = held.some(({ node }) => node === '/');
  if (isSpokenFor || others.some((other) => other !== undefined)) return [held, []];
  const message =
    'the file has no composition manifest; give an attestation, signers, evidence, or embed one';
  return [held, [at(rootOf(graph), 'manifest-missing', message)]];
}

async function attestationStep(
  run: Run,
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

async function signaturesStep(
  run: Run,
  bytes: Uint8Array,
  root: Node,
  { signatures }: VerifyCompositionOptions,
): Promise<readonly SignatureReport[] | undefined> {
  if (signatures === undefined) return undefined;
  return run.step('signatures', async () => {
    const checked = await checkSignatures(bytes, root, signatures);
    return [checked.signatures, checked.findings];
  });
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
  run: Run,
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

/** Makes steps one by one and notes what each found; a step that throws found one thing. */
class Run {
  readonly #steps: CompositionStep[] = [];
  readonly #findings: (Finding & { step: CompositionStepName })[] = [];
  readonly #warnings: (Finding & { step: CompositionStepName })[] = [];

  async step<T>(
    name: CompositionStepName,
    check: () => [T, readonly Finding[]] | Promise<[T, readonly Finding[]]>,
  ): Promise<T | undefined> {
    let result: T | undefined;
    let findings: readonly Finding[];
    try {
      [result, findings] = await check();
    } catch (cause) {
      findings = [findingOf(cause)];
    }
    this.#steps.push({ name, spec: STEPS[name], ok: findings.length === 0 });
    for (const finding of findings) this.#findings.push({ ...finding, step: name });
    return result;
  }

  warn(step: CompositionStepName, warnings: readonly Finding[]): void {
    for (const warning of warnings) this.#warnings.push({ ...warning, step });
  }

  report(more: Partial<CompositionReport> = {}): CompositionReport {
    const [steps, findings, warnings] = [this.#steps, this.#findings, this.#warnings];
    return { ok: findings.length === 0, steps, findings, warnings, ...more };
  }
}

function findingOf(cause: unknown): Finding {
  if (cause instanceof ComposeError) {
    const { code, node, offset, message } = cause;
    return { code, node, offset, message };
  }
  if (!(cause instanceof AttestError)) throw cause;
  const code: AttestErrorCode = cause.code;
  return { code, node: '/', offset: 0, message: cause.message };
}

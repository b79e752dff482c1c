import {
  checkComplete,
  parseEvidence,
  resolveTrustRoot,
  SBOM_PREDICATE_TYPE,
  verifyEvidence,
  type ParsedSearchEvidence,
  type SearchedLog,
  type TrustRoot,
  type Verdict,
  type VerifiedEvidence,
} from '@touchstone/attest';
import type { SignatureVerifier } from '@touchstone/note';
import { at, rootOf } from './compare.js';
import type { Finding } from './errors.js';
import type { CompositionGraph, GraphNode, Sha256 } from './graph.js';
import type { ProvenTime } from './proven-time.js';

/** What evidence says of one node. */
export interface NodeProof {
  readonly node: string;
  readonly verdict: Verdict | 'unproven';
  /** The node that the evidence is about: this one, or one around it. */
  readonly by?: string;
  readonly votes: readonly { readonly organisation: string; readonly outcome: string }[];
  /** Organisations that attested a bill of materials of it. */
  readonly sboms: readonly string[];
}

export interface EvidenceOptions {
  readonly files: readonly unknown[];
  readonly trustRoot: TrustRoot;
  /** What a log answered about the publications: then no rebuild of them may be left out. */
  readonly search?: ParsedSearchEvidence;
  /** Refuse when no log was asked. */
  readonly mustBeSearched?: boolean;
  readonly verify: SignatureVerifier;
  readonly sha256?: Sha256;
}

type Report = VerifiedEvidence['modules'][number] & { readonly sboms: readonly string[] };

/**
 * Holds each core module against evidence: its bytes, or those of a component around it, must have
 * been reproduced by a quorum of the trust root. A file without any core module must have been
 * reproduced itself: nothing in it is not the same as everything proven. An outvoted or disputed file never counts because
 * another evidence file speaks well of it: the worst verdict on one digest holds.
 *
 * @throws AttestError of `resolveTrustRoot` and `verifyEvidence`
 */
export async function proveNodes(
  graph: CompositionGraph,
  { files, trustRoot, verify, sha256 }: EvidenceOptions,
): Promise<{ proofs: NodeProof[]; findings: Finding[]; times: ProvenTime[] }> {
  const resolved = { verify, ...(sha256 && { sha256 }), trustRoot: resolveTrustRoot(trustRoot) };
  const times: ProvenTime[] = [];
  const reports = new Map<string, Report>();
  for (const file of files) {
    const { modules, checkpoint, entries } = await verifyEvidence(file, resolved);
    const sboms = entries
      .filter(({ predicateType }) => predicateType === SBOM_PREDICATE_TYPE)
      .map(({ organisation }) => organisation);
    for (const module of modules) {
      keepWorst(reports, { ...module, sboms: [...new Set(sboms)].sort() });
      if (module.digest === undefined || checkpoint.time === undefined) continue;
      times.push({ sha256: module.digest, time: new Date(checkpoint.time * 1000) });
    }
  }
  const byPath = new Map(graph.nodes.map((node) => [node.path, node]));
  const modules = graph.nodes.filter(({ kind }) => kind === 'module');
  const proofs = (modules.length === 0 ? [rootOf(graph)] : modules).map((node) =>
    proofOf(node, byPath, reports),
  );
  const findings = proofs.flatMap((proof) => {
    const node = byPath.get(proof.node);
    return node === undefined ? [] : refusalOf(node, proof);
  });
  return { proofs, findings, times };
}

/**
 * Whether the log has no other rebuild of what the evidence is about, as far as it was asked.
 *
 * @throws AttestError of `checkComplete`
 */
export async function checkNothingLeftOut(
  graph: CompositionGraph,
  { files, trustRoot, search, mustBeSearched = false, verify, sha256 }: EvidenceOptions,
): Promise<{ log?: SearchedLog; findings: Finding[] }> {
  if (search === undefined) {
    const message = 'no log was asked whether rebuilds were left out of the evidence';
    const finding = at(rootOf(graph), 'evidence-unsearched', message);
    return { findings: mustBeSearched ? [finding] : [] };
  }
  const trusted = resolveTrustRoot(trustRoot);
  const log = await checkComplete(files.map(parseEvidence), search, { trusted, verify, sha256 });
  return { ...(log && { log }), findings: [] };
}

const SEVERITY: readonly Verdict[] = [
  'reproduced',
  'pending',
  'insufficient',
  'different',
  'disputed',
];

function keepWorst(reports: Map<string, Report>, report: Report): void {
  if (report.digest === undefined) return;
  const known = reports.get(report.digest);
  if (known === undefined || severity(report) > severity(known)) reports.set(report.digest, report);
}

function severity({ verdict }: Report): number {
  return SEVERITY.indexOf(verdict);
}

function proofOf(
  node: GraphNode,
  byPath: ReadonlyMap<string, GraphNode>,
  reports: ReadonlyMap<string, Report>,
): NodeProof {
  const around = [node, ...ancestors(node.path).flatMap((path) => byPath.get(path) ?? [])];
  const spoken = around.flatMap((each) => {
    const report = reports.get(each.digest.sha256);
    return report === undefined ? [] : [{ by: each.path, report }];
  });
  // What was said of a node's own bytes decides; else a reproduced component vouches for what is in it.
  const own = spoken.find(({ by }) => by === node.path);
  const decisive = own ?? spoken.find(({ report }) => report.verdict === 'reproduced') ?? spoken[0];
  if (decisive === undefined) return { node: node.path, verdict: 'unproven', votes: [], sboms: [] };
  const { verdict, votes, sboms } = decisive.report;
  return {
    node: node.path,
    verdict,
    by: decisive.by,
    votes: votes.map(({ organisation, outcome }) => ({ organisation, outcome })),
    sboms,
  };
}

/** Nearest first, the file last. */
function ancestors(path: string): string[] {
  const steps = path.split('/').slice(1, -1);
  return steps
    .map((_, index) => `/${steps.slice(0, steps.length - index).join('/')}`)
    .concat(path === '/' ? [] : ['/']);
}

function refusalOf(node: GraphNode, { verdict, votes }: NodeProof): Finding[] {
  const said = votes.map(({ organisation, outcome }) => `${organisation}: ${outcome}`).join(', ');
  const bytes = `${node.path}, sha256:${node.digest.sha256}`;
  switch (verdict) {
    case 'reproduced':
      return [];
    case 'disputed':
      return [at(node, 'node-disputed', `rebuilders disagree about ${bytes} (${said})`)];
    case 'different':
      return [at(node, 'node-different', `rebuilders saw other bytes than ${bytes} (${said})`)];
    default:
      return [
        at(node, 'node-unproven', `no quorum has reproduced ${bytes} (${said || 'no evidence'})`),
      ];
  }
}

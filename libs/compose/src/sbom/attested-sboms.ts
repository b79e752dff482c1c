import {
  canonicalJson,
  parseEvidence,
  parseStatement,
  SBOM_PREDICATE_TYPE,
  verifyEvidence,
} from '@touchstone/attest';
import { fromBase64 } from '@touchstone/note';
import type { CompositionGraph } from '../graph.js';
import type { EvidenceOptions } from '../node-evidence.js';
import type { NodeSbom } from './composition-sbom.js';

/**
 * The bills of materials that rebuilders attested for nodes of a graph, of evidence that verifies
 * and whose verdict is `reproduced`. Of several about one node the one that most organisations
 * signed; how many others there are is told with it.
 *
 * @throws AttestError of `verifyEvidence`
 */
export async function attestedSboms(
  graph: CompositionGraph,
  { files, ...options }: EvidenceOptions,
): Promise<NodeSbom[]> {
  const byDigest = new Map<string, Map<string, Set<string>>>();
  for (const file of files) {
    const { modules, entries } = await verifyEvidence(file, options);
    const logged = new Map(parseEvidence(file).entries.map((entry) => [entry.logIndex, entry]));
    for (const { logIndex, predicateType, organisation } of entries) {
      if (predicateType !== SBOM_PREDICATE_TYPE) continue;
      const payload = logged.get(logIndex)?.envelope.payload ?? '';
      const { subject, predicate } = parseStatement(fromBase64(payload));
      const built = new Set(subject.map(({ digest }) => digest['sha256']));
      for (const { digest, verdict } of modules) {
        if (verdict !== 'reproduced' || digest === undefined || !built.has(digest)) continue;
        note(byDigest, digest, canonicalJson(predicate), organisation);
      }
    }
  }
  return graph.nodes.flatMap(({ path, digest }) => {
    const documents = [...(byDigest.get(digest.sha256) ?? [])].sort(
      ([a, ofA], [b, ofB]) => ofB.size - ofA.size || (a < b ? -1 : 1),
    );
    const [chosen] = documents;
    if (chosen === undefined) return [];
    const [text, organisations] = chosen;
    const document = JSON.parse(text) as Record<string, unknown>;
    const others = documents.length - 1;
    return [{ node: path, document, attestedBy: [...organisations].sort(), others }];
  });
}

function note(
  byDigest: Map<string, Map<string, Set<string>>>,
  digest: string,
  document: string,
  organisation: string,
): void {
  const documents = byDigest.get(digest) ?? new Map<string, Set<string>>();
  byDigest.set(digest, documents);
  const signers = documents.get(document) ?? new Set<string>();
  documents.set(document, signers.add(organisation));
}

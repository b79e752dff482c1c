import { RebuildPredicate, type Evidence } from '@touchstone/attest';
import type { Publication } from '@touchstone/contract';
import { decodeUtf8, fromBase64 } from '@touchstone/note';
import { REMEDIES } from '@touchstone/wasm';
import { variationLines } from './diff/variation-text.js';
import type { Terminal } from './terminal.js';

type Verdict = Publication['verdict'];

const STYLE = {
  reproduced: 'green',
  disputed: 'red',
  different: 'red',
  pending: 'dim',
  insufficient: 'yellow',
} as const satisfies Record<Verdict, string>;

export function verdictText(verdict: Verdict, terminal: Terminal): string {
  return terminal.style(STYLE[verdict], verdict);
}

/** One publication for a person: verdict, modules with their votes, rebuilds. */
export function printPublication(publication: Publication, terminal: Terminal): void {
  terminal.print(terminal.style('bold', publication.artifact.uri));
  terminal.print(`  id       ${publication.id}`);
  terminal.print(`  verdict  ${verdictText(publication.verdict, terminal)}`);
  for (const module of publication.modules) {
    const votes = module.votes.map((vote) => `${vote.organisation}: ${vote.outcome}`).join(', ');
    const digest = module.digest?.['sha256'] ?? 'unknown';
    terminal.print(`  module   ${module.name} ${digest.slice(0, 16)}… ${module.verdict}`);
    if (votes !== '') terminal.print(`           ${terminal.style('dim', votes)}`);
  }
  for (const rebuild of publication.rebuilds) {
    const at = rebuild.logIndex === undefined ? '' : `, log index ${rebuild.logIndex}`;
    const outcome = rebuild.outcome === undefined ? '' : `: ${rebuild.outcome}`;
    const why = rebuild.failure === undefined ? '' : ` (${rebuild.failure.code})`;
    const bom = rebuild.sbomLogIndex === undefined ? '' : `, SBOM at ${rebuild.sbomLogIndex}`;
    terminal.print(
      `  rebuild  ${rebuild.organisation} ${rebuild.state}${outcome}${why}${at}${bom}`,
    );
  }
}

/** Whether somebody saw other bytes, or was asked to look for them, so that `printDifferences` has something to tell. */
export function hasDifferences(publication: Publication): boolean {
  const always = publication.recipe.vary === 'always';
  return publication.rebuilds.some(
    ({ outcome, logIndex }) =>
      logIndex !== undefined && (always || outcome === 'different' || outcome === 'equivalent'),
  );
}

/** Why bytes differ, as the rebuilders' statements in the evidence have it; not verified here. */
export function printDifferences(evidence: Evidence, terminal: Terminal): void {
  for (const { logIndex, envelope } of evidence.entries) {
    const statement = JSON.parse(decodeUtf8(fromBase64(envelope.payload))) as Record<
      string,
      unknown
    >;
    const predicate = RebuildPredicate.safeParse(statement['predicate']);
    if (!predicate.success) continue;
    for (const { name, tier, outcome, causes = [], difference } of predicate.data.modules) {
      if (outcome === 'reproduced') continue;
      const sections = difference?.sections.map(({ section }) => section).slice(0, 4) ?? [];
      const where = sections.length === 0 ? '' : ` in ${sections.join(', ')}`;
      terminal.print(`  why      ${name}: ${tier ?? outcome}${where} (log index ${logIndex})`);
      for (const { code, confidence, summary } of causes) {
        terminal.print(`           ${code} (${confidence}): ${summary}`);
        const remedy = (REMEDIES as Readonly<Record<string, string>>)[code];
        if (remedy !== undefined) terminal.print(`           ${terminal.style('dim', remedy)}`);
      }
    }
    const { variation } = predicate.data;
    if (variation === undefined) continue;
    for (const line of variationLines(variation)) terminal.print(`           ${line}`);
  }
}

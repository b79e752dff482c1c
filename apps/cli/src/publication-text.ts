import type { Publication } from '@touchstone/contract';
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

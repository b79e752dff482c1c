import type { Site } from '@touchstone/contract';
import { toBase64 } from '@touchstone/note';
import type { SiteRow } from '@touchstone/store';
import { readKept } from './acknowledgements.js';

/** Why somebody should look at a site. A fork outranks silence. */
export function alarmOf(site: SiteRow, now: number): 'forked' | 'overdue' | undefined {
  if (site.forks.length > 0) return 'forked';
  const heard = (site.acknowledgements[0]?.receivedAt ?? site.registeredAt).getTime();
  return now - heard > site.overdueAfter * 1000 ? 'overdue' : undefined;
}

export async function siteView(row: SiteRow, now: number): Promise<Site> {
  const [last] = row.acknowledgements;
  const said = last && (await readKept(row, last.envelope));
  const alarm = alarmOf(row, now);
  return {
    site: row.id,
    device: toBase64(row.spki),
    keyId: row.keyId,
    overdueAfter: row.overdueAfter,
    registeredAt: row.registeredAt.toISOString(),
    ...(said && {
      acknowledgement: {
        checkpoint: said.checkpoint,
        verdict: said.verdict,
        counter: said.counter,
        serial: said.serial,
        trustRootVersion: said.trustRootVersion,
        receivedAt: last.receivedAt.toISOString(),
        logIndex: Number(last.logIndex),
      },
    }),
    ...(alarm && { alarm }),
    forks: row.forks.map(({ fork, envelope, receivedAt }) => ({
      reason: fork ?? '',
      envelope,
      receivedAt: receivedAt.toISOString(),
    })),
  };
}

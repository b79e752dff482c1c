import type { ImportVerdict, VerifiedBundle } from '@touchstone/airgap';
import { CliError, EXIT } from '../failure.js';
import type { ImportWriter } from './import-folder.js';
import type { Site } from './site.js';

/**
 * Refuses a bundle that the site has already: it would spend a step of a counter that ends, and
 * acknowledge an import that changed nothing. New are a larger tree, a newer trust root, a later
 * time, another verdict than the one the site stands at, and any content that no import brought.
 *
 * @throws CliError `nothing-new`; `site-damaged` as `readManifests` does
 */
export async function requireNews(
  site: Site,
  { witnessed, trustRoot }: VerifiedBundle,
  verdict: ImportVerdict,
  writer: ImportWriter,
): Promise<void> {
  const { checkpoint, trustRoot: known, notBefore = 0, verdict: standing = verdict } = site.state;
  if (witnessed.checkpoint.size !== checkpoint.size) return;
  if (trustRoot.version !== known.version) return;
  if ((witnessed.time?.latest ?? 0) > notBefore || verdict !== standing) return;
  const installed = new Set<string>();
  for (const { files } of await site.imports()) {
    for (const [path, { sha256 }] of Object.entries(files)) installed.add(`${path} ${sha256}`);
  }
  const brought = await writer.contents();
  if (!brought.every(({ path, sha256 }) => installed.has(`${path} ${sha256}`))) return;
  throw new CliError(
    'nothing-new',
    `already imported: the site stands at size ${checkpoint.size} and has all that the bundle brings; nothing is installed, and the device does not count`,
    EXIT.refuted,
  );
}

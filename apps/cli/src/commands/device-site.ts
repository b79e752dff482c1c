import { createHash } from 'node:crypto';
import type { Command } from 'commander';
import { readFileRange } from '../airgap/hashing.js';
import { withSite, type Site } from '../airgap/site.js';
import { vouch, type Vouched } from '../airgap/votes.js';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { verdictText } from '../publication-text.js';

interface SiteOptions {
  site: string;
  json?: boolean;
}

/** `touchstone device status`. */
export function registerSiteStatus(parent: Command, context: Context): void {
  parent
    .command('status')
    .description('where a site stands, by its device')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  touchstone device status --site hut')
    .action((options: SiteOptions) =>
      withSite(options.site, (site) => {
        const { site: name, origin, checkpoint, counter, serial, verdict, notBefore } = site.state;
        const { size, root } = checkpoint;
        const status = { site: name, origin, size, root, counter, serial, verdict, notBefore };
        if (options.json === true) context.terminal.json(status);
        else {
          context.terminal.print(`${name}: ${size} entries of ${origin}, root ${root}`);
          context.terminal.print(`device ${serial} has counted ${counter} imports`);
          if (verdict !== undefined) context.terminal.print(`last import: ${verdict}`);
        }
        return Promise.resolve();
      }),
    );
}

/** `touchstone device verify-artifact`. */
export function registerVerifyArtifact(parent: Command, context: Context): void {
  parent
    .command('verify-artifact')
    .argument('<file>', 'a module, or the archive that was published')
    .description('whether what was imported vouches for a file, offline')
    .requiredOption('--site <dir>', 'folder of the site')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      '\nExit codes: 0 reproduced by the quorum of the trust root; 1 any other verdict; 3 nothing is known of it.' +
        '\n\nExample:\n  touchstone device verify-artifact siphash24.wasm --site hut',
    )
    .action((file: string, options: SiteOptions) =>
      withSite(options.site, (site) => verifyArtifact(site, file, options, context)),
    );
}

async function verifyArtifact(
  site: Site,
  file: string,
  { json }: SiteOptions,
  context: Context,
): Promise<void> {
  const { terminal } = context;
  const [sha256, sha512] = await digestsOf(file);
  const found = await vouch([sha256, sha512], await site.imports(), site.state);
  // The file is a module: its own verdict counts. It is the publication: that of all modules.
  const verdicts = found.map((one) => ownVerdict(one, sha256));
  const good = verdicts.length > 0 && verdicts.every((verdict) => verdict === 'reproduced');
  context.exitCode = found.length === 0 ? EXIT.absent : good ? EXIT.ok : EXIT.refuted;
  if (json === true) {
    terminal.json({
      file,
      sha256,
      vouched: good,
      size: site.state.checkpoint.size,
      recipes: found,
    });
    return;
  }
  if (found.length === 0) terminal.print(`nothing is known of sha256:${sha256}`);
  for (const [at, { uri, recipe, modules }] of found.entries()) {
    terminal.print(
      `${uri}  recipe sha256:${recipe.slice(0, 16)}…  ${verdictText(verdicts[at] ?? 'pending', terminal)}`,
    );
    for (const { name, digest, votes } of modules.filter((module) => module.digest === sha256)) {
      const said = votes.map((vote) => `${vote.organisation}: ${vote.outcome}`).join(', ');
      terminal.print(`  ${name}  sha256:${digest ?? ''}  ${said}`);
    }
  }
}

function ownVerdict({ modules, verdict }: Vouched, sha256: string): Vouched['verdict'] {
  return modules.find(({ digest }) => digest === sha256)?.verdict ?? verdict;
}

async function digestsOf(file: string): Promise<[string, string]> {
  const hashes = [createHash('sha256'), createHash('sha512')] as const;
  for await (const chunk of readFileRange(file)) for (const hash of hashes) hash.update(chunk);
  return [hashes[0].digest('hex'), hashes[1].digest('hex')];
}

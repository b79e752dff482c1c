import type { Command } from 'commander';
import type { Context } from '../context.js';
import { registerAckExport, registerAckImport } from './airgap-ack.js';
import { registerCheckpoint } from './airgap-checkpoint.js';
import { registerExporter } from './airgap-exporter.js';
import { registerMedia } from './airgap-media.js';
import { registerSignRoot } from './airgap-root.js';
import { registerSite } from './airgap-site.js';
import { registerSites } from './airgap-sites.js';

export function registerAirgap(program: Command, context: Context): void {
  const airgap = program
    .command('airgap')
    .description('carry the log to sites without a network, and their acknowledgements back')
    .addHelpText('after', '\nExample:\n  touchstone airgap plan hut --trust-root trust-root.json');
  registerExporter(airgap, context);
  registerMedia(airgap, context);
  registerSite(airgap, context);
  registerSites(airgap, context);
  registerSignRoot(airgap, context);
  registerCheckpoint(airgap, context);
  const ack = airgap
    .command('ack')
    .description('acknowledgements: out of a site, and back in')
    .addHelpText('after', '\nExample:\n  touchstone airgap ack export --site hut --out ack.json');
  registerAckExport(ack, context);
  registerAckImport(ack, context);
}

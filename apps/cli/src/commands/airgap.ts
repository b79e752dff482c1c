import type { Command } from 'commander';
import type { Context } from '../context.js';
import { registerAckImport, registerExporter } from './airgap-exporter.js';
import { registerAckExport, registerSite } from './airgap-site.js';

export function registerAirgap(program: Command, context: Context): void {
  const airgap = program
    .command('airgap')
    .description('carry the log to sites without a network, and their acknowledgements back');
  registerExporter(airgap, context);
  registerSite(airgap, context);
  const ack = airgap.command('ack').description('acknowledgements: out of a site, and back in');
  registerAckExport(ack, context);
  registerAckImport(ack, context);
}

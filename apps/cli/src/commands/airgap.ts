import type { Command } from 'commander';
import type { Context } from '../context.js';
import { registerExporter } from './airgap-exporter.js';
import { registerSite } from './airgap-site.js';

export function registerAirgap(program: Command, context: Context): void {
  const airgap = program
    .command('airgap')
    .description('carry the log to sites without a network, and their acknowledgements back');
  registerExporter(airgap, context);
  registerSite(airgap, context);
}

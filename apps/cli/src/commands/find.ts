import { resolve } from 'node:path';
import { findModules, type FoundModule } from '@touchstone/rebuild';
import type { Command } from 'commander';
import type { Context } from '../context.js';
import { EXIT } from '../failure.js';
import { readPublicationFiles } from '../publication-files.js';
import { localSources } from '../rebuilding.js';

interface Options {
  cache: string;
  allowPrivateRegistries?: boolean;
  json?: boolean;
}

export function registerFind(program: Command, context: Context): void {
  program
    .command('find')
    .argument('<publication>', 'npm:NAME@VERSION, oci:HOST/NAME@DIGEST, a folder, archive or file')
    .description(
      'list every WebAssembly module in a publication, and where a recipe would say it is',
    )
    .option('--cache <dir>', 'folder for tarballs', '.touchstone/cache')
    .option('--allow-private-registries', 'fetch from private and loopback addresses too')
    .option('--json', 'print JSON: locations as recipes have them')
    .addHelpText(
      'after',
      '\nLooked through: .wasm files, base64 and byte arrays in scripts (comments do not count), data:' +
        '\nURLs, gzipped, deflated and brotli base64, layers of OCI artifacts, modules in components.' +
        '\n\nExit codes: 0 found, 1 there is none, 2 usage, 3 not reached.' +
        '\n\nExample:\n  touchstone find npm:hash-wasm@4.13.0',
    )
    .action((publication: string, options: Options) => find(publication, options, context));
}

async function find(publication: string, options: Options, context: Context): Promise<void> {
  const { terminal, stop } = context;
  const allowPrivate = options.allowPrivateRegistries === true;
  const places = {
    ...(await localSources(resolve(options.cache), allowPrivate)),
    ...{ allowPrivate, signal: stop },
  };
  const { label, artifact, files } = await readPublicationFiles(publication, places);
  const found = findModules(files);
  if (found.length === 0) context.exitCode = EXIT.refuted;
  if (options.json === true) {
    const modules = found.map(({ bytes, ...module }) => ({ ...module, size: bytes.length }));
    terminal.json({ publication: label, ...(artifact === undefined ? {} : { artifact }), modules });
    return;
  }
  for (const module of found) terminal.print(line(module));
  terminal.note(`${found.length} in ${files.size} files of ${label}`);
}

function line({ name, layer, location, sha256, bytes }: FoundModule): string {
  const more = [
    location.kind,
    ...(location.kind === 'base64' && location.packed !== undefined ? [location.packed] : []),
    ...('marker' in location && location.marker !== undefined
      ? [`after ${JSON.stringify(location.marker)}`]
      : []),
    ...('inside' in location ? [`inside ${location.inside}`] : []),
  ];
  return `${name}  ${layer}  ${bytes.length}  sha256:${sha256}\n  ${location.path} (${more.join(', ')})`;
}

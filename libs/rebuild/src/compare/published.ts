import type { Recipe, UploadedFile } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import { sha256Hex } from '../source/integrity.js';
import { locateModule } from './locate.js';
import type { NpmSource } from '../source/npm-source.js';
import { readTarball } from '../source/unpack.js';

export interface PublishedOptions {
  readonly source: NpmSource;
  /** Of uploaded artifacts, for recipes that have one; checked against its digest here. */
  readonly readUpload?: (file: UploadedFile) => Promise<Uint8Array>;
  readonly signal?: AbortSignal;
}

/**
 * The modules of a publication as they were published, by their names in the recipe.
 *
 * @throws RebuildError of the fetch and of the tarball, `upload-unavailable`,
 *   `integrity-mismatch`, `module-not-found`, `module-ambiguous`, `module-malformed`
 */
export async function readPublished(
  recipe: Recipe,
  options: PublishedOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = await readArtifact(recipe, options);
  return new Map(
    recipe.modules.map(({ name, published }) => [name, locateModule(files, published)]),
  );
}

async function readArtifact(
  { artifact }: Recipe,
  options: PublishedOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  if (artifact.kind === 'npm') {
    const entries = await readTarball(await options.source.tarball(artifact, options.signal));
    return new Map(entries.map(({ path, data }) => [path, data]));
  }
  const bytes = await options.readUpload?.(artifact);
  if (bytes === undefined) {
    throw new RebuildError(
      'upload-unavailable',
      `the uploaded file ${artifact.name} is not at hand`,
    );
  }
  if (sha256Hex(bytes) !== artifact.sha256) {
    throw new RebuildError(
      'integrity-mismatch',
      `the uploaded file ${artifact.name} has SHA-256 ${sha256Hex(bytes)}, not ${artifact.sha256}`,
    );
  }
  return new Map([[artifact.name, bytes]]);
}

import type { Recipe, UploadedFile } from '@touchstone/contract';
import { RebuildError } from '../errors.js';
import { sha256Hex } from '../source/integrity.js';
import { OciSource } from '../source/oci-source.js';
import type { NpmSource } from '../source/npm-source.js';
import { readTarball } from '../source/unpack.js';
import type { ResolvedDependency } from '../toolchain/toolchain.js';
import { locateModule } from './locate.js';

export interface PublishedOptions {
  readonly source: NpmSource;
  /** Of OCI artifacts; registries on public addresses alone unless told. */
  readonly oci?: OciSource;
  /** Of uploaded artifacts, for recipes that have one; checked against its digest here. */
  readonly readUpload?: (file: UploadedFile) => Promise<Uint8Array>;
  /** Told of every file that was fetched beside the artifact itself, such as the layers of one. */
  readonly onFetched?: (dependency: ResolvedDependency) => void;
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
  { artifact, modules }: Recipe,
  options: PublishedOptions,
): Promise<ReadonlyMap<string, Uint8Array>> {
  switch (artifact.kind) {
    case 'npm': {
      const entries = await readTarball(await options.source.tarball(artifact, options.signal));
      return new Map(entries.map(({ path, data }) => [path, data]));
    }
    case 'oci': {
      // Of a large image, only the layers that modules lie in.
      const layers = modules.map(({ published }) => published.path.split('/')[2] ?? '');
      const oci = options.oci ?? new OciSource();
      const { files, dependencies } = await oci.files(artifact, new Set(layers), options.signal);
      for (const dependency of dependencies) options.onFetched?.(dependency);
      return files;
    }
    case 'upload':
      return new Map([[artifact.name, await readUpload(artifact, options)]]);
  }
}

async function readUpload(file: UploadedFile, options: PublishedOptions): Promise<Uint8Array> {
  const bytes = await options.readUpload?.(file);
  if (bytes === undefined) {
    throw new RebuildError('upload-unavailable', `the uploaded file ${file.name} is not at hand`);
  }
  if (sha256Hex(bytes) !== file.sha256) {
    throw new RebuildError(
      'integrity-mismatch',
      `the uploaded file ${file.name} has SHA-256 ${sha256Hex(bytes)}, not ${file.sha256}`,
    );
  }
  return bytes;
}

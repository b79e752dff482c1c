import { RebuildError } from '../errors.js';
import { readTarball } from '../source/unpack.js';
import { MAX_SBOM_BYTES, readSbom, type ReadSbom } from './read-sbom.js';

/** Names that CycloneDX and SPDX recommend, and those that their tools write. */
const NAMES = /(?:^|\/)(?:bom\.json|sbom\.json|[^/]+\.(?:cdx|bom|spdx|sbom)\.json)$/i;
const MAX_FILES = 16;

export interface PackagedSbom extends ReadSbom {
  readonly path: string;
}

/**
 * The bills of materials that a publisher put into a gzipped tarball such as npm's.
 *
 * @throws RebuildError of tarballs, `sbom-malformed`, `sbom-too-large`
 */
export async function readPackagedSboms(tarball: Uint8Array): Promise<PackagedSbom[]> {
  const entries = await readTarball(tarball);
  const found = entries.filter(({ path, type }) => type === 'file' && NAMES.test(path));
  if (found.length > MAX_FILES)
    throw new RebuildError(
      'sbom-too-large',
      `over ${MAX_FILES} files named like bills of materials`,
    );
  return found.map(({ path, data }) => {
    if (data.length > MAX_SBOM_BYTES)
      throw new RebuildError('sbom-too-large', `${path} is over ${MAX_SBOM_BYTES} bytes`);
    return { path, ...readSbom(data) };
  });
}

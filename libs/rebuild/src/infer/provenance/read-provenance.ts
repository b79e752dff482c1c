import type { NpmTarball } from '@touchstone/contract';
import { RebuildError } from '../../errors.js';
import type { RegistryConfig } from '../../source/registry-config.js';
import { readRegistryDocument, type RegistryOptions } from '../registry-document.js';
import { refused, type ProvenanceOutcome } from './outcome.js';

/**
 * The SLSA provenance that the registry has of a tarball (`/-/npm/v1/attestations/`), verified
 * before anything of it is believed.
 *
 * @param trustedRoot JSON; without it the root of Sigstore's public-good instance
 * @throws RebuildError `trusted-root-malformed`, `aborted`
 */
export async function readProvenance(
  config: RegistryConfig,
  artifact: NpmTarball,
  trustedRoot: string | undefined,
  options: RegistryOptions = {},
): Promise<ProvenanceOutcome> {
  // Only when it is wanted: nobody else needs what verifies Sigstore's bundles.
  const [{ parseTrustedRoot, publicGoodRoot }, { verifyProvenance }] = await Promise.all([
    import('./trusted-root.js'),
    import('./verify-provenance.js'),
  ]);
  const root = trustedRoot === undefined ? publicGoodRoot() : parseTrustedRoot(trustedRoot);
  const { name, version } = artifact;
  const path = (escaped: string): string => `-/npm/v1/attestations/${escaped}@${version}`;
  try {
    const document = await readRegistryDocument(config, name, path, options);
    return verifyProvenance(document, artifact, root);
  } catch (error) {
    if (!(error instanceof RebuildError) || error.code === 'aborted') throw error;
    // Registries need not have attestations, and mirrors have none.
    if (error.code === 'source-not-found') return { state: 'absent' };
    const malformed = error.code === 'package-malformed' || error.code === 'too-large';
    return refused(malformed ? 'provenance-malformed' : 'provenance-unreachable', error.message);
  }
}

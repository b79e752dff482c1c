import { createRequire } from 'node:module';
import type { TrustMaterial } from '@sigstore/verify';
import { trustMaterial } from '@touchstone/pki';
import { z } from 'zod';
import { RebuildError } from '../../errors.js';

/** The repository (TUF) of Sigstore's public-good instance, whose root npm packages are signed under. */
const PUBLIC_GOOD = 'https://tuf-repo-cdn.sigstore.dev';

const Seeds = z.record(z.string(), z.object({ targets: z.record(z.string(), z.string()) }));

/** The trusted root that `@sigstore/tuf` carries: no network is asked, and none could change it. */
export function publicGoodRoot(): TrustMaterial {
  const require = createRequire(import.meta.url);
  const seeds = Seeds.parse(require('@sigstore/tuf/seeds.json'));
  const root = seeds[PUBLIC_GOOD]?.targets['trusted_root.json'] ?? '';
  return parseTrustedRoot(Buffer.from(root, 'base64').toString('utf8'));
}

/**
 * A trusted root as Sigstore writes it (`application/vnd.dev.sigstore.trustedroot+json`).
 * @throws RebuildError `trusted-root-malformed`
 */
export function parseTrustedRoot(text: string): TrustMaterial {
  try {
    return trustMaterial(JSON.parse(text));
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new RebuildError('trusted-root-malformed', `this is no trusted root: ${why}`, {
      cause: error,
    });
  }
}

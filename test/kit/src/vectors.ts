import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/**
 * The folder of test vectors that are kept outside this repository: TOUCHSTONE_VECTORS, or
 * `../shared/vectors` beside the checkout. Undefined when neither is there; tests that need it
 * then say that they were skipped.
 */
export function vectorsDir(): string | undefined {
  const named = process.env['TOUCHSTONE_VECTORS'];
  const dir = named ?? fileURLToPath(new URL('../../../../shared/vectors', import.meta.url));
  return existsSync(dir) ? dir : undefined;
}

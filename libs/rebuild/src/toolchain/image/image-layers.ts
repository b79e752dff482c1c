import type { TarEntry, TarLink } from '../../source/tar.js';
import { RebuildError } from '../../errors.js';

export interface ImageLayer {
  readonly entries: (TarEntry | TarLink)[];
  /** For messages. */
  readonly label: string;
}

export async function* imageLayers(
  digest: string,
  folder: string | undefined,
  signal: AbortSignal | undefined,
): AsyncGenerator<ImageLayer> {
  await Promise.resolve();
  signal?.throwIfAborted();
  throw new RebuildError('toolchain-image-unavailable', `${digest} ${folder ?? ''}`);
}

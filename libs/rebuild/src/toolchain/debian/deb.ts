import { RebuildError } from '../../errors.js';
import { readLinkedTar, type TarEntry, type TarLimits, type TarLink } from '../../source/tar.js';
import { readAr } from './ar.js';
import { decompress } from './decompress.js';

export const DEB_LIMITS: TarLimits = { entries: 60_000, totalBytes: 2 ** 31 - 2 ** 27 };

/**
 * The files that a .deb would install: its data.tar and nothing else. Maintainer scripts are not
 * looked at, so that a root depends on the bytes of packages alone.
 *
 * @throws RebuildError `package-malformed`, `package-too-large`, `toolchain-tools`
 */
export async function readDeb(
  bytes: Uint8Array,
  limits: TarLimits = DEB_LIMITS,
  signal?: AbortSignal,
): Promise<(TarEntry | TarLink)[]> {
  const members = readAr(bytes);
  const format = members[0];
  if (format?.name !== 'debian-binary' || !/^2\.\d+\n$/.test(asText(format.data)))
    throw new RebuildError('package-malformed', 'not a Debian package of format 2');
  const data = members.filter(({ name }) => /^data\.tar(?:\.[a-z0-9]+)?$/.test(name));
  const [only] = data;
  if (only === undefined || data.length > 1)
    throw new RebuildError('package-malformed', 'the package has not exactly one data.tar');
  const suffix = only.name.slice('data.tar'.length).replace(/^\./, '');
  const archive = await decompress(
    only.data,
    suffix,
    limits.totalBytes + limits.entries * 1024,
    signal,
  );
  try {
    return readLinkedTar(archive, limits);
  } catch (error) {
    if (!(error instanceof RebuildError)) throw error;
    const code = error.code === 'tarball-too-large' ? 'package-too-large' : 'package-malformed';
    throw new RebuildError(code, error.message, { cause: error });
  }
}

function asText(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.length, 16)).toString('latin1');
}

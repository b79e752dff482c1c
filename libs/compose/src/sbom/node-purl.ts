import type { ManifestComponent } from '../manifest.js';

const OCI_SOURCE = /^oci:\/\/(?<repository>[a-z0-9.:-]+(?:\/[a-z0-9._-]+)+)(?:[:@].*)?$/u;

/**
 * Package URL (ECMA-427) of a node: `pkg:oci` when its source is an OCI repository, else
 * `pkg:generic`. Either carries the digest of the bytes, which is what is known for certain.
 */
export function nodePurl(
  sha256: string,
  name: string,
  claim: Pick<ManifestComponent, 'source' | 'version'> | undefined,
): string {
  const repository = OCI_SOURCE.exec(claim?.source ?? '')?.groups?.['repository'];
  if (repository !== undefined) {
    const last = repository.slice(repository.lastIndexOf('/') + 1);
    return `pkg:oci/${encode(last)}@sha256:${sha256}?repository_url=${encode(repository)}`;
  }
  const version = claim?.version === undefined ? '' : `@${encode(claim.version)}`;
  return `pkg:generic/${name.split('/').filter(Boolean).map(encode).join('/')}${version}?checksum=sha256:${sha256}`;
}

/** Percent-encoding of ECMA-427: all but letters, digits, `.`, `-`, `_` and `~`; colons stay. Half a character is none. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\uFFFD'))
    .replaceAll('%3A', ':')
    .replace(/[!'()*]/gu, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`);
}

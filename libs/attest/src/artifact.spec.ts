import { describe, expect, it } from 'vitest';
import {
  ArtifactDescriptor,
  artifactDescriptor,
  sourceDescriptor,
  type RecipeArtifact,
} from './index.js';

const integrity = `sha512-${Buffer.alloc(64, 1).toString('base64')}`;
const sha512 = '01'.repeat(64);
const sha256 = '02'.repeat(32);

function npm(name: string, version = '1.0.0'): RecipeArtifact {
  return { kind: 'npm', name, version, integrity };
}

describe('artifactDescriptor', () => {
  it.each<[RecipeArtifact, string, Record<string, string>]>([
    [npm('hash-wasm', '4.13.0'), 'pkg:npm/hash-wasm@4.13.0', { sha512 }],
    [npm('@scope/name'), 'pkg:npm/%40scope/name@1.0.0', { sha512 }],
    [npm('n', '1.0.0-rc.1+build'), 'pkg:npm/n@1.0.0-rc.1%2Bbuild', { sha512 }],
    [{ kind: 'upload', name: 'a.wasm', sha256 }, 'upload:a.wasm', { sha256 }],
    [
      { kind: 'upload', name: 'dir/ä #1.wasm', sha256 },
      'upload:dir/%C3%A4%20%231.wasm',
      { sha256 },
    ],
    [
      { kind: 'oci', repository: 'ghcr.io:443/org/my-module', sha256 },
      `pkg:oci/my-module@sha256%3A${sha256}?repository_url=ghcr.io%3A443%2Forg%2Fmy-module`,
      { sha256 },
    ],
  ])('names %j %s', (artifact, uri, digest) => {
    expect(artifactDescriptor(artifact)).toEqual({ uri, digest });
  });

  it.each<RecipeArtifact>([
    { ...npm('n'), kind: 'npm', integrity: `sha1-${'A'.repeat(27)}=` } as RecipeArtifact,
    { ...npm('n'), kind: 'npm', integrity: 'sha512-AAAA' } as RecipeArtifact,
    { ...npm('n'), kind: 'npm', integrity: `${integrity.slice(0, -3)}B==` } as RecipeArtifact,
    npm('Upper'),
    npm('a/b/c'),
    npm('../etc'),
    npm('n', 'latest'),
    npm('n', '1.0.0@2'),
    npm('n#m'),
    { kind: 'upload', name: '', sha256 },
    { kind: 'oci', repository: 'ghcr.io', sha256 },
    { kind: 'oci', repository: 'ghcr.io/a#b', sha256 },
    { kind: 'oci', repository: 'ghcr.io/a', sha256: 'A' },
    { kind: 'upload', name: '/a', sha256 },
    { kind: 'upload', name: '\ud800', sha256 },
    { kind: 'upload', name: 'a', sha256: sha256.slice(2) },
    { kind: 'upload', name: 'a', sha256: sha256.toUpperCase().replace('02', 'AB') },
  ])('refuses %j', (artifact) => {
    expect(() => artifactDescriptor(artifact)).toThrow(
      expect.objectContaining({ code: 'artifact-malformed' }),
    );
  });

  it.each([
    { uri: 'pkg:npm/n@1.0.0', digest: { sha256 } },
    { uri: 'pkg:npm/n@1.0.0', digest: { sha512, sha256 } },
    { uri: 'upload:a', digest: { sha512 } },
    { uri: 'pkg:cargo/n@1.0.0', digest: { sha512 } },
    {
      uri: `pkg:oci/a@sha256%3A${sha256}?repository_url=b.io%2Fa`,
      digest: { sha256: '03'.repeat(32) },
    },
    { uri: `pkg:oci/a@sha256%3A${sha256}?repository_url=b.io%2Fc`, digest: { sha256 } },
    { uri: 'pkg:npm/n@1.0.0', digest: {} },
    { uri: 'pkg:npm/n@1.0.0', digest: { sha512 }, name: 'n' },
  ])('has no second way to name a publication: %j', (value) => {
    expect(ArtifactDescriptor.safeParse(value).success).toBe(false);
  });
});

describe('sourceDescriptor', () => {
  it('names commits and tarballs as provenance does', () => {
    const commit = '0123456789'.repeat(4);
    expect(sourceDescriptor({ kind: 'git', url: 'https://h/r', commit })).toEqual({
      uri: `git+https://h/r@${commit}`,
      digest: { gitCommit: commit },
    });
    expect(sourceDescriptor({ kind: 'tarball', url: 'https://h/a.tgz', sha256 })).toEqual({
      uri: 'https://h/a.tgz',
      digest: { sha256 },
    });
    const source = { kind: 'npm', name: 'n', version: '1.0.0', integrity } as const;
    expect(sourceDescriptor(source).digest).toEqual({ sha512 });
  });
});

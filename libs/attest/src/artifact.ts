import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js';
import { fromBase64 } from '@touchstone/note';
import { z } from 'zod';
import { canonicalJson } from './canonical-json.js';
import { DigestSet } from './digest-set.js';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';

const NPM_URI =
  /^pkg:npm\/(?:%40[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*@[0-9](?:[0-9A-Za-z.-]|%2B)*$/;
const UPLOAD_URI = /^upload:[A-Za-z0-9._~!'()*%-]+(?:\/[A-Za-z0-9._~!'()*%-]+)*$/;

/** purl-spec, type oci: the name is the last part of the repository, the version its digest. */
const OCI_URI =
  /^pkg:oci\/([a-z0-9._-]+)@sha256%3A([0-9a-f]{64})\?repository_url=([a-z0-9.-]+(?:%3A\d+)?(?:%2F[a-z0-9._-]+)*%2F\1)$/;

/**
 * The publication a statement is about: `pkg:npm/…` (package URL) with the SHA-512 of the tarball,
 * `pkg:oci/…` with the SHA-256 of the manifest, or `upload:<name>` with the SHA-256 of the file. One
 * digest each, so that two statements about
 * the same publication cannot name it in two ways.
 */
export const ArtifactDescriptor = z
  .strictObject({ uri: z.string().min(1).max(5120), digest: DigestSet })
  .superRefine(({ uri, digest }, context) => {
    const oci = OCI_URI.exec(uri)?.[2];
    const sha256 = oci !== undefined || UPLOAD_URI.test(uri);
    const algorithm = NPM_URI.test(uri) ? 'sha512' : sha256 ? 'sha256' : undefined;
    if (algorithm === undefined) {
      context.addIssue({
        code: 'custom',
        path: ['uri'],
        message:
          'must be pkg:npm/<name>@<version>, pkg:oci/<name>@sha256%3A<hex>?repository_url=<repository> or upload:<name>, percent-encoded',
      });
    } else if (Object.keys(digest).join() !== algorithm) {
      context.addIssue({
        code: 'custom',
        path: ['digest'],
        message: `must hold ${algorithm} and nothing else`,
      });
    } else if (oci !== undefined && digest['sha256'] !== oci) {
      context.addIssue({
        code: 'custom',
        path: ['digest'],
        message: 'must be the digest that the uri names',
      });
    }
  });
export type ArtifactDescriptor = z.infer<typeof ArtifactDescriptor>;

/** What a recipe says it rebuilds; the recipe's own schema is wider and lives in libs/contract. */
export type RecipeArtifact =
  | {
      readonly kind: 'npm';
      readonly name: string;
      readonly version: string;
      /** Subresource Integrity, `sha512-<base64>`. */
      readonly integrity: string;
    }
  | { readonly kind: 'upload'; readonly name: string; readonly sha256: string }
  | OciArtifact;

interface OciArtifact {
  readonly kind: 'oci';
  /** `host[:port]/name` */
  readonly repository: string;
  /** Of the manifest, hex. */
  readonly sha256: string;
}

/** What a recipe says it is built from; as with the artifact, libs/contract has the whole schema. */
export type RecipeSource =
  | Extract<RecipeArtifact, { kind: 'npm' | 'oci' }>
  | { readonly kind: 'git'; readonly url: string; readonly commit: string }
  | { readonly kind: 'tarball'; readonly url: string; readonly sha256: string }
  | { readonly kind: 'composition'; readonly plan: unknown };

/**
 * The URI that names a publication. npm: package URL (purl-spec, type npm), the scope's `@` and
 * the version's `+` percent-encoded. Upload: `upload:` and the name, percent-encoded by segment, so
 * that a `#` in it cannot be taken for the one before a module's name.
 */
export function artifactUri(artifact: RecipeArtifact): string {
  try {
    switch (artifact.kind) {
      case 'npm':
        return `pkg:npm/${encodePath(artifact.name)}@${encodeURIComponent(artifact.version)}`;
      case 'oci': {
        const name = artifact.repository.split('/').at(-1) ?? '';
        const version = encodeURIComponent(`sha256:${artifact.sha256}`);
        return `pkg:oci/${name}@${version}?repository_url=${encodeURIComponent(artifact.repository)}`;
      }
      case 'upload':
        return `upload:${encodePath(artifact.name)}`;
    }
  } catch (cause) {
    throw new AttestError('artifact-malformed', 'artifact.name is not well-formed Unicode', {
      cause,
    });
  }
}

function encodePath(path: string): string {
  return path.split('/').map(encodeURIComponent).join('/');
}

/**
 * The digest by which a publication is known: SHA-512 of an npm tarball, SHA-256 of an upload and of
 * the manifest of an OCI artifact.
 */
export function artifactDigest(artifact: RecipeArtifact): DigestSet {
  if (artifact.kind !== 'npm') return { sha256: artifact.sha256 };
  const prefix = 'sha512-';
  try {
    if (!artifact.integrity.startsWith(prefix)) throw new Error(`no ${prefix} prefix`);
    return { sha512: bytesToHex(fromBase64(artifact.integrity.slice(prefix.length))) };
  } catch (cause) {
    throw new AttestError('artifact-malformed', 'artifact.integrity must be sha512-<base64>', {
      cause,
    });
  }
}

/** URI and digest together, checked. @throws AttestError `artifact-malformed` */
export function artifactDescriptor(artifact: RecipeArtifact): ArtifactDescriptor {
  return parseBy(
    ArtifactDescriptor,
    { uri: artifactUri(artifact), digest: artifactDigest(artifact) },
    'artifact-malformed',
    'artifact',
  );
}

/**
 * The source of a rebuild as provenance names it among its resolved dependencies. Commits are named
 * `git+<url>@<commit>` as SLSA v1 does, with the digest `gitCommit` of in-toto. A
 * composition is named by its plan: the SHA-256 of that plan's canonical JSON (RFC 8785).
 */
export function sourceDescriptor(source: RecipeSource): { uri: string; digest: DigestSet } {
  if (source.kind === 'git')
    return { uri: `git+${source.url}@${source.commit}`, digest: { gitCommit: source.commit } };
  if (source.kind === 'composition') {
    const digest = bytesToHex(sha256(utf8ToBytes(canonicalJson(source.plan))));
    return {
      uri: `https://touchstone.dev/composition-plan/sha256/${digest}`,
      digest: { sha256: digest },
    };
  }
  if (source.kind === 'tarball') return { uri: source.url, digest: { sha256: source.sha256 } };
  return artifactDescriptor(source);
}

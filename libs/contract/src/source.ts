import { CompositionPlan } from '@touchstone/compose';
import { z } from 'zod';

/** Where published artifacts, and the sources that they are built from, are fetched. */

/** Subresource Integrity as npm writes it: one sha512 digest, canonical base64. */
export const Integrity = z
  .string()
  .regex(/^sha512-[A-Za-z0-9+/]{86}==$/, 'must be one sha512 integrity: sha512-<base64>');

export const Sha256Hex = z.string().regex(/^[0-9a-f]{64}$/, 'must be 64 lower-case hex digits');

/** npm's own rule for names, so that a name can stand in a URL path unescaped but for the slash. */
export const NpmName = z
  .string()
  .max(214)
  .regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/, 'must be an npm package name');

export const NpmVersion = z
  .string()
  .max(64)
  .regex(/^\d+\.\d+\.\d+(?:[-+][0-9A-Za-z.+-]+)?$/, 'must be one exact version');

/**
 * A path inside an archive or the workspace: relative, forward slashes, no empty, `.` or `..`
 * segment, no control characters, no backslash.
 */
export const InnerPath = z
  .string()
  .min(1)
  .max(512)
  .regex(
    /^[^\p{Cc}\p{Surrogate}\\]+$/u,
    'must not hold control characters, backslashes or unpaired surrogates',
  )
  .refine(
    (path) => path.split('/').every((part) => part !== '' && part !== '.' && part !== '..'),
    'must be relative, without empty, "." or ".." segments',
  );

/** A tarball of the npm registry, pinned by integrity. */
export const NpmTarball = z.strictObject({
  kind: z.literal('npm'),
  name: NpmName,
  version: NpmVersion,
  integrity: Integrity,
});

/** A single file that the submitter uploaded to the coordinator, or has at hand locally. */
export const UploadedFile = z.strictObject({
  kind: z.literal('upload'),
  name: InnerPath,
  sha256: Sha256Hex,
});

/** One segment of a URL's path, neither `.` nor `..`: RFC 3986 `pchar`, percent-encoding included. */
const URL_PATH = String.raw`(?:\/(?!\.{1,2}(?:[/?]|$))[A-Za-z0-9._~!$&'()*+,;=:@%-]+)+`;
const URL_HOST = String.raw`(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::[1-9]\d{0,4})?`;

/**
 * Where a repository is fetched from: https, or http and file where the operator of a rebuilder
 * lets them. No user, no query, no trailing slash, so that a repository has one spelling.
 */
export const GitUrl = z
  .string()
  .max(2048)
  .regex(
    new RegExp(`^(?:https?:\\/\\/${URL_HOST}|file:\\/\\/)${URL_PATH}$`),
    'must be https://host/path of a repository, without user, query or trailing slash',
  );

/** A commit of a git repository. Its files lie in the folder `source`. */
export const GitCommit = z.strictObject({
  kind: z.literal('git'),
  url: GitUrl,
  commit: z.string().regex(/^[0-9a-f]{40}$/, 'must be a whole commit id: 40 lower-case hex digits'),
  /** Fetch submodules too, at the commits that the tree names; left out, their folders are empty. */
  submodules: z.literal(true).exactOptional(),
});

/** A tar archive at an address, gzipped or plain, pinned by its digest. Unpacked as it is packed. */
export const TarballAtUrl = z.strictObject({
  kind: z.literal('tarball'),
  url: z
    .string()
    .max(2048)
    .regex(
      new RegExp(
        String.raw`^https?:\/\/${URL_HOST}${URL_PATH}(?:\?[A-Za-z0-9._~!$&'()*+,;=:@%/?-]*)?$`,
      ),
      'must be the https URL of a file',
    ),
  sha256: Sha256Hex,
});

/** `host[:port]/name`, the name as the OCI distribution specification 1.1 writes it. */
export const OciRepository = z
  .string()
  .max(255)
  .regex(
    /^(?=[^/]*[.:]|localhost\/)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?(?::[1-9]\d{0,4})?(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)+$/,
    'must be registry-host/repository in lower case',
  );

/**
 * An artifact in an OCI registry, pinned by the digest of its manifest. As a publication its files
 * are its layers, named `blobs/sha256/<hex>`, and within a layer that is a tar archive
 * `blobs/sha256/<hex>/<path>`. As a source it stands for the commit that its annotations name.
 */
export const OciArtifact = z.strictObject({
  kind: z.literal('oci'),
  repository: OciRepository,
  sha256: Sha256Hex,
});

const MAX_COMPONENTS = 1_000;

/** Where one component of a composition is fetched; what it is, its digest says. */
const ComponentOrigin = z.discriminatedUnion('kind', [
  /** A file of an npm package. */
  NpmTarball.extend({ path: InnerPath }),
  /** A layer of an artifact, or a file in a layer. */
  OciArtifact,
  /** A file at an address. */
  z.strictObject({ kind: z.literal('url'), url: TarballAtUrl.shape.url }),
]);

/**
 * A plan with the components that it composes. Its files lie in the folder `source`: `plan.json`,
 * and `components/<sha256>.wasm`.
 */
export const Composition = z
  .strictObject({
    kind: z.literal('composition'),
    plan: CompositionPlan,
    components: z
      .array(z.strictObject({ sha256: Sha256Hex, from: ComponentOrigin }))
      .min(1)
      .max(MAX_COMPONENTS),
  })
  .superRefine(({ plan, components }, context) => {
    const fetched = components.map(({ sha256 }) => sha256);
    const issue = (path: (string | number)[], message: string): void => {
      context.addIssue({ code: 'custom', path, message });
    };
    for (const [index, digest] of fetched.entries()) {
      if (fetched.indexOf(digest) < index) issue(['components', index], 'is given twice');
    }
    for (const [name, { sha256, file }] of Object.entries(plan.components)) {
      const path = ['plan', 'components', name];
      if (!fetched.includes(sha256)) issue(path, 'has no place among the components');
      if (file !== undefined) issue([...path, 'file'], 'has no meaning in a recipe');
    }
  });

export const Artifact = z.discriminatedUnion('kind', [NpmTarball, UploadedFile, OciArtifact]);

export const Source = z.discriminatedUnion('kind', [
  NpmTarball,
  GitCommit,
  TarballAtUrl,
  OciArtifact,
  Composition,
]);

export type NpmTarball = z.infer<typeof NpmTarball>;
export type UploadedFile = z.infer<typeof UploadedFile>;
export type GitCommit = z.infer<typeof GitCommit>;
export type TarballAtUrl = z.infer<typeof TarballAtUrl>;
export type OciArtifact = z.infer<typeof OciArtifact>;
export type Composition = z.infer<typeof Composition>;
export type Artifact = z.infer<typeof Artifact>;
export type Source = z.infer<typeof Source>;

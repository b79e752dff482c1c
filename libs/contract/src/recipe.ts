import { z } from 'zod';

/**
 * A recipe (build definition) is plain data: where the published modules lie, where their source
 * is, which toolchain turns one into the other, and the steps. Execution is libs/rebuild's.
 *
 * Its identity is the SHA-256 of its canonical JSON (RFC 8785), see {@link recipeDigest}.
 */

const MAX_STEPS = 256;
const MAX_MODULES = 256;
const MAX_ARGUMENTS = 256;
const MAX_EACH = 256;

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

/** Half of a surrogate pair has no UTF-8, so a recipe that held one would have no digest. */
const wellFormed = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^\P{Surrogate}*$/u, 'must not hold unpaired surrogates');

/** Where literals in JavaScript are looked for. */
const Marker = wellFormed(256).min(1);

export const Artifact = z.discriminatedUnion('kind', [NpmTarball, UploadedFile, OciArtifact]);

export const Source = z.discriminatedUnion('kind', [
  NpmTarball,
  GitCommit,
  TarballAtUrl,
  OciArtifact,
]);

/** Where in a component a nested module lies, as `touchstone wasm` prints it. */
const Inside = z
  .string()
  .max(512)
  .regex(
    /^(?:\/component\[\d{1,6}\])*\/module\[\d{1,6}\]$/,
    'must be the path of a core module in a component, e.g. /module[0]',
  );

/** How the bytes of a literal were packed before they became text. */
const Packed = z.enum(['gzip', 'deflate', 'brotli']);

/**
 * Where in the artifact one published module lies. Paths are those inside the archive, so those of
 * an npm package begin with `package/`.
 */
export const ModuleLocation = z.discriminatedUnion('kind', [
  /** The file itself. For an uploaded file `path` is its name. */
  z.strictObject({ kind: z.literal('file'), path: InnerPath, inside: Inside.exactOptional() }),
  /**
   * Base64 text inside JavaScript, a data: URL too: the first string literal after `marker` that
   * decodes to a module. The marker occurs once in the file; without one, the file holds one such
   * literal. What stands in comments does not count, but for the marker.
   */
  z.strictObject({
    kind: z.literal('base64'),
    path: InnerPath,
    marker: Marker.optional(),
    packed: Packed.exactOptional(),
    inside: Inside.exactOptional(),
  }),
  /** A literal array of byte values inside JavaScript, found like `base64`. */
  z.strictObject({
    kind: z.literal('bytes'),
    path: InnerPath,
    marker: Marker.optional(),
  }),
]);

export const RecipeModule = z.strictObject({
  /** Unique within the recipe; names the subject of every statement about this module. */
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^[A-Za-z0-9._@+-]+$/, 'may hold letters, digits and . _ @ + -'),
  /** Path of the built file in the workspace, relative to `workdir`. */
  output: InnerPath,
  published: ModuleLocation,
});

const Argument = wellFormed(4096)
  // eslint-disable-next-line no-control-regex -- a NUL cannot be passed to a process
  .regex(/^[^\u0000]*$/, 'must not hold NUL');

/**
 * One command of the toolchain with its arguments; never a shell line. With `each`, the command
 * runs once per item, `{each}` in its arguments replaced by the item.
 */
export const RecipeStep = z.strictObject({
  run: z
    .array(Argument)
    .min(1)
    .max(MAX_ARGUMENTS)
    .refine((run) => /^[A-Za-z0-9._+-]+$/.test(run[0] ?? ''), {
      message: 'the first item must be a bare command name of the toolchain',
      path: [0],
    }),
  each: z
    .array(z.string().regex(/^[A-Za-z0-9._-]{1,128}$/))
    .min(1)
    .max(MAX_EACH)
    .optional(),
});

export const ToolchainName = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$/),
});

/**
 * Variables that a recipe may set: what languages and their build tools read to decide the bytes
 * they write. Nothing else passes, so that a recipe cannot reach the sandbox's own settings.
 */
const VARIABLE =
  /^(?:SOURCE_DATE_EPOCH|TZ|LANG|LC_ALL|NODE_ENV|(?:C|CPP|CXX|LD)FLAGS|EMCC_CFLAGS|RUSTFLAGS|CARGO_(?:BUILD_RUSTFLAGS|ENCODED_RUSTFLAGS|INCREMENTAL|PROFILE_[A-Z0-9_]+|TARGET_WASM32_[A-Z0-9_]+)|GO(?:OS|ARCH|WASM|FLAGS|EXPERIMENT|DEBUG))$/;

const BuildEnvironment = z
  .record(z.string().regex(VARIABLE, 'is not a variable that a recipe may set'), Argument)
  .refine((variables) => Object.keys(variables).length <= 32, 'has more than 32 variables');

/**
 * Packages that the source's own lock file pins by digest and that are fetched before the build,
 * for the build has no network: Cargo.lock; go.sum beside its go.mod; package-lock.json.
 */
export const RecipeDependencies = z.strictObject({
  kind: z.enum(['cargo', 'go', 'npm']),
  /** Of the lock file, relative to the unpacked source. */
  lockfile: InnerPath,
});

/** When a build is made again with circumstances varied that must not matter. */
export const VaryWhen = z.enum(['never', 'when-different', 'always']);

export const RECIPE_SCHEMA = 'https://touchstone.dev/recipe/v1';

export const Recipe = z
  .strictObject({
    schema: z.literal(RECIPE_SCHEMA),
    artifact: Artifact,
    source: Source,
    toolchain: ToolchainName,
    /** Where the steps run, relative to the unpacked source; an npm tarball's files lie in `package`. */
    workdir: InnerPath.default('package'),
    /** `{workspace}` in a value stands for the folder that the source was unpacked into. */
    environment: BuildEnvironment.exactOptional(),
    dependencies: z.array(RecipeDependencies).min(1).max(8).exactOptional(),
    steps: z.array(RecipeStep).min(1).max(MAX_STEPS),
    modules: z.array(RecipeModule).min(1).max(MAX_MODULES),
    /** What the submitter asks for; an operator may refuse it, or do more. */
    vary: VaryWhen.exactOptional(),
  })
  .refine((recipe) => new Set(recipe.modules.map((m) => m.name)).size === recipe.modules.length, {
    message: 'module names must be unique',
    path: ['modules'],
  });

export type NpmTarball = z.infer<typeof NpmTarball>;
export type UploadedFile = z.infer<typeof UploadedFile>;
export type GitCommit = z.infer<typeof GitCommit>;
export type TarballAtUrl = z.infer<typeof TarballAtUrl>;
export type OciArtifact = z.infer<typeof OciArtifact>;
export type Artifact = z.infer<typeof Artifact>;
export type Source = z.infer<typeof Source>;
export type ModuleLocation = z.infer<typeof ModuleLocation>;
export type RecipeModule = z.infer<typeof RecipeModule>;
export type RecipeStep = z.infer<typeof RecipeStep>;
export type ToolchainName = z.infer<typeof ToolchainName>;
export type RecipeDependencies = z.infer<typeof RecipeDependencies>;
export type VaryWhen = z.infer<typeof VaryWhen>;
export type Recipe = z.infer<typeof Recipe>;

import { z } from 'zod';
import { Artifact, InnerPath, Source } from './source.js';

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

/** Half of a surrogate pair has no UTF-8, so a recipe that held one would have no digest. */
const wellFormed = (max: number): z.ZodString =>
  z
    .string()
    .max(max)
    .regex(/^\P{Surrogate}*$/u, 'must not hold unpaired surrogates');

/** Where literals in JavaScript are looked for. */
const Marker = wellFormed(256).min(1);

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

export type ModuleLocation = z.infer<typeof ModuleLocation>;
export type RecipeModule = z.infer<typeof RecipeModule>;
export type RecipeStep = z.infer<typeof RecipeStep>;
export type ToolchainName = z.infer<typeof ToolchainName>;
export type RecipeDependencies = z.infer<typeof RecipeDependencies>;
export type VaryWhen = z.infer<typeof VaryWhen>;
export type Recipe = z.infer<typeof Recipe>;

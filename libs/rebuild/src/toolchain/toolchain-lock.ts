import { z } from 'zod';
import { RebuildError } from '../errors.js';

/**
 * A toolchain is named and pinned by a lock: plain data, from which a root folder is made. What
 * comes from npm is pinned by integrity, what comes from Debian by version and SHA-256, an image
 * by the digest of its manifest. Where locks are looked up: lock-folders.ts.
 */

export const TOOLCHAIN_LOCK_SCHEMA = 'https://touchstone.dev/toolchain-lock/v1';

export const ToolchainLabel = z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/);
export const ToolchainVersion = z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+~-]{0,63}$/);
const CommandName = z.string().regex(/^[A-Za-z0-9._+-]{1,64}$/);
/** Absolute within the root. */
const RootPath = z
  .string()
  .max(512)
  .regex(/^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9@._+-]+)+$/);
const Sha256 = z.string().regex(/^[0-9a-f]{64}$/);
const Text = z
  .string()
  .max(1024)
  // eslint-disable-next-line no-control-regex -- a NUL cannot be passed to a process
  .regex(/^[^\u0000]*$/);

const Package = z.strictObject({
  name: z.string().regex(/^(?:@[a-z0-9~-][a-z0-9._~-]*\/)?[a-z0-9~-][a-z0-9._~-]*$/),
  version: z.string().min(1).max(64),
  integrity: z.string().regex(/^sha512-[A-Za-z0-9+/]{86}==$/),
});

/**
 * Node itself. Its C library is the host's, or Debian's when the lock pins packages of Debian that
 * bring the interpreter.
 */
const Runtime = z.strictObject({
  kind: z.literal('node'),
  version: ToolchainVersion,
  /** By `process.arch`. */
  architectures: z.record(
    z.string(),
    z.strictObject({
      package: Package,
      /** Of the package, the one file that is taken. */
      file: z.string(),
      interpreter: RootPath,
      libraries: z.array(z.string().regex(/^[A-Za-z0-9._+-]+$/)).max(32),
    }),
  ),
});

/** One .deb file, by its control fields and its digest; `path` is below the mirror's base. */
export const DebianPackage = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9+.-]{1,127}$/),
  version: z.string().regex(/^[0-9A-Za-z][0-9A-Za-z.+~:-]{0,127}$/),
  architecture: z.string().regex(/^[a-z0-9-]{1,32}$/),
  sha256: Sha256,
  size: z
    .number()
    .int()
    .min(1)
    .max(2 ** 31 - 1),
  path: z
    .string()
    .max(512)
    .regex(/^pool\/(?:(?!\.{1,2}\/)[A-Za-z0-9+._~-]+\/)+[A-Za-z0-9+._~:%-]+\.deb$/),
});

const Debian = z.strictObject({
  /** What the packages were taken from; only said, since each is pinned by itself. */
  suite: z.string().regex(/^[a-z][a-z0-9-]{0,31}$/),
  /** Date of the signed index, RFC 3339: which snapshot of the archive has these versions. */
  date: z.iso.datetime().optional(),
  /** By `process.arch`; unpacked in this order. */
  architectures: z.partialRecord(z.enum(['x64', 'arm64']), z.array(DebianPackage).min(1).max(1024)),
  /** Path prefixes, relative to the root, of what is not unpacked. */
  leaveOut: z.array(z.string().min(1).max(256)).max(64).optional(),
});

/** An image that the operator brings; its files become the root. */
const Image = z.strictObject({
  /** Where it can be had; only said. */
  reference: z.string().min(1).max(512),
  /** By `process.arch`: the digest of the manifest for that platform. */
  architectures: z.partialRecord(
    z.enum(['x64', 'arm64']),
    z.strictObject({ digest: z.string().regex(/^sha256:[0-9a-f]{64}$/) }),
  ),
});

/** What a command of a recipe's step runs. */
const Command = z.union([
  /** A process of its own for each invocation: this, and then the step's arguments. */
  z.strictObject({ argv: z.tuple([RootPath], Text).refine((argv) => argv.length <= 32) }),
  /** One of our own drivers, which runs invocations that follow each other in one process. */
  z.strictObject({ driver: ToolchainLabel }),
]);

export const ToolchainLock = z
  .strictObject({
    schema: z.literal(TOOLCHAIN_LOCK_SCHEMA),
    name: ToolchainLabel,
    version: ToolchainVersion,
    /** Who built it: packages of npm, packages of Debian, or an image that the operator names. */
    lineage: z.enum(['npm', 'debian', 'operator']),
    runtime: Runtime.optional(),
    /** `path` is where in the root the package's files lie. */
    packages: z.array(Package.extend({ path: RootPath })).max(256),
    debian: Debian.optional(),
    image: Image.optional(),
    /**
     * Of this installation's own code, the room that commands run, with all that it imports. Its
     * version is the lock's; its bytes count in the root's digest.
     */
    own: z.literal('compose').optional(),
    /** Symbolic links that no package brings, as maintainer scripts would make them. */
    links: z
      .array(z.strictObject({ path: RootPath, target: z.string().min(1).max(256) }))
      .max(64)
      .optional(),
    /** Variables of every build with this toolchain; a recipe's own come on top. */
    environment: z.record(z.string().regex(/^[A-Z][A-Z0-9_]{0,63}$/), Text).optional(),
    commands: z.record(CommandName, Command),
  })
  .refine(({ lineage, debian }) => lineage !== 'debian' || debian !== undefined, {
    message: 'a toolchain of lineage debian pins packages of Debian',
    path: ['debian'],
  })
  .refine(({ lineage, image }) => (lineage === 'operator') === (image !== undefined), {
    message: 'an image is what a toolchain of lineage operator is made of, and no other',
    path: ['image'],
  })
  .refine(
    ({ runtime, commands }) =>
      runtime !== undefined || Object.values(commands).every((command) => 'argv' in command),
    { message: "commands with a driver need Node as the lock's runtime", path: ['runtime'] },
  );

export type ToolchainLock = z.infer<typeof ToolchainLock>;
export type ToolchainRuntime = NonNullable<ToolchainLock['runtime']>['architectures'][string];
export type ToolchainCommand = z.infer<typeof Command>;
export type DebianPackage = z.infer<typeof DebianPackage>;

/** @throws RebuildError `toolchain-lock`, which names the file and the field */
export function parseToolchainLock(text: string, file: string): ToolchainLock {
  let document: unknown;
  try {
    document = JSON.parse(text);
  } catch (error) {
    throw new RebuildError('toolchain-lock', `${file} is not JSON`, { cause: error });
  }
  const parsed = ToolchainLock.safeParse(document);
  if (!parsed.success)
    throw new RebuildError('toolchain-lock', `${file}: ${z.prettifyError(parsed.error)}`);
  return parsed.data;
}

import { z } from 'zod';
import { ArtifactDescriptor } from './artifact.js';
import { Sha256Digest } from './digest-set.js';

/** What a rebuilder saw when it rebuilt a publication and compared. */
export const REBUILD_PREDICATE_TYPE = 'https://touchstone.dev/rebuild/v1';

export const MAX_MODULES = 256;
const MAX_SECTIONS = 64;
const MAX_FUNCTIONS = 64;
const MAX_RANGES = 32;
const MAX_NORMALISATIONS = 16;
const MAX_VARIABLES = 128;

const text = (max: number): z.ZodString => z.string().min(1).max(max);
const size = z.int().nonnegative();

/** Of one module. */
export const ModuleOutcome = z.enum(['reproduced', 'equivalent', 'different']);

/** Of one rebuild. All five are attested and logged: dissent and failure are evidence too. */
export const Outcome = z.enum(['reproduced', 'equivalent', 'different', 'failed', 'unavailable']);

/** A place in a file, in bytes. */
export const Extent = z.strictObject({ offset: size, size });

/** Bytes that differ; offsets are those of the claimed file. */
export const DifferingRange = z.strictObject({ offset: size, length: z.int().positive() });

const ranges = z.array(DifferingRange).max(MAX_RANGES);

/** Where two modules differ, for a reader; bounded, and `truncated` when the bounds cut it. */
export const DifferenceSummary = z.strictObject({
  sections: z
    .array(
      z.strictObject({
        /** `code`, `custom:name`, … */
        section: text(512),
        id: z.int().min(0).max(255),
        status: z.enum(['different', 'only-claimed', 'only-observed']),
        claimed: Extent.exactOptional(),
        observed: Extent.exactOptional(),
        ranges,
      }),
    )
    .max(MAX_SECTIONS),
  functions: z
    .array(
      z.strictObject({
        /** In the function index space: imported functions are counted. */
        index: size,
        name: z.string().max(1024).exactOptional(),
        claimed: Extent,
        observed: Extent,
        ranges,
      }),
    )
    .max(MAX_FUNCTIONS),
  functionCount: size,
  truncated: z.boolean(),
});

const MAX_CAUSES = 16;
const MAX_EVIDENCE = 8;

/** Text that a stranger's module may have supplied: nothing in it drives a terminal. */
const printable = (max: number): z.ZodType<string, string> =>
  z
    .string()
    .max(max)
    .refine(
      (text) => !/[\p{Cc}\p{Bidi_Control}\p{Surrogate}]/u.test(text),
      'must be one line of printable text',
    );

/** Why bytes differ, as far as they tell; the codes are those of docs/differences.md. */
export const DifferenceCause = z.strictObject({
  code: z
    .string()
    .max(64)
    .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be lower-case words joined by -'),
  confidence: z.enum(['certain', 'likely', 'possible']),
  summary: printable(1024),
  /** Where in the two files it shows. */
  evidence: z
    .array(
      z.strictObject({
        side: z.enum(['claimed', 'observed']),
        section: printable(512),
        offset: size,
        length: size,
        text: printable(256).exactOptional(),
      }),
    )
    .max(MAX_EVIDENCE),
});

/**
 * How alike two modules are; finer than the outcome. `same-code`: custom sections differ that no
 * stabilizer knows, so that somebody may read a meaning into them; its outcome is `equivalent`.
 */
export const Tier = z.enum(['reproduced', 'equivalent', 'same-code', 'different']);

export const FileDescriptor = z.strictObject({ digest: Sha256Digest, size });

export const ModuleName = z
  .string()
  .max(128)
  .regex(/^[A-Za-z0-9._@+-]+$/, 'may hold letters, digits and . _ @ + -');

export const RebuiltModule = z.strictObject({
  name: ModuleName,
  outcome: ModuleOutcome,
  /** As published. */
  claimed: FileDescriptor,
  /** As built. */
  observed: FileDescriptor.exactOptional(),
  /**
   * What was compared when the bytes were not equal, step after step: digests of both modules after
   * each, those before the first being of the files. Equal digests make a module `equivalent`.
   */
  normalisations: z
    .array(z.strictObject({ name: text(128), claimed: Sha256Digest, observed: Sha256Digest }))
    .max(MAX_NORMALISATIONS),
  difference: DifferenceSummary.exactOptional(),
  tier: Tier.exactOptional(),
  causes: z.array(DifferenceCause).max(MAX_CAUSES).exactOptional(),
});

function tierFits({ outcome, tier }: z.infer<typeof RebuiltModule>): boolean {
  return tier === undefined || (tier === 'same-code' ? 'equivalent' : tier) === outcome;
}

/** What became of the bytes when circumstances that must not matter were changed. */
export const Variation = z.strictObject({
  /** How many builds there were, the first one included. */
  builds: z.int().min(2).max(64),
  /**
   * The search came to its end, and no two builds gave other bytes. Circumstances that were not
   * applied are not vouched for.
   */
  deterministic: z.boolean(),
  /** The same build, nothing varied, gave other bytes; then no variation can be blamed. */
  unstable: z.boolean(),
  varied: z
    .array(
      z.strictObject({
        name: z
          .string()
          .regex(/^[a-z]+(?:-[a-z]+)*$/)
          .max(64),
        applied: z.boolean(),
        /** This one, varied alone, gives other bytes. */
        changes: z.boolean(),
        /** What it was varied to, or why it could not be. */
        detail: printable(512),
      }),
    )
    .max(32),
  /** Modules of which some build gave other bytes. */
  modules: z.array(ModuleName).max(MAX_MODULES),
  /** Why it ended before all was told apart; absent when it came to its end. */
  incomplete: printable(512).exactOptional(),
});

export const RebuildEnvironment = z.strictObject({
  sandbox: text(128),
  architecture: text(64),
  network: z.literal('none'),
  variables: z
    .record(z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/), z.string().max(4096))
    .refine((variables) => Object.keys(variables).length <= MAX_VARIABLES, {
      message: `must hold at most ${MAX_VARIABLES} variables`,
    }),
});

const MAX_FAILURE_MESSAGE = 4096;

/** What would drive a terminal, or has no place in a database's text or in UTF-8. */
const UNPRINTABLE = /[^\P{Cc}\t\n]|\p{Bidi_Control}|\p{Surrogate}/u;

/**
 * Why a rebuild ended early. The message may quote what a build printed, which is a stranger's
 * text: {@link failureMessage} makes it fit.
 */
export const Failure = z.strictObject({
  code: z
    .string()
    .max(128)
    .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, 'must be lower-case words joined by -'),
  message: z
    .string()
    .max(MAX_FAILURE_MESSAGE)
    .refine((message) => !UNPRINTABLE.test(message), 'must be printable text'),
});

/** Any text as a failure's message: cut to length, U+FFFD in place of what cannot be printed. */
export function failureMessage(text: string): string {
  const cut = text.replace(/\r\n?/g, '\n').slice(0, MAX_FAILURE_MESSAGE);
  return cut.replace(new RegExp(UNPRINTABLE, 'gu'), '\ufffd');
}

const Timestamp = z.iso.datetime().max(40);

export const RebuildPredicate = z.strictObject({
  outcome: Outcome,
  artifact: ArtifactDescriptor,
  /** SHA-256 of the recipe's canonical JSON (RFC 8785). */
  recipe: z.strictObject({ digest: Sha256Digest }),
  /** The tree digest of the toolchain's root; absent when the toolchain could not be had. */
  toolchain: z
    .strictObject({ name: text(128), version: text(128), digest: Sha256Digest })
    .exactOptional(),
  /** Empty when the rebuild ended before anything was compared. */
  modules: z
    .array(RebuiltModule)
    .max(MAX_MODULES)
    .refine((modules) => new Set(modules.map(({ name }) => name)).size === modules.length, {
      message: 'module names must be unique',
    })
    .refine((modules) => modules.every(tierFits), {
      message: 'the tier of a module must fit its outcome',
    }),
  /** Of `failed` and `unavailable`, and of them alone. */
  failure: Failure.exactOptional(),
  variation: Variation.exactOptional(),
  environment: RebuildEnvironment,
  /** RFC 3339, UTC. */
  startedOn: Timestamp,
  finishedOn: Timestamp,
});

export type ModuleOutcome = z.infer<typeof ModuleOutcome>;
export type Outcome = z.infer<typeof Outcome>;
export type DifferenceSummary = z.infer<typeof DifferenceSummary>;
export type DifferenceCause = z.infer<typeof DifferenceCause>;
export type Tier = z.infer<typeof Tier>;
export type Variation = z.infer<typeof Variation>;
export type FileDescriptor = z.infer<typeof FileDescriptor>;
export type RebuiltModule = z.infer<typeof RebuiltModule>;
export type RebuildEnvironment = z.infer<typeof RebuildEnvironment>;
export type RebuildPredicate = z.infer<typeof RebuildPredicate>;

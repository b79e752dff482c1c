import { MAX_LOG_BODY_BYTES } from '@touchstone/contract';
import { secretSource, type SecretSource } from '@touchstone/keys';
import { z } from 'zod';

const Environment = z.object({
  /** The folder of the log: tiles, checkpoint, state. On a local disk. */
  TILES_DIR: z.string().min(1),
  /** Origin of the checkpoints and name of the key, a schema-less URL such as example.org/log. */
  LOG_ORIGIN: z.string().min(1).max(255),
  /** File of mode 0600 with the log's PKCS#8 key; or the key itself in LOG_KEY. */
  LOG_KEY_FILE: z.string().min(1).optional(),
  LOG_KEY: z.string().min(1).optional(),
  /** The key that the log shall have next; it signs once `touchstone log rotate` announced it. */
  LOG_NEXT_KEY_FILE: z.string().min(1).optional(),
  LOG_NEXT_KEY: z.string().min(1).optional(),
  /** Token for rotating and freezing over HTTP; without it neither can be asked for. */
  LOG_ADMIN_TOKEN: z.string().min(16).max(1024).optional(),
  LOG_ADMIN_TOKEN_FILE: z.string().min(1).optional(),
  /** A checkpoint older than this is signed and cosigned anew; 0 does so never. */
  LOG_REPUBLISH_SECONDS: z.coerce.number().min(0).max(2_000_000).default(600),
  /** From the end of one scrub through tiles and bundles to the start of the next. */
  LOG_SCRUB_SECONDS: z.coerce.number().min(0.01).max(2_000_000).default(86_400),
  /** Leaves that a scrub checks per second; 0 scrubs never. */
  LOG_SCRUB_RATE: z.coerce.number().int().min(0).max(100_000_000).default(20_000),
  /** Token that writers present; or a file with it. Without either, anyone may write. */
  LOG_WRITE_TOKEN: z.string().min(16).max(1024).optional(),
  LOG_WRITE_TOKEN_FILE: z.string().min(1).optional(),
  /** C2SP tlog-policy with the URLs of witnesses. Without it, checkpoints are not cosigned. */
  LOG_WITNESS_POLICY_FILE: z.string().min(1).optional(),
  /** `true` publishes checkpoints also without the quorum of the policy. */
  LOG_WITNESS_FAIL_OPEN: z.enum(['true', 'false']).default('false'),
  /** How long a witness may take over one checkpoint. */
  LOG_WITNESS_TIMEOUT_MS: z.coerce.number().int().min(10).max(60_000).default(5_000),
  /** The ECDSA P-256 key that signs for clients of Rekor v1, when the log's own is of another kind. */
  LOG_V1_KEY_FILE: z.string().min(1).optional(),
  LOG_V1_KEY: z.string().min(1).optional(),
  /** Where clients reach the log, for the signing config; else where they asked for it. */
  PUBLIC_URL: z.url({ protocol: /^https?$/ }).optional(),
  /** Who runs the log, for the signing config; else its origin. */
  LOG_OPERATOR: z.string().min(1).max(255).optional(),
  /** Since when the keys are in use, for the trusted root. */
  LOG_VALID_FROM: z.iso.datetime().default('2025-01-01T00:00:00Z'),
  /** PostgreSQL for the derived index; without it the index is made from the tiles at each start. */
  DATABASE_URL: z.string().min(1).optional(),
  DATABASE_URL_FILE: z.string().min(1).optional(),
  /** Policy file with the keys whose entries are taken; without it anybody's are. */
  LOG_WRITERS_FILE: z.string().min(1).optional(),
  /** Writes each second per writer and address, and how many at once; 0 is no limit. */
  LOG_WRITE_RATE: z.coerce.number().min(0).max(1_000_000).default(0),
  LOG_WRITE_BURST: z.coerce.number().int().min(1).max(1_000_000).default(100),
  /** From the end of one sweep through the attestations to the start of the next. */
  ATTESTATION_SWEEP_SECONDS: z.coerce.number().int().min(1).max(31_536_000).default(3_600),
  /** `off` keeps no verifiable index and commits to none. */
  LOG_MAP: z.enum(['on', 'off']).default('on'),
  /** A commitment to the map is due after this many leaves, or this many seconds after the first. */
  LOG_MAP_LEAVES: z.coerce.number().int().min(1).max(65_536).default(1_024),
  LOG_MAP_SECONDS: z.coerce.number().min(0.01).max(86_400).default(60),
  /** Keys of the map, each some five bytes of memory; a log that has more commits no more. */
  LOG_MAP_MAX_KEYS: z.coerce.number().int().min(1).max(100_000_000).default(30_000_000),
  HOST: z.string().min(1).default('127.0.0.1'),
  PORT: z.coerce.number().int().min(0).max(65_535).default(7401),
  MAX_BODY_BYTES: z.coerce.number().int().min(1024).max(16_777_216).default(MAX_LOG_BODY_BYTES),
  /** How long a request may take to arrive. */
  REQUEST_TIMEOUT_MS: z.coerce.number().int().min(100).max(600_000).default(60_000),
  /** Entries that may wait for a batch; more are told to come back later. */
  MAX_QUEUED_ENTRIES: z.coerce.number().int().min(1).max(1_000_000).default(16_384),
  /** Threads that make entries and verify their signatures; 0 does it between everything else. */
  LOG_VERIFY_THREADS: z.coerce.number().int().min(0).max(64).default(0),
  MAX_BATCH_ENTRIES: z.coerce.number().int().min(1).max(65_536).default(4_096),
  LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

export interface LogEnvironment {
  readonly tilesDir: string;
  readonly origin: string;
  readonly key: SecretSource;
  readonly nextKey: SecretSource | undefined;
  readonly adminToken: SecretSource | undefined;
  /** Zero is never. */
  readonly republishMs: number;
  readonly scrub: { readonly intervalMs: number; readonly rate: number };
  readonly writeToken: SecretSource | undefined;
  readonly witnesses:
    | { readonly policyFile: string; readonly failOpen: boolean; readonly timeoutMs: number }
    | undefined;
  readonly v1Key: SecretSource | undefined;
  readonly publicUrl: string | undefined;
  readonly operator: string | undefined;
  /** RFC 3339. */
  readonly validFrom: string;
  readonly databaseUrl: SecretSource | undefined;
  readonly writersFile: string | undefined;
  /** Per second; undefined is no limit. */
  readonly writeLimit: { readonly rate: number; readonly burst: number } | undefined;
  readonly sweepSeconds: number;
  /** Undefined when there is none. */
  readonly map:
    | { readonly everyLeaves: number; readonly intervalMs: number; readonly maxKeys: number }
    | undefined;
  readonly host: string;
  readonly port: number;
  readonly maxBodyBytes: number;
  readonly requestTimeoutMs: number;
  readonly maxQueuedEntries: number;
  readonly maxBatchEntries: number;
  readonly verifyThreads: number;
  readonly logLevel: string;
}

/** Reads and validates the log's environment; throws an error that names the variable. */
export function readEnvironment(variables: Record<string, string | undefined>): LogEnvironment {
  // An empty variable is an absent one: that is what compose files make of an unset name.
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  const parsed = Environment.safeParse(given);
  if (!parsed.success) {
    // All at once: who sets them up should not be told of one after the other.
    const lines = parsed.error.issues.map(({ path, message }) => {
      const name = String(path[0] ?? 'environment');
      return given[name] === undefined ? `${name} must be set` : `${name}: ${message}`;
    });
    throw new Error(lines.join('\n'));
  }
  const e = parsed.data;
  const key = secretSource('LOG_KEY', variables);
  if (!key) throw new Error('LOG_KEY_FILE: set it to the file with the private key of the log');
  return {
    tilesDir: e.TILES_DIR,
    origin: e.LOG_ORIGIN,
    key,
    nextKey: secretSource('LOG_NEXT_KEY', variables),
    adminToken: secretSource('LOG_ADMIN_TOKEN', variables),
    republishMs: Math.round(e.LOG_REPUBLISH_SECONDS * 1000),
    scrub: { intervalMs: e.LOG_SCRUB_SECONDS * 1000, rate: e.LOG_SCRUB_RATE },
    writeToken: secretSource('LOG_WRITE_TOKEN', variables),
    witnesses:
      e.LOG_WITNESS_POLICY_FILE === undefined
        ? undefined
        : {
            policyFile: e.LOG_WITNESS_POLICY_FILE,
            failOpen: e.LOG_WITNESS_FAIL_OPEN === 'true',
            timeoutMs: e.LOG_WITNESS_TIMEOUT_MS,
          },
    v1Key: secretSource('LOG_V1_KEY', variables),
    publicUrl: e.PUBLIC_URL?.replace(/\/$/, ''),
    operator: e.LOG_OPERATOR,
    validFrom: e.LOG_VALID_FROM,
    databaseUrl: secretSource('DATABASE_URL', variables),
    writersFile: e.LOG_WRITERS_FILE,
    writeLimit:
      e.LOG_WRITE_RATE === 0 ? undefined : { rate: e.LOG_WRITE_RATE, burst: e.LOG_WRITE_BURST },
    sweepSeconds: e.ATTESTATION_SWEEP_SECONDS,
    map:
      e.LOG_MAP === 'off'
        ? undefined
        : {
            everyLeaves: e.LOG_MAP_LEAVES,
            intervalMs: e.LOG_MAP_SECONDS * 1000,
            maxKeys: e.LOG_MAP_MAX_KEYS,
          },
    host: e.HOST,
    port: e.PORT,
    maxBodyBytes: e.MAX_BODY_BYTES,
    requestTimeoutMs: e.REQUEST_TIMEOUT_MS,
    maxQueuedEntries: e.MAX_QUEUED_ENTRIES,
    maxBatchEntries: e.MAX_BATCH_ENTRIES,
    verifyThreads: e.LOG_VERIFY_THREADS,
    logLevel: e.LOG_LEVEL,
  };
}

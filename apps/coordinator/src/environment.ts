import { KeyError, readSecret, secretSource } from '@touchstone/keys';
import { z } from 'zod';

const seconds = (fallback: number, min: number, max: number): z.ZodType<number> =>
  z.coerce.number().min(min).max(max).default(fallback);

const Flag = z
  .enum(['true', 'false'])
  .default('false')
  .transform((text) => text === 'true');

const Token = z.string().min(16, 'must have at least 16 characters');

/** Everything the coordinator is told from outside. Names are those of the variables. */
const Environment = z
  .object({
    /** Secrets may be given as NAME_FILE, the path of a file that holds them, instead. */
    DATABASE_URL: z.string().regex(/^postgres(?:ql)?:\/\//, 'must be a postgresql:// URL'),
    /** When set, the queue runs on Redis or Valkey there, else on the database. */
    REDIS_URL: z
      .string()
      .regex(/^(?:rediss?|unix):\/\//, 'must be a redis:// URL')
      .optional(),
    LOG_URL: z.url({ protocol: /^https?$/ }),
    /** The log's verifier key. When absent it is asked of the log at the first start, and kept. */
    LOG_VKEY: z.string().optional(),
    /** Token that the log asks of its writers, if it does. */
    LOG_WRITE_TOKEN: Token.optional(),
    HOST: z.string().min(1).default('127.0.0.1'),
    /** 0: any free port. */
    PORT: z.coerce.number().int().min(0).max(65_535).default(7400),
    /** Who request tokens must be made out to; the URL the coordinator listens on unless told. */
    COORDINATOR_AUDIENCE: z.string().min(1).max(512).optional(),
    /** Lets its bearer enrol rebuilders. */
    ADMIN_TOKEN: Token,
    /** When set, only its bearer may submit and upload. */
    SUBMIT_TOKEN: Token.optional(),
    /** How long a lease lasts unless a heartbeat renews it. */
    LEASE_SECONDS: seconds(60, 1, 3600),
    /** How often lapsed leases and lost jobs are looked for. */
    SWEEP_SECONDS: seconds(5, 0.1, 300),
    /** Pause after the first lapsed lease, or after the log failed; doubled each further time. */
    RETRY_SECONDS: seconds(1, 0.01, 60),
    RETRY_MAX_SECONDS: seconds(600, 1, 86_400),
    /** Organisations that must agree. */
    POLICY_QUORUM: z.coerce.number().int().min(1).max(256).default(2),
    /** Whether `equivalent` counts as `reproduced`. */
    POLICY_ACCEPT_EQUIVALENT: Flag,
    DATABASE_CONNECTIONS: z.coerce.number().int().min(2).max(200).default(10),
    LOG_LEVEL: z.enum(['trace', 'debug', 'info', 'warn', 'error', 'silent']).default('info'),
  })
  .readonly();

export type Environment = z.infer<typeof Environment>;

const SECRETS = [
  'DATABASE_URL',
  'REDIS_URL',
  'LOG_WRITE_TOKEN',
  'ADMIN_TOKEN',
  'SUBMIT_TOKEN',
] as const;

/** What is wrong with the environment, all of it at once, one line each. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

/** @throws EnvironmentError that names each variable that is missing or malformed */
export function readEnvironment(
  variables: Readonly<Record<string, string | undefined>>,
): Environment {
  // An empty variable is an absent one: that is what compose files make of an unset name.
  const given = Object.fromEntries(Object.entries(variables).filter(([, value]) => value !== ''));
  for (const name of SECRETS) {
    try {
      const source = secretSource(name, given);
      if (source !== undefined) given[name] = readSecret(source);
    } catch (cause) {
      if (!(cause instanceof KeyError)) throw cause;
      throw new EnvironmentError(`${name}_FILE: ${cause.message}`, { cause });
    }
  }
  const parsed = Environment.safeParse(given);
  if (parsed.success) return parsed.data;
  const lines = parsed.error.issues.map((issue) => {
    const name = issue.path.map(String).join('.');
    return given[name] === undefined ? `${name} must be set` : `${name}: ${issue.message}`;
  });
  throw new EnvironmentError(lines.join('\n'));
}

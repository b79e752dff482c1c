import { homedir } from 'node:os';
import { relative, resolve, sep } from 'node:path';
import { VaryWhen } from '@touchstone/contract';
import { SANDBOX_CHOICES, type SandboxChoice } from '@touchstone/rebuild';
import { z } from 'zod';

const Environment = z.object({
  COORDINATOR_URL: z.url({ protocol: /^https?$/ }),
  /** Audience of the request tokens; the coordinator's URL unless told. */
  COORDINATOR_AUDIENCE: z.string().min(1).optional(),
  REBUILDER_ID: z.string().min(1),
  /** File of mode 0600 with the organisation's PKCS#8 key; or the key itself in REBUILDER_KEY. */
  REBUILDER_KEY_FILE: z.string().min(1).optional(),
  REBUILDER_KEY: z.string().min(1).optional(),
  /** Fetched tarballs and assembled toolchains; workers of one organisation may share it. */
  CACHE_DIR: z.string().min(1),
  /** Workspaces of running builds; of this worker process alone, emptied when it starts. */
  WORK_DIR: z.string().min(1),
  /** What builds run in; an engine for Docker is found as its own tools find it (DOCKER_HOST). */
  SANDBOX: z.enum(SANDBOX_CHOICES).default('auto'),
  /** Longest time one rebuild may take, in seconds. */
  BUILD_SECONDS: z.coerce.number().int().min(1).max(86_400).default(1_800),
  /** Whether to build again with circumstances varied; a recipe's wish goes before when-different. */
  VARY: VaryWhen.default('when-different'),
  /** Longest time that all builds of a variation may take together, in seconds. */
  VARY_SECONDS: z.coerce.number().int().min(1).max(86_400).default(900),
  /** Let sources be fetched from private and loopback addresses, e.g. a registry mirror inside. */
  ALLOW_PRIVATE_REGISTRIES: z.stringbool().default(false),
  LOG_LEVEL: z.enum(['silent', 'error', 'warn', 'info', 'debug']).default('info'),
});

export interface WorkerEnvironment {
  readonly coordinatorUrl: string;
  readonly audience: string;
  readonly rebuilderId: string;
  readonly key: { readonly file: string } | { readonly pem: string };
  readonly cacheDir: string;
  readonly workDir: string;
  readonly sandbox: SandboxChoice;
  readonly buildSeconds: number;
  readonly vary: VaryWhen;
  readonly varySeconds: number;
  readonly allowPrivateRegistries: boolean;
  readonly logLevel: string;
}

/** Reads and validates the worker's environment; throws an error that names the variable. */
export function readEnvironment(variables: Record<string, string | undefined>): WorkerEnvironment {
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
  refuseToEmpty(e.WORK_DIR, [e.CACHE_DIR, e.REBUILDER_KEY_FILE, process.cwd(), homedir()]);
  return {
    coordinatorUrl: e.COORDINATOR_URL,
    audience: e.COORDINATOR_AUDIENCE ?? e.COORDINATOR_URL.replace(/\/$/, ''),
    rebuilderId: e.REBUILDER_ID,
    key: keySource(e.REBUILDER_KEY_FILE, e.REBUILDER_KEY),
    cacheDir: e.CACHE_DIR,
    workDir: e.WORK_DIR,
    sandbox: e.SANDBOX,
    buildSeconds: e.BUILD_SECONDS,
    vary: e.VARY,
    varySeconds: e.VARY_SECONDS,
    allowPrivateRegistries: e.ALLOW_PRIVATE_REGISTRIES,
    logLevel: e.LOG_LEVEL,
  };
}

/** The work folder is emptied at each start, so nothing that anybody wants may lie in it. */
function refuseToEmpty(workDir: string, wanted: readonly (string | undefined)[]): void {
  for (const path of wanted) {
    if (path === undefined) continue;
    const way = relative(resolve(workDir), resolve(path));
    if (way === '..' || way.startsWith(`..${sep}`)) continue;
    throw new Error(
      `WORK_DIR: ${workDir} is emptied when the worker starts, and ${path} lies in it; name a folder of its own`,
    );
  }
}

function keySource(file: string | undefined, pem: string | undefined): WorkerEnvironment['key'] {
  if (file !== undefined && pem !== undefined) {
    throw new Error('REBUILDER_KEY_FILE and REBUILDER_KEY are both set; keep one');
  }
  if (file !== undefined) return { file };
  if (pem !== undefined) return { pem };
  throw new Error('REBUILDER_KEY_FILE is not set; make a key with `touchstone keygen --out FILE`');
}

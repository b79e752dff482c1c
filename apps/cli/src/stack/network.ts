import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { TrustRoot } from '@touchstone/attest';
import type { PrivateKey } from '@touchstone/keys';
import {
  formatVerifierKey,
  toBase64,
  verifierKey,
  type SignatureAlgorithm,
} from '@touchstone/note';
import { startEmbeddedPostgres } from '@touchstone/store';
import { coordinatorClient } from '../context.js';
import { CliError, EXIT } from '../failure.js';
import { freePort, portTaken } from './free-port.js';
import { keptKey, keptToken } from './secrets.js';
import { Processes } from './processes.js';
import type { Service } from './service.js';

export interface LocalRebuilder {
  readonly id: string;
  readonly organisation: string;
  readonly algorithm: SignatureAlgorithm;
}

export interface NetworkOptions {
  /** Holds everything: database, tiles, keys, logs, builds. */
  readonly dir: string;
  /** Tarballs and toolchains; content-addressed, so one may serve several networks. */
  readonly cacheDir: string;
  readonly origin: string;
  readonly quorum: number;
  readonly rebuilders: readonly LocalRebuilder[];
  /** Ports of the loopback interface; a free one is taken when absent. */
  readonly coordinatorPort?: number;
  readonly logPort?: number;
  /** Whoever reaches the log may write to it, as cosign does, which sends no token. */
  readonly openLog?: boolean;
  readonly leaseSeconds?: number;
  readonly allowPrivateRegistries?: boolean;
  readonly progress: (line: string) => void;
  readonly stop: AbortSignal;
}

/** A running network in one folder, the embedded default. */
export interface Network {
  readonly coordinatorUrl: string;
  readonly logUrl: string;
  /** Made from the keys themselves, not asked of the coordinator. */
  readonly trustRoot: TrustRoot;
  readonly trustRootFile: string;
  /** By name: `log`, `coordinator`, and the rebuilders' ids. */
  readonly services: ReadonlyMap<string, Service>;
  /** Kills one process without warning and starts it anew. */
  crash(name: string): Promise<void>;
  /** Stops workers, coordinator, log and database, in this order. */
  close(): Promise<void>;
}

/**
 * Starts PostgreSQL, the log, the coordinator and one worker per rebuilder, each a process of its
 * own, and enrols the rebuilders. Whatever was started is stopped again when a later step fails.
 */
export async function startNetwork(options: NetworkOptions): Promise<Network> {
  const processes = new Processes(options.stop);
  try {
    return await start(options, processes);
  } catch (error) {
    await processes.close();
    throw error;
  }
}

async function start(options: NetworkOptions, processes: Processes): Promise<Network> {
  const { dir, progress } = options;
  await refuseTakenPorts(options);
  for (const name of ['logs', 'keys', 'tiles', 'work']) {
    await mkdir(join(dir, name), { recursive: true });
  }
  progress('starting PostgreSQL');
  const database = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  processes.onClose(() => database.stop());
  const log = await startLog(options, processes, database.url);
  const coordinator = await startCoordinator(options, processes, database.url, log);
  const keys = await startRebuilders(options, processes, coordinator);
  const trustRoot = trustRootOf(options, log.vkey, keys);
  const trustRootFile = join(dir, 'trust-root.json');
  await writeFile(trustRootFile, `${JSON.stringify(trustRoot, null, 2)}\n`);
  return {
    coordinatorUrl: coordinator.url,
    logUrl: log.url,
    ...{ trustRoot, trustRootFile },
    services: processes.services,
    crash: (name) => processes.crash(name),
    close: () => processes.close(),
  };
}

/** Asked first: whoever listens there would answer in the place of what is started here. */
async function refuseTakenPorts({ coordinatorPort, logPort }: NetworkOptions): Promise<void> {
  if (coordinatorPort !== undefined && coordinatorPort === logPort) {
    const text = `coordinator and log cannot both listen on port ${logPort}`;
    throw new CliError('port-in-use', text, EXIT.usage);
  }
  for (const [port, option] of [
    [coordinatorPort, '--coordinator-port'],
    [logPort, '--log-port'],
  ] as const) {
    if (port === undefined || !(await portTaken(port))) continue;
    throw new CliError(
      'port-in-use',
      `something listens on 127.0.0.1:${port} already, perhaps another \`touchstone up\`: stop it, or choose another port with ${option}`,
      EXIT.absent,
    );
  }
}

interface RunningLog {
  readonly url: string;
  readonly vkey: string;
  /** What those who write are told. */
  readonly writing: { readonly LOG_WRITE_TOKEN_FILE?: string };
}

async function startLog(
  options: NetworkOptions,
  processes: Processes,
  databaseUrl: string,
): Promise<RunningLog> {
  const { dir, origin } = options;
  const port = options.logPort ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const keyFile = join(dir, 'keys/log.pem');
  const { publicKey } = await keptKey(keyFile, 'ed25519');
  const v1KeyFile = join(dir, 'keys/log-v1.pem');
  await keptKey(v1KeyFile, 'ecdsa-p256-sha256');
  const writeTokenFile = join(dir, 'keys/log-write.token');
  await keptToken(writeTokenFile);
  const writing = options.openLog === true ? {} : { LOG_WRITE_TOKEN_FILE: writeTokenFile };
  options.progress(`starting the log on ${url}`);
  await processes.run({
    app: 'log',
    name: 'log',
    logFile: join(dir, 'logs/log.log'),
    readyUrl: `${url}/readyz`,
    environment: {
      TILES_DIR: join(dir, 'tiles'),
      LOG_ORIGIN: origin,
      LOG_KEY_FILE: keyFile,
      // Rekor v1 knows no Ed25519: with this key its clients are served too.
      LOG_V1_KEY_FILE: v1KeyFile,
      ...writing,
      // What is derived from the tiles need not be made again at each start.
      DATABASE_URL: databaseUrl,
      // Someone is trying this out: `touchstone search` should not have to wait for a minute.
      LOG_MAP_SECONDS: '10',
      PORT: String(port),
    },
  });
  return { url, writing, vkey: formatVerifierKey(verifierKey(origin, publicKey)) };
}

interface RunningCoordinator {
  readonly url: string;
  readonly adminToken: string;
}

async function startCoordinator(
  options: NetworkOptions,
  processes: Processes,
  databaseUrl: string,
  log: RunningLog,
): Promise<RunningCoordinator> {
  const { dir, leaseSeconds } = options;
  const port = options.coordinatorPort ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const adminTokenFile = join(dir, 'keys/admin.token');
  const adminToken = await keptToken(adminTokenFile);
  options.progress(`starting the coordinator on ${url}`);
  await processes.run({
    app: 'coordinator',
    name: 'coordinator',
    logFile: join(dir, 'logs/coordinator.log'),
    readyUrl: `${url}/readyz`,
    environment: {
      DATABASE_URL: databaseUrl,
      LOG_URL: log.url,
      LOG_VKEY: log.vkey,
      ...log.writing,
      ADMIN_TOKEN_FILE: adminTokenFile,
      POLICY_QUORUM: String(options.quorum),
      PORT: String(port),
      ...(leaseSeconds === undefined ? {} : { LEASE_SECONDS: String(leaseSeconds) }),
    },
  });
  return { url, adminToken };
}

async function startRebuilders(
  options: NetworkOptions,
  processes: Processes,
  coordinator: RunningCoordinator,
): Promise<Map<string, PrivateKey>> {
  const { dir } = options;
  const client = coordinatorClient(coordinator.url, { admin: coordinator.adminToken });
  const keys = new Map<string, PrivateKey>();
  for (const { id, organisation, algorithm } of options.rebuilders) {
    options.progress(`enrolling rebuilder ${id} of ${organisation} (${algorithm}) and starting it`);
    const keyFile = join(dir, 'keys', `${id}.pem`);
    const key = await keptKey(keyFile, algorithm);
    keys.set(id, key);
    // A folder from earlier may hold a key of another kind.
    const { publicKey: kept } = key;
    const publicKey = { algorithm: kept.algorithm, spki: toBase64(kept.spki) };
    await client.enrol({ body: { id, organisation, publicKey } });
    await processes.run({
      app: 'worker',
      name: id,
      logFile: join(dir, 'logs', `${id}.log`),
      environment: {
        COORDINATOR_URL: coordinator.url,
        REBUILDER_ID: id,
        REBUILDER_KEY_FILE: keyFile,
        CACHE_DIR: options.cacheDir,
        WORK_DIR: join(dir, 'work', id),
        // Where `touchstone toolchain lock` puts locks beside this data folder.
        TOOLCHAINS_DIR: process.env['TOOLCHAINS_DIR'] ?? join(dir, 'toolchains'),
        ...(options.allowPrivateRegistries === true ? { ALLOW_PRIVATE_REGISTRIES: 'true' } : {}),
      },
    });
  }
  return keys;
}

function trustRootOf(
  options: NetworkOptions,
  logVerifierKey: string,
  keys: ReadonlyMap<string, PrivateKey>,
): TrustRoot {
  return {
    schema: 'https://touchstone.dev/trust-root/v1',
    version: 1,
    logs: [{ origin: options.origin, vkey: logVerifierKey }],
    rebuilders: options.rebuilders.map(({ id, organisation }) => {
      const key = keys.get(id);
      if (key === undefined) throw new Error(`no key for ${id}`);
      const { algorithm, spki } = key.publicKey;
      return { id, organisation, keys: [{ algorithm, spki: toBase64(spki) }] };
    }),
    policy: { quorum: options.quorum },
  };
}

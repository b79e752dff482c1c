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
import { freePort } from './free-port.js';
import { keptKey, keptToken } from './secrets.js';
import { Service, type ServiceOptions } from './service.js';

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
  const closers: (() => Promise<void>)[] = [];
  const close = async (): Promise<void> => {
    for (let closer = closers.pop(); closer !== undefined; closer = closers.pop()) await closer();
  };
  try {
    return await start(options, closers, close);
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  options: NetworkOptions,
  closers: (() => Promise<void>)[],
  close: () => Promise<void>,
): Promise<Network> {
  const { dir, progress, stop } = options;
  for (const name of ['logs', 'keys', 'tiles', 'work']) {
    await mkdir(join(dir, name), { recursive: true });
  }
  const services = new Map<string, Service>();
  const run = async (service: ServiceOptions): Promise<void> => {
    services.set(service.name, await Service.start(service, stop));
    closers.push(async () => services.get(service.name)?.stop());
  };
  const crash = async (name: string): Promise<void> => {
    const service = services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    await service.kill();
    services.set(name, await Service.start(service.options, stop));
  };

  progress('starting PostgreSQL');
  const database = await startEmbeddedPostgres({ dir: join(dir, 'postgres') });
  closers.push(() => database.stop());

  const logPort = options.logPort ?? (await freePort());
  const logUrl = `http://127.0.0.1:${logPort}`;
  const logKey = await keptKey(join(dir, 'keys/log.pem'), 'ed25519');
  const writeToken = join(dir, 'keys/log-write.token');
  await keptToken(writeToken);
  progress(`starting the log on ${logUrl}`);
  await run({
    app: 'log',
    name: 'log',
    logFile: join(dir, 'logs/log.log'),
    readyUrl: `${logUrl}/readyz`,
    environment: {
      TILES_DIR: join(dir, 'tiles'),
      LOG_ORIGIN: options.origin,
      LOG_KEY_FILE: join(dir, 'keys/log.pem'),
      LOG_WRITE_TOKEN_FILE: writeToken,
      PORT: String(logPort),
    },
  });

  const logVerifierKey = formatVerifierKey(verifierKey(options.origin, logKey.publicKey));
  const coordinatorPort = options.coordinatorPort ?? (await freePort());
  const coordinatorUrl = `http://127.0.0.1:${coordinatorPort}`;
  const adminToken = await keptToken(join(dir, 'keys/admin.token'));
  progress(`starting the coordinator on ${coordinatorUrl}`);
  await run({
    app: 'coordinator',
    name: 'coordinator',
    logFile: join(dir, 'logs/coordinator.log'),
    readyUrl: `${coordinatorUrl}/readyz`,
    environment: {
      DATABASE_URL: database.url,
      LOG_URL: logUrl,
      LOG_VKEY: logVerifierKey,
      LOG_WRITE_TOKEN_FILE: writeToken,
      ADMIN_TOKEN_FILE: join(dir, 'keys/admin.token'),
      POLICY_QUORUM: String(options.quorum),
      PORT: String(coordinatorPort),
      ...(options.leaseSeconds === undefined
        ? {}
        : { LEASE_SECONDS: String(options.leaseSeconds) }),
    },
  });

  const keys = await startRebuilders(options, coordinatorUrl, adminToken, run);
  const trustRoot = trustRootOf(options, logVerifierKey, keys);
  const trustRootFile = join(dir, 'trust-root.json');
  await writeFile(trustRootFile, `${JSON.stringify(trustRoot, null, 2)}\n`);
  return { coordinatorUrl, logUrl, trustRoot, trustRootFile, services, crash, close };
}

async function startRebuilders(
  options: NetworkOptions,
  coordinatorUrl: string,
  adminToken: string,
  run: (service: ServiceOptions) => Promise<void>,
): Promise<Map<string, PrivateKey>> {
  const { dir } = options;
  const client = coordinatorClient(coordinatorUrl, { admin: adminToken });
  const keys = new Map<string, PrivateKey>();
  for (const { id, organisation, algorithm } of options.rebuilders) {
    options.progress(`enrolling rebuilder ${id} of ${organisation} (${algorithm}) and starting it`);
    const keyFile = join(dir, 'keys', `${id}.pem`);
    const key = await keptKey(keyFile, algorithm);
    keys.set(id, key);
    const spki = toBase64(key.publicKey.spki);
    await client.enrol({ body: { id, organisation, publicKey: { algorithm, spki } } });
    await run({
      app: 'worker',
      name: id,
      logFile: join(dir, 'logs', `${id}.log`),
      environment: {
        COORDINATOR_URL: coordinatorUrl,
        REBUILDER_ID: id,
        REBUILDER_KEY_FILE: keyFile,
        CACHE_DIR: options.cacheDir,
        WORK_DIR: join(dir, 'work', id),
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

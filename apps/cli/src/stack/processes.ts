import { Service, type ServiceOptions } from './service.js';

/** What a network has started, to be stopped in reverse order. */
export class Processes {
  readonly services = new Map<string, Service>();
  readonly #closers: (() => Promise<void>)[] = [];
  readonly #stop: AbortSignal;

  constructor(stop: AbortSignal) {
    this.#stop = stop;
  }

  /** Starts a service and waits until it is ready. */
  async run(options: ServiceOptions): Promise<void> {
    const { name } = options;
    this.services.set(name, await Service.start(options, this.#stop));
    // By name: after a crash it is another process.
    this.onClose(async () => this.services.get(name)?.stop());
  }

  onClose(closer: () => Promise<void>): void {
    this.#closers.push(closer);
  }

  /** Kills one service without warning and starts it anew. */
  async crash(name: string): Promise<void> {
    const service = this.services.get(name);
    if (service === undefined) throw new Error(`there is no service ${name}`);
    await service.kill();
    this.services.set(name, await Service.start(service.options, this.#stop));
  }

  async close(): Promise<void> {
    for (let closer = this.#closers.pop(); closer; closer = this.#closers.pop()) await closer();
  }
}

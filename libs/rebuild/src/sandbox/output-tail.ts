const KEPT = 64 * 1024;

/** The end of a process's standard output and standard error, and a watch on their total. */
export class OutputTail {
  readonly #limit: number;
  readonly #onExcess: () => void;
  readonly #kept: Record<'stdout' | 'stderr', Buffer> = {
    stdout: Buffer.alloc(0),
    stderr: Buffer.alloc(0),
  };
  #total = 0;

  /** @param limit bytes of both together */
  constructor(limit: number, onExcess: () => void) {
    this.#limit = limit;
    this.#onExcess = onExcess;
  }

  add(name: 'stdout' | 'stderr', chunk: Buffer): void {
    this.#total += chunk.length;
    this.#kept[name] = Buffer.concat([this.#kept[name], chunk]).subarray(-KEPT);
    if (this.#total > this.#limit) this.#onExcess();
  }

  texts(): { stdout: string; stderr: string } {
    return {
      stdout: this.#kept.stdout.toString('utf8'),
      stderr: this.#kept.stderr.toString('utf8'),
    };
  }
}

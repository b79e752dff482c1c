/** One benchmark. It prints JSON lines, one per case, and cleans up after itself. */
export interface Bench {
  readonly name: string;
  /** What it measures, for --help. */
  readonly about: string;
  run(): Promise<void>;
}

export function printLine(result: object): void {
  process.stdout.write(`${JSON.stringify(result)}\n`);
}

/** The value below which a share of the samples lies. Sorts them. */
export function percentile(samples: Float64Array, share: number): number {
  samples.sort();
  return samples[Math.min(samples.length - 1, Math.floor(samples.length * share))] ?? NaN;
}

/** Rounds for printing: three decimals. */
export function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}

const RUNS = 25;

/** Median of 25 runs, in milliseconds. */
export function measure(run: () => unknown): number {
  const samples = new Float64Array(RUNS);
  for (let i = 0; i < RUNS; i += 1) {
    const began = performance.now();
    run();
    samples[i] = performance.now() - began;
  }
  return percentile(samples, 0.5);
}

/** The best of 25 runs each, taken in turn: two figures to be held against each other. */
export function measureBoth(one: () => unknown, other: () => unknown): [number, number] {
  const best: [number, number] = [Infinity, Infinity];
  for (let i = 0; i < RUNS; i += 1) {
    for (const [which, run] of [one, other].entries()) {
      const began = performance.now();
      run();
      best[which as 0 | 1] = Math.min(best[which as 0 | 1], performance.now() - began);
    }
  }
  return best;
}

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

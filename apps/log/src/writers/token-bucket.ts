/** Buckets at once; the ones that were full longest are forgotten first, which changes nothing. */
const MAX_BUCKETS = 10_000;

interface Bucket {
  tokens: number;
  at: number;
}

/** One bucket per name: `burst` writes at once, and `rate` more each second. */
export class TokenBuckets {
  readonly #rate: number;
  readonly #burst: number;
  readonly #clock: () => number;
  /** Least recently used first. */
  readonly #buckets = new Map<string, Bucket>();

  constructor(options: { rate: number; burst: number; clock: () => number }) {
    this.#rate = options.rate;
    this.#burst = options.burst;
    this.#clock = options.clock;
  }

  /** Takes one token and gives 0, or gives the milliseconds until there is one. */
  take(name: string): number {
    const now = this.#clock();
    const bucket = this.#buckets.get(name) ?? { tokens: this.#burst, at: now };
    const earned = (Math.max(0, now - bucket.at) / 1000) * this.#rate;
    bucket.tokens = Math.min(this.#burst, bucket.tokens + earned);
    bucket.at = now;
    this.#buckets.delete(name);
    this.#buckets.set(name, bucket);
    if (this.#buckets.size > MAX_BUCKETS) {
      this.#buckets.delete(this.#buckets.keys().next().value as string);
    }
    if (bucket.tokens < 1) return Math.ceil(((1 - bucket.tokens) / this.#rate) * 1000);
    bucket.tokens -= 1;
    return 0;
  }
}

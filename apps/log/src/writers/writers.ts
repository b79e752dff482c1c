import type { FastifyRequest } from 'fastify';
import { HttpProblem } from '../http-problem.js';
import { TokenBuckets } from './token-bucket.js';
import type { WriterPolicy } from './writer-policy.js';

export interface WritersOptions {
  /** Throws when the log takes no writes from anybody. */
  readonly refuse?: () => void;
  /** What writers present; null when none is asked for. */
  readonly token: string | null;
  /** Whose entries are taken; null takes anybody's. */
  readonly policy: WriterPolicy | null;
  /** Writes each second and at once, per writer; undefined is no limit. */
  readonly limit: { readonly rate: number; readonly burst: number } | undefined;
  /** Milliseconds from any start. */
  readonly clock: () => number;
}

/** Who may write, and how fast. Reads are anybody's. */
export class Writers {
  readonly #options: WritersOptions;
  readonly #buckets: TokenBuckets | undefined;

  constructor(options: WritersOptions) {
    this.#options = options;
    const { limit, clock } = options;
    if (limit) this.#buckets = new TokenBuckets({ ...limit, clock });
  }

  /**
   * Checks the token of a write before anything of it is looked at. The address is limited here,
   * since what comes next costs the log a signature check.
   *
   * @throws HttpProblem `token-missing`, `token-forbidden`, `rate-limited`, `log-frozen`
   */
  admit(request: Pick<FastifyRequest, 'headers' | 'ip'>): void {
    this.#options.refuse?.();
    this.authorize(request);
  }

  /**
   * The same for what adds no entry, and so is taken of a frozen log too.
   *
   * @throws HttpProblem `token-missing`, `token-forbidden`, `rate-limited`
   */
  authorize({ headers: { authorization }, ip }: Pick<FastifyRequest, 'headers' | 'ip'>): void {
    this.#authorize(authorization);
    this.#limit(`address ${ip}`);
  }

  /**
   * Checks the keys that signed an entry, by the hex SHA-256 of their SPKI: all must be enrolled.
   *
   * @throws HttpProblem `writer-unknown`, `rate-limited`
   */
  admitSigners(signers: readonly string[]): void {
    const { policy } = this.#options;
    if (!policy) return;
    for (const key of signers) {
      const writer = policy.writerOf(key);
      if (writer === undefined) {
        const detail = `no writer of this log signs with key ${key}; have it enrolled`;
        throw new HttpProblem('writer-unknown', 403, detail);
      }
      this.#limit(`writer ${writer}`);
    }
  }

  #limit(name: string): void {
    const wait = this.#buckets?.take(name) ?? 0;
    if (wait === 0) return;
    const detail = `too many writes of ${name}; the next is taken in ${wait} ms`;
    throw new HttpProblem('rate-limited', 429, detail, { retryAfter: Math.ceil(wait / 1000) });
  }

  #authorize(authorization: string | undefined): void {
    const { token } = this.#options;
    if (token === null) return;
    const presented = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (presented === undefined) {
      throw new HttpProblem('token-missing', 401, 'send Authorization: Bearer and the write token');
    }
    if (!isSecret(presented, token)) {
      throw new HttpProblem('token-forbidden', 403, 'the token is not the write token of this log');
    }
  }
}
import { isSecret } from '@touchstone/keys';

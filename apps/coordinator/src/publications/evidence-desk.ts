import type { Evidence } from '@touchstone/attest';
import { ProblemError } from '../problem-error.js';

export interface EvidenceDeskParts {
  /** All of a publication's evidence, proven anew. */
  readonly gather: (publicationId: string) => Promise<Evidence>;
  /** What the evidence is made of, in a word: another word, other evidence. */
  readonly version: (publicationId: string) => Promise<string>;
  readonly now: () => number;
}

/** How old evidence may be when it is handed out; its checkpoint is as old. */
const FRESH_MILLISECONDS = 5_000;
const HELD = 64;
/** Each gathering asks the log for up to 512 proofs. */
const AT_ONCE = 2;
const WAITING = 64;

interface Held {
  readonly version: string;
  readonly until: number;
  readonly evidence: Promise<Evidence>;
}

/**
 * Hands out evidence to whoever asks, which is anybody: what was gathered a moment ago is handed
 * out again, those who ask for the same share one gathering, and few gatherings go on at once.
 */
export class EvidenceDesk {
  readonly #parts: EvidenceDeskParts;
  /** Least recently gathered first. */
  readonly #held = new Map<string, Held>();
  readonly #queue: (() => void)[] = [];
  #running = 0;

  constructor(parts: EvidenceDeskParts) {
    this.#parts = parts;
  }

  /** @throws ProblemError of `gather`; `rate-limited` when too many wait already */
  async get(publicationId: string): Promise<Evidence> {
    const { version: versionOf, now } = this.#parts;
    const version = await versionOf(publicationId);
    const held = this.#held.get(publicationId);
    if (held?.version === version && held.until > now()) return held.evidence;
    const evidence = this.#gather(publicationId);
    this.#hold(publicationId, { version, until: now() + FRESH_MILLISECONDS, evidence });
    evidence.catch(() => {
      // A failure is nobody else's answer.
      if (this.#held.get(publicationId)?.evidence === evidence) this.#held.delete(publicationId);
    });
    return evidence;
  }

  #hold(publicationId: string, held: Held): void {
    this.#held.delete(publicationId);
    this.#held.set(publicationId, held);
    const [oldest] = this.#held.keys();
    if (this.#held.size > HELD && oldest !== undefined) this.#held.delete(oldest);
  }

  async #gather(publicationId: string): Promise<Evidence> {
    if (this.#running >= AT_ONCE) {
      if (this.#queue.length >= WAITING) {
        throw new ProblemError('rate-limited', 'too many ask for evidence now; try again later');
      }
      // Whoever ends hands its turn on.
      await new Promise<void>((resolve) => this.#queue.push(resolve));
    } else {
      this.#running += 1;
    }
    try {
      return await this.#parts.gather(publicationId);
    } finally {
      const next = this.#queue.shift();
      if (next === undefined) this.#running -= 1;
      else next();
    }
  }
}

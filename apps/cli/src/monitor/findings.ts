import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { canonicalJson } from '@touchstone/attest';
import { writeDurably } from '@touchstone/tlog';
import { exists } from './monitor-state.js';
import type { Webhook } from './webhook.js';

/** Something that somebody should know of. */
export type Finding =
  /** Two checkpoints that the log signed and that cannot both be of one log that only grows. */
  | {
      readonly kind: 'fork';
      readonly origin: string;
      /** `same-size` proves itself; for the other, the log must show a consistency proof. */
      readonly why: 'same-size' | 'no-consistency';
      /** Signed notes, the one seen first first. */
      readonly checkpoints: readonly [string, string];
    }
  /** What the log hands out is not the tree that it signed. */
  | { readonly kind: 'tiles-wrong'; readonly origin: string; readonly checkpoint: string }
  /** A committed map that tiles and attestations do not give, or a commitment that is none. */
  | {
      readonly kind: 'map-wrong';
      readonly origin: string;
      readonly checkpoint: string;
      readonly index: number;
      /** Base64 of the leaf. */
      readonly leaf: string;
      readonly why: string;
      /** Base64 of the root that the leaves give, when it came to that. */
      readonly computed?: string;
    }
  /** A leaf about the log itself that does not follow from what it said before. */
  | {
      readonly kind: 'life-wrong';
      readonly origin: string;
      readonly checkpoint: string;
      readonly index: number;
      /** Base64 of the leaf. */
      readonly leaf: string;
      readonly why: string;
    }
  /** A checkpoint by keys that are not those of the log at that size, by its own leaves. */
  | {
      readonly kind: 'key-wrong';
      readonly origin: string;
      readonly checkpoint: string;
      readonly why: string;
    }
  /** An attestation that the log had when it made its map, and does not hand out. */
  | {
      readonly kind: 'attestation-missing';
      readonly origin: string;
      readonly index: number;
      readonly sha256: string;
    }
  /** A new entry speaks of something watched, or may: `certain` is false when it was not readable. */
  | {
      readonly kind: 'watched';
      readonly origin: string;
      readonly index: number;
      readonly targets: readonly string[];
      readonly certain: boolean;
    };

/** Findings after which following the log makes no sense. */
export function isFatal({ kind }: Finding): boolean {
  return kind !== 'attestation-missing' && kind !== 'watched';
}

/**
 * The findings of a monitor as files named by their content, so that one found again after a
 * crash is the same one. Order: the file is durable, the webhook has taken it, a mark says so.
 * Only then may the monitor go on, so a finding is sent at least once.
 */
export class Findings {
  readonly #dir: string;
  readonly #webhook: Webhook | undefined;
  readonly #clock: () => Date;

  private constructor(dir: string, webhook: Webhook | undefined, clock: () => Date) {
    this.#dir = dir;
    this.#webhook = webhook;
    this.#clock = clock;
  }

  static async open(
    folder: string,
    webhook: Webhook | undefined,
    clock: () => Date,
  ): Promise<Findings> {
    const dir = join(folder, 'findings');
    await mkdir(dir, { recursive: true });
    return new Findings(dir, webhook, clock);
  }

  /** Its file, and whether it is new. @throws CliError `webhook-failed` when it was not taken */
  async report(finding: Finding): Promise<{ file: string; isNew: boolean }> {
    const id = createHash('sha256').update(canonicalJson(finding)).digest('hex').slice(0, 32);
    const file = join(this.#dir, `${finding.kind}-${id}.json`);
    const isNew = !(await exists(file));
    const document = { id, seenAt: this.#clock().toISOString(), ...finding };
    if (isNew) await writeDurably(file, `${JSON.stringify(document, null, 2)}\n`);
    const sent = `${file}.sent`;
    if (this.#webhook && !(await exists(sent))) {
      await this.#webhook.send(JSON.stringify(document));
      await writeDurably(sent, '');
    }
    return { file, isNew };
  }
}

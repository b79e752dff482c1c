import type { CosignaturesAnswer } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { NoteError, openCheckpoint, type OpenedCheckpoint } from '@touchstone/note';
import { HttpProblem } from '../http-problem.js';
import type { Log } from '../log.js';
import type { CourierCheckpoint, CourierCosignatures } from './courier-cosignatures.js';

export interface CourierDeskOptions {
  readonly log: Log;
  /** Null when the log follows no policy, so that it knows no witness. */
  readonly couriers: CourierCosignatures | null;
  /** Told when our own signature is found on a tree that is not ours. */
  readonly alarm: (message: string) => void;
}

/**
 * Takes cosignatures that were carried here. They are of checkpoints that this log signed, so one whose
 * tree is not the log's is no mistake of the courier: the log has shown two trees, or lost its newest.
 */
export class CourierDesk {
  readonly #options: CourierDeskOptions;

  constructor(options: CourierDeskOptions) {
    this.#options = options;
  }

  answer(): CosignaturesAnswer {
    const items = (this.#options.couriers?.all ?? []).map((one) => ({ ...one }));
    return { items };
  }

  /**
   * Verifies the log's signature, the tree, and the cosignatures by the log's policy, in this order;
   * keeps the cosignatures and publishes those of the newest checkpoint on it.
   *
   * @throws HttpProblem `cosignature-malformed`, `cosignature-signature`, `size-out-of-range`,
   * `log-forked`, `witness-unknown`
   */
  async take(note: string): Promise<CosignaturesAnswer> {
    const { log, couriers } = this.#options;
    const opened = await this.#openOwn(note);
    await this.#requireOurTree(opened);
    const brought = couriers === null ? [] : await cosignaturesOf(couriers, opened);
    if (brought.length === 0) {
      const detail = 'no witness of this log’s policy cosigned it';
      throw new HttpProblem('witness-unknown', 403, detail, { field: 'note' });
    }
    // The file beside the tiles gets them too, for whoever serves that; but once, however often
    // somebody sends the same.
    if (await couriers?.keep(brought)) log.republish();
    return this.answer();
  }

  async #openOwn(note: string): Promise<OpenedCheckpoint> {
    try {
      return await openCheckpoint(note, this.#options.log.keys.known(), nodeVerifier);
    } catch (cause) {
      throw refused(cause);
    }
  }

  async #requireOurTree({ checkpoint: { size, root } }: OpenedCheckpoint): Promise<void> {
    const { log, alarm } = this.#options;
    if (size > log.size) {
      const detail = `this log signed a tree of ${size} entries, and has published ${log.size}`;
      alarm(`${detail}: it was set back, or the courier came before the publication`);
      throw new HttpProblem('size-out-of-range', 409, detail, { field: 'note' });
    }
    if (Buffer.from(await log.reader.root(size)).equals(root)) return;
    const detail = `this log signed a tree of ${size} entries that is not its own`;
    alarm(`${detail}: its key signs elsewhere, or it was set back and went on`);
    throw new HttpProblem('log-forked', 409, detail, { field: 'note' });
  }
}

async function cosignaturesOf(
  couriers: CourierCosignatures,
  { note }: OpenedCheckpoint,
): Promise<CourierCheckpoint[]> {
  try {
    return await couriers.verified(note);
  } catch (cause) {
    throw refused(cause);
  }
}

function refused(cause: unknown): unknown {
  if (!(cause instanceof NoteError)) return cause;
  const signature = cause.code === 'bad-signature' || cause.code === 'no-known-signature';
  const code = signature ? 'cosignature-signature' : 'cosignature-malformed';
  return new HttpProblem(code, 400, cause.message, { field: 'note', cause });
}

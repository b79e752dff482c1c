import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { nodeVerifier } from '@touchstone/keys';
import {
  distinctSignatures,
  formatNote,
  parseCheckpoint,
  parseNote,
  verifyCosignatures,
  type PolicyWitness,
  type SignedNote,
  type WitnessPolicy,
} from '@touchstone/note';
import { writeDurably } from '@touchstone/tlog';
import { z } from 'zod';

const FILE = 'couriers.json';
const Kept = z.strictObject({
  schema: z.literal('https://touchstone.dev/courier-cosignatures/v1'),
  notes: z.array(z.string()).max(1024),
});

/** The newest checkpoint that a witness cosigned without being asked over the network. */
export interface CourierCheckpoint {
  /** The witness's name in the policy. */
  readonly witness: string;
  readonly size: number;
  /** Seconds since the epoch, as the witness says. */
  readonly timestamp: number;
  /** Signed by the log and by this witness. */
  readonly note: string;
}

/**
 * Cosignatures that somebody carried here, one checkpoint for each witness, in `couriers.json` beside
 * the tiles. What is read at the start is verified again: who left the policy no longer counts.
 */
export class CourierCosignatures {
  readonly policy: WitnessPolicy;
  readonly #file: string;
  readonly #kept = new Map<string, CourierCheckpoint>();
  #turn: Promise<unknown> = Promise.resolve();
  #merged: { readonly from: string; readonly to: string } | undefined;

  private constructor(dir: string, policy: WitnessPolicy) {
    this.#file = join(dir, FILE);
    this.policy = policy;
  }

  /** @throws Error that names the file when it cannot be read */
  static async open(dir: string, policy: WitnessPolicy): Promise<CourierCosignatures> {
    const couriers = new CourierCosignatures(dir, policy);
    const text = await readFile(couriers.#file, 'utf8').catch((error: unknown) => {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    });
    if (text === undefined) return couriers;
    try {
      for (const note of Kept.parse(JSON.parse(text)).notes) {
        for (const one of await couriers.verified(parseNote(note))) {
          couriers.#kept.set(one.witness, one);
        }
      }
    } catch (cause) {
      throw new Error(`${couriers.#file}: these are not the cosignatures it was written with`, {
        cause,
      });
    }
    return couriers;
  }

  /** By name. */
  get all(): readonly CourierCheckpoint[] {
    return [...this.#kept.values()].sort((a, b) => (a.witness < b.witness ? -1 : 1));
  }

  /** The note with what couriers brought of the very same checkpoint. */
  onto(note: string): string {
    if (note === '' || this.#kept.size === 0) return note;
    if (this.#merged?.from !== note) this.#merged = { from: note, to: this.#merge(note) };
    return this.#merged.to;
  }

  /**
   * The note once for each witness of the policy that cosigned it.
   *
   * @throws NoteError `bad-signature`, `cosignature-malformed`, `duplicate-signature`
   */
  async verified(note: SignedNote): Promise<CourierCheckpoint[]> {
    const { text } = note;
    const signatures = distinctSignatures(note.signatures);
    const { size } = parseCheckpoint(text);
    const found = await verifyCosignatures(note, this.policy.witnesses, nodeVerifier);
    const cosigners = this.policy.witnesses.map(({ key }) => key);
    const own = signatures.filter((line) => !cosigners.some((key) => isOf(line, key)));
    return found.map(({ witness, timestamp }) => {
      const lines = signatures.filter((line) => isOf(line, witness.key));
      const one = formatNote({ text, signatures: [...own, ...lines] });
      return { witness: witness.name, size, timestamp, note: one };
    });
  }

  /** Keeps what is newer than what there is, durable when it resolves; false when nothing is. */
  keep(brought: readonly CourierCheckpoint[]): Promise<boolean> {
    const turn = this.#turn.then(() => this.#keep(brought));
    this.#turn = turn.catch(() => undefined);
    return turn;
  }

  async #keep(brought: readonly CourierCheckpoint[]): Promise<boolean> {
    const next = new Map(this.#kept);
    for (const one of brought) {
      const known = next.get(one.witness);
      if (known === undefined || isNewer(one, known)) next.set(one.witness, one);
    }
    if ([...next].every(([witness, one]) => this.#kept.get(witness) === one)) return false;
    const schema = 'https://touchstone.dev/courier-cosignatures/v1';
    const notes = [...next.values()].map(({ note }) => note);
    await writeDurably(this.#file, `${JSON.stringify({ schema, notes })}\n`);
    for (const [witness, one] of next) this.#kept.set(witness, one);
    this.#merged = undefined;
    return true;
  }

  #merge(note: string): string {
    const { text, signatures } = parseNote(note);
    const added = this.all.flatMap((one) => {
      const parsed = parseNote(one.note);
      const witness = this.policy.witnesses.find(({ name }) => name === one.witness);
      if (parsed.text !== text || witness === undefined) return [];
      if (signatures.some((line) => isOf(line, witness.key))) return [];
      return parsed.signatures.filter((line) => isOf(line, witness.key));
    });
    return added.length === 0 ? note : formatNote({ text, signatures: [...signatures, ...added] });
  }
}

function isOf(
  line: { readonly name: string; readonly keyHash: number },
  key: PolicyWitness['key'],
): boolean {
  return line.name === key.name && line.keyHash === key.keyHash;
}

function isNewer(one: CourierCheckpoint, known: CourierCheckpoint): boolean {
  return one.size === known.size ? one.timestamp > known.timestamp : one.size > known.size;
}

import { advanceLife, beginLife, keysInService } from '@touchstone/attest';
import type { LogLife } from '@touchstone/attest';
import type { PrivateKey } from '@touchstone/keys';
import { formatVerifierKey, noteSigner, parseVerifierKey, verifierKey } from '@touchstone/note';
import type { NoteSigner, VerifierKey } from '@touchstone/note';
import type { LoggedEvent } from './read-life.js';

/** A key that this process holds. */
interface Held {
  readonly vkey: string;
  readonly key: PrivateKey;
  readonly signer: NoteSigner;
}

/**
 * The keys of the log over its life: which of those that this process holds sign now, and which
 * have ever signed. What the leaves say decides, not what the process was started with.
 */
export class LogKeys {
  readonly origin: string;
  readonly #held: readonly Held[];
  #life: LogLife;
  #events: readonly LoggedEvent[] = [];
  /** Signs beside the others before its announcement is durable, so that it does from then on. */
  #joining: Held | undefined;
  /** Reading a key costs more than verifying by it. */
  readonly #parsed = new Map<string, VerifierKey>();

  /**
   * @param held the key of LOG_KEY first, then that of LOG_NEXT_KEY
   * @throws Error that names the variable when a key in service is not held
   */
  constructor(origin: string, held: readonly PrivateKey[], events: readonly LoggedEvent[]) {
    this.origin = origin;
    this.#held = held.map((key) => {
      const vkey = formatVerifierKey(verifierKey(origin, key.publicKey));
      return { vkey, key, signer: noteSigner(origin, key) };
    });
    const begun = events[0]?.event;
    const first =
      begun?.event === 'rotate' ? begun.from : begun?.event === 'freeze' ? begun.by : '';
    this.#life = beginLife(first === '' ? (this.#held[0]?.vkey ?? '') : first);
    for (const event of events) this.advance(event);
    for (const vkey of keysInService(this.#life)) {
      if (this.#held.some((one) => one.vkey === vkey)) continue;
      throw new Error(
        `LOG_KEY_FILE, LOG_NEXT_KEY_FILE: the leaves of this log say that ${vkey} signs for it, ` +
          'and none of the two is that key',
      );
    }
  }

  get life(): LogLife {
    return this.#life;
  }

  get events(): readonly LoggedEvent[] {
    return this.#events;
  }

  /** The key that speaks for the log: of those in service the oldest. */
  get primary(): PrivateKey {
    return this.#inService()[0]?.key as PrivateKey;
  }

  /** The one beside it while they are rotated. */
  get successor(): PrivateKey | undefined {
    return this.#inService()[1]?.key;
  }

  /** The key that was given to be the next and is not announced. */
  get staged(): PrivateKey | undefined {
    const said = new Set(this.#life.keys.map(({ vkey }) => vkey));
    return this.#held.find(({ vkey }) => !said.has(vkey))?.key;
  }

  get vkey(): string {
    return formatVerifierKey(verifierKey(this.origin, this.primary.publicKey));
  }

  /** Who signs the next checkpoint. */
  signers(): NoteSigner[] {
    const signing = this.#inService();
    const joining = this.#joining;
    if (joining && !signing.includes(joining)) signing.push(joining);
    return signing.map(({ signer }) => signer);
  }

  /** All that ever signed for the log, and the one that may be about to. */
  known(): VerifierKey[] {
    const vkeys = new Set(this.#life.keys.map(({ vkey }) => vkey));
    if (this.#joining) vkeys.add(this.#joining.vkey);
    return [...vkeys].map((vkey) => {
      const key = this.#parsed.get(vkey) ?? parseVerifierKey(vkey);
      this.#parsed.set(vkey, key);
      return key;
    });
  }

  /** The staged key signs from now on; undo it with `undefined`. */
  join(key: PrivateKey | undefined): void {
    this.#joining = this.#held.find((one) => one.key === key);
  }

  /** @throws AttestError `life-inconsistent` */
  advance(logged: LoggedEvent): void {
    this.#life = advanceLife(this.#life, logged.index, logged.event);
    this.#events = [...this.#events, logged];
    this.#joining = undefined;
  }

  #inService(): Held[] {
    return keysInService(this.#life).flatMap(
      (vkey) => this.#held.find((one) => one.vkey === vkey) ?? [],
    );
  }
}

import { formatNote, hasQuorum, parseNote } from '@touchstone/note';
import type {
  NoteSignature,
  PolicyWitness,
  SignatureVerifier,
  WitnessPolicy,
} from '@touchstone/note';
import { TlogError, reason } from '../error.js';
import { WitnessClient, WitnessFailure } from './witness-client.js';
import type { SignedTree, WitnessResult } from './witness-client.js';

/** One witness asked once. Duration in milliseconds. */
export interface WitnessEvent {
  /** The witness's name in the policy. */
  readonly witness: string;
  readonly result: WitnessResult;
  readonly duration: number;
  readonly failure?: WitnessFailure;
}

export interface PolicyCosignerOptions {
  readonly policy: WitnessPolicy;
  /** Hands out what was collected also when that is no quorum. */
  readonly failOpen?: boolean;
  /** For each witness and checkpoint. */
  readonly timeoutMs?: number;
  /** How long the rest is waited for once there is a quorum. */
  readonly graceMs?: number;
  readonly verify: SignatureVerifier;
  readonly fetch: typeof fetch;
  /** Milliseconds from any start. */
  readonly clock: () => number;
  readonly observe?: (event: WitnessEvent) => void;
}

const TIMEOUT_MS = 5_000;
const GRACE_MS = 100;

interface Asked {
  readonly witness: PolicyWitness;
  readonly client: WitnessClient;
}

/** Collects the cosignatures that a policy asks for from its witnesses, all of them at once. */
export class PolicyCosigner {
  readonly #options: PolicyCosignerOptions;
  readonly #asked: readonly Asked[];
  readonly #stop = new AbortController();

  /**
   * @throws TlogError `witness-policy` when a URL is not one, or when the witnesses that can be
   * asked could never make the quorum
   */
  constructor(options: PolicyCosignerOptions) {
    this.#options = options;
    const { policy, verify, fetch, clock, timeoutMs = TIMEOUT_MS } = options;
    const asked: Asked[] = [];
    for (const witness of policy.witnesses) {
      const { key, url } = witness;
      if (url === undefined || !('publicKey' in key)) continue;
      checkUrl(witness.name, url);
      asked.push({
        witness,
        client: new WitnessClient({ key, url, verify, fetch, clock, timeoutMs }),
      });
    }
    this.#asked = asked;
    if (!hasQuorum(policy, new Set(asked.map(({ witness }) => witness)))) {
      throw new TlogError(
        'witness-policy',
        'the quorum of the policy cannot be reached: give its witnesses URLs and Ed25519 keys',
      );
    }
  }

  /**
   * The note with the cosignatures after the log's own signatures, in the order of the policy.
   * Answers a little after the quorum is there; who is slower is taken along another time.
   *
   * @throws TlogError `quorum-missing`, with what each witness answered
   */
  async cosign(
    note: string,
    size: number,
    proof: (from: number) => Promise<readonly Uint8Array[]>,
  ): Promise<string> {
    const { text, signatures } = parseNote(note);
    const { policy, failOpen = false } = this.#options;
    const round = new Round(policy, this.#asked, this.#options.graceMs ?? GRACE_MS);
    const tree = { note, text, size, proof: memoized(proof) };
    for (const asked of this.#asked) void this.#ask(asked, tree, round);
    await round.over;
    if (!round.quorum && !failOpen) {
      throw new TlogError('quorum-missing', `too few witnesses cosigned: ${round.complaints()}`);
    }
    return formatNote({ text, signatures: [...signatures, ...round.cosignatures()] });
  }

  /** Gives up on what is asked and asks nobody again. */
  close(): void {
    this.#stop.abort();
  }

  async #ask({ witness, client }: Asked, tree: SignedTree, round: Round): Promise<void> {
    const { clock, observe } = this.#options;
    const began = clock();
    const told = { witness: witness.name };
    try {
      const cosignature = await client.cosign(tree, this.#stop.signal);
      observe?.({ ...told, result: 'cosigned', duration: clock() - began });
      round.cosigned(witness, cosignature);
    } catch (error) {
      const failure =
        error instanceof WitnessFailure ? error : new WitnessFailure('failed', reason(error));
      observe?.({ ...told, result: failure.result, duration: clock() - began, failure });
      round.failed(witness, failure);
    }
  }
}

/** One checkpoint and what came of it, until there is a quorum or can be none. */
class Round {
  readonly over: Promise<void>;
  readonly #policy: WitnessPolicy;
  readonly #order: readonly PolicyWitness[];
  readonly #graceMs: number;
  readonly #got = new Map<PolicyWitness, NoteSignature>();
  readonly #failed = new Map<PolicyWitness, WitnessFailure>();
  #grace: NodeJS.Timeout | undefined;
  #end!: () => void;

  constructor(policy: WitnessPolicy, asked: readonly Asked[], graceMs: number) {
    this.#policy = policy;
    this.#order = asked.map(({ witness }) => witness);
    this.#graceMs = graceMs;
    this.over = new Promise((done) => {
      this.#end = () => {
        clearTimeout(this.#grace);
        done();
      };
    });
    this.#look();
  }

  get quorum(): boolean {
    return hasQuorum(this.#policy, new Set(this.#got.keys()));
  }

  cosigned(witness: PolicyWitness, cosignature: NoteSignature): void {
    this.#got.set(witness, cosignature);
    this.#look();
  }

  failed(witness: PolicyWitness, failure: WitnessFailure): void {
    this.#failed.set(witness, failure);
    this.#look();
  }

  cosignatures(): NoteSignature[] {
    return this.#order.flatMap((witness) => this.#got.get(witness) ?? []);
  }

  complaints(): string {
    const told = [...this.#failed].map(
      ([{ name }, { result, message }]) => `${name}: ${result}, ${message}`,
    );
    return told.join('; ') || 'none was asked';
  }

  #look(): void {
    const open = this.#order.filter((witness) => !this.#failed.has(witness));
    const pending = open.some((witness) => !this.#got.has(witness));
    if (!pending || !hasQuorum(this.#policy, new Set(open))) this.#end();
    else if (this.quorum) this.#grace ??= setTimeout(() => this.#end(), this.#graceMs);
  }
}

/** Witnesses mostly are at the same size and share a proof. */
function memoized(proof: SignedTree['proof']): SignedTree['proof'] {
  const made = new Map<number, Promise<readonly Uint8Array[]>>();
  return (from) => {
    const known = made.get(from) ?? proof(from);
    made.set(from, known);
    return known;
  };
}

function checkUrl(name: string, url: string): void {
  const protocol = URL.canParse(url) ? new URL(url).protocol : '';
  if (protocol !== 'http:' && protocol !== 'https:') {
    throw new TlogError('witness-policy', `${url} of witness ${name} is no http or https URL`);
  }
}

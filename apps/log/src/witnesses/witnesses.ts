import { readFile } from 'node:fs/promises';
import { nodeVerifier } from '@touchstone/keys';
import { formatVerifierKey, parseWitnessPolicy } from '@touchstone/note';
import type { VerifierKey, WitnessPolicy } from '@touchstone/note';
import { PolicyCosigner, TileReader } from '@touchstone/tlog';
import type { TileStorage, TlogOptions, WitnessEvent } from '@touchstone/tlog';

export interface WitnessesOptions {
  /** A policy by C2SP tlog-policy that gives its witnesses URLs. */
  readonly policyFile: string;
  readonly failOpen: boolean;
  readonly timeoutMs: number;
  readonly observe: (event: WitnessEvent) => void;
}

/**
 * The witnesses of this log. They are asked before a checkpoint is published, never after: what a
 * reader of /checkpoint holds has the quorum already, and a log that serves two histories is
 * stopped by its witnesses before anyone sees the second.
 */
export class Witnesses {
  /** Also names those whose cosignatures are carried here, which have no URL. */
  readonly policy: WitnessPolicy;
  readonly #cosigner: PolicyCosigner;

  private constructor(policy: WitnessPolicy, cosigner: PolicyCosigner) {
    this.policy = policy;
    this.#cosigner = cosigner;
  }

  /** @throws Error that names the variable when the policy is not one that can be followed */
  static async open(options: WitnessesOptions): Promise<Witnesses> {
    const { policyFile, failOpen, timeoutMs, observe } = options;
    try {
      const policy = parseWitnessPolicy(await readFile(policyFile));
      const clock = (): number => performance.now();
      const verify = nodeVerifier;
      const cosigner = new PolicyCosigner({
        policy,
        failOpen,
        timeoutMs,
        verify,
        fetch,
        clock,
        observe,
      });
      return new Witnesses(policy, cosigner);
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      throw new Error(`LOG_WITNESS_POLICY_FILE: ${policyFile}: ${why}`, { cause });
    }
  }

  /** What the engine has its checkpoints cosigned by. Proofs are made from tiles of that very tree. */
  cosignerOf(
    storage: TileStorage,
    keys: readonly VerifierKey[],
  ): NonNullable<TlogOptions['cosign']> {
    const vkeys = keys.map(formatVerifierKey);
    const { logs } = this.policy;
    if (logs.length > 0 && logs.every((log) => !vkeys.includes(formatVerifierKey(log.key)))) {
      const own = vkeys.join(', ');
      throw new Error(`LOG_WITNESS_POLICY_FILE: none of its log lines has this log's key ${own}`);
    }
    const reader = new TileReader((path) => storage.read(path), { cachedTiles: 64 });
    return (checkpoint, size) =>
      this.#cosigner.cosign(checkpoint, size, (from) => reader.consistencyProof(from, size));
  }

  close(): void {
    this.#cosigner.close();
  }
}

import { createHash } from 'node:crypto';
import type { CarrySource } from '@touchstone/airgap';
import {
  envelopeLogEntry,
  envelopeRequest,
  rebuildStatement,
  signEnvelope,
} from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { CompactRange, HASH_SIZE, type NodeId } from '@touchstone/merkle';
import { nodeHasher } from '@touchstone/tlog';

/** Statements that the log holds over and over: signing a hundred thousand would be the bench. */
const STATEMENTS = 64;

/** Signs them all. */
export const rebuilder = generateKey('ecdsa-p256-sha256');

interface Entry {
  readonly leaf: Uint8Array;
  readonly attestation: Uint8Array;
}

/** A log of any size, in memory: the hashes of its tree, and entries that come round. */
export class SyntheticLog implements CarrySource {
  /** Hashes of each level end to end. */
  readonly #levels: Buffer[] = [];
  readonly range = new CompactRange(nodeHasher);

  constructor(
    readonly size: number,
    readonly entries: readonly Entry[],
  ) {
    const leaves = entries.map(({ leaf }) => nodeHasher.leaf(leaf));
    for (let index = 0; index < size; index++) {
      const hash = leaves[index % leaves.length] as Uint8Array;
      this.range.append(hash, (level, at, node) => {
        this.#levels[level] ??= Buffer.alloc((size >> level) * HASH_SIZE);
        this.#levels[level].set(node, at * HASH_SIZE);
      });
    }
  }

  entry(index: number): Promise<Entry> {
    return Promise.resolve(this.entries[index % this.entries.length] as Entry);
  }

  node({ level, index }: NodeId): Promise<Uint8Array> {
    const hashes = this.#levels[level] as Buffer;
    return Promise.resolve(hashes.subarray(index * HASH_SIZE, (index + 1) * HASH_SIZE));
  }
}

/** Entries of rebuilds, each signed. */
export async function makeStatements(): Promise<Entry[]> {
  const made: Entry[] = [];
  for (let at = 0; at < STATEMENTS; at++) {
    const digest = { sha256: createHash('sha256').update(`${at}`).digest('hex') };
    const file = { digest, size: 10_000 + at };
    const statement = rebuildStatement({
      outcome: 'reproduced',
      artifact: { uri: `pkg:npm/package-${at}@1.0.0`, digest: { sha512: digest.sha256.repeat(2) } },
      recipe: { digest },
      modules: [
        { name: 'main', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
      ],
      environment: { sandbox: 'bench', architecture: 'x86_64', network: 'none', variables: {} },
      startedOn: '2026-11-01T00:00:00Z',
      finishedOn: '2026-11-01T00:00:01Z',
    });
    const envelope = await signEnvelope(statement, rebuilder);
    made.push({
      leaf: envelopeLogEntry(envelope, rebuilder.publicKey),
      attestation: envelopeRequest(envelope, rebuilder.publicKey).attestation?.bytes as Uint8Array,
    });
  }
  return made;
}

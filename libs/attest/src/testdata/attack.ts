import { expect, it } from 'vitest';
import { keyId, toBase64, type Signer } from '@touchstone/note';
import {
  AttestError,
  paeBytes,
  rebuildStatement,
  STATEMENT_PAYLOAD_TYPE,
  verifyEvidence,
  type AttestErrorCode,
  type Evidence,
  type EvidenceEntry,
  type PresentedFile,
  type RebuildPredicate,
  type Statement,
  type Verdict,
} from '../index.js';
import { attest, evidenceOf, predicate, trustRoot, vote, type Logged } from './evidence-fixture.js';
import { nodeVerify, signers } from './parties.js';

const { acme, birch } = signers;

/** Something an attacker hands to a verifier in the hope of a "reproduced". */
export interface Attack {
  readonly name: string;
  readonly make: () => Promise<unknown>;
  readonly ends: AttestErrorCode | Exclude<Verdict, 'reproduced'>;
  readonly presented?: readonly PresentedFile[];
}

/** Evidence that there is nothing wrong with. */
export async function honest(): Promise<Evidence> {
  return evidenceOf([await vote(acme), await vote(birch)]);
}

/** Honest evidence whose first entry is changed. */
export async function firstEntry(change: (entry: EvidenceEntry) => unknown): Promise<unknown> {
  const evidence = await honest();
  const [first, ...rest] = evidence.entries;
  if (first === undefined) throw new Error('fixture');
  return { ...evidence, entries: [change(structuredClone(first)), ...rest] };
}

/** Evidence in which the second vote is another statement, properly signed and logged. */
export async function withStatement(
  statement: Statement,
  signer: Signer = birch,
): Promise<Evidence> {
  return evidenceOf([await vote(acme), await attest(signer, statement)]);
}

export const withRebuild = (changes: Partial<RebuildPredicate>): Promise<Evidence> =>
  withStatement(rebuildStatement(predicate(changes)));

/** Signs a payload as it is, canonical or not, true or not. */
export async function signBytes(
  payload: Uint8Array,
  signer: Signer,
  payloadType = STATEMENT_PAYLOAD_TYPE,
): Promise<Logged> {
  const sig = toBase64(await signer.sign(paeBytes(payloadType, payload)));
  return {
    signer,
    envelope: {
      payload: toBase64(payload),
      payloadType,
      signatures: [{ sig, keyid: keyId(signer.publicKey) }],
    },
  };
}

export async function withPayload(payload: Uint8Array, payloadType?: string): Promise<Evidence> {
  return evidenceOf([await vote(acme), await signBytes(payload, birch, payloadType)]);
}

export function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

/** One test per attack: it must end in the code or the verdict that it names. */
export function itRefuses(attacks: readonly Attack[]): void {
  it.each(attacks)('$name: $ends', async ({ make, presented, ends }) => {
    const evidence = await make();
    const options = {
      trustRoot: trustRoot(),
      verify: nodeVerify,
      ...(presented && { artifacts: presented }),
    };
    const outcome = await verifyEvidence(evidence, options).then(
      ({ verdict }) => verdict,
      (error: unknown) => (error instanceof AttestError ? error.code : error),
    );
    expect(outcome).toBe(ends);
  });
}

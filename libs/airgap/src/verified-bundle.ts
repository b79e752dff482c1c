import type { TrustRoot } from '@touchstone/attest';
import type { SignatureVerifier, WitnessedCheckpoint, WitnessPolicy } from '@touchstone/note';
import type { EntryStanding } from './carried-entry.js';
import type { CarryHeader } from './record.js';
import type { Hashing } from './record-reader.js';
import type { TreeBase } from './tree-walk.js';

/** What the importing site knows, and goes by. */
export interface SiteKnowledge {
  readonly site: string;
  /** Of the log it follows. */
  readonly origin: string;
  readonly trustRoot: TrustRoot;
  /** That of the trust root unless told; without any, no checkpoint counts as witnessed. */
  readonly witnessPolicy?: WitnessPolicy;
  readonly base: TreeBase & {
    /** The checkpoint it stands on, kept for the proof of a fork. */
    readonly note?: string;
  };
}

export interface VerifyBundleOptions extends Hashing {
  readonly verify: SignatureVerifier;
}

/** What has been verified so far. Only the end of the bundle vouches for the entries before it. */
export type VerifiedItem =
  | { readonly kind: 'header'; readonly header: CarryHeader }
  | { readonly kind: 'trust-root'; readonly root: TrustRoot; readonly envelope: Uint8Array }
  | {
      readonly kind: 'checkpoint';
      readonly witnessed: WitnessedCheckpoint;
      readonly note: Uint8Array;
      readonly signature?: Uint8Array;
    }
  | {
      readonly kind: 'entry';
      readonly index: number;
      readonly leaf: Uint8Array;
      readonly attestation?: Uint8Array;
      readonly standing: EntryStanding;
    }
  | {
      readonly kind: 'artifact';
      readonly name: string;
      readonly sha256: Uint8Array;
      readonly size: number;
    }
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array };

/** What a whole bundle proves. */
export interface VerifiedBundle {
  readonly header: CarryHeader;
  readonly trustRoot: TrustRoot;
  readonly witnessed: WitnessedCheckpoint;
  /** As it was published. */
  readonly note: Uint8Array;
  /** Right edge of the checkpoint's tree: the next delta needs no prefix. */
  readonly frontier: readonly Uint8Array[];
}

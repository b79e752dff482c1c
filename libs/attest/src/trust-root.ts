import {
  formatVerifierKey,
  keyId,
  parseVerifierKey,
  parseWitnessPolicy,
  type PublicKey,
  type VerifierKey,
  type WitnessPolicy,
} from '@touchstone/note';
import { z } from 'zod';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import { publicKeyFromBase64 } from './public-key.js';

export const TRUST_ROOT_SCHEMA = 'https://touchstone.dev/trust-root/v1';

const MAX_LOGS = 64;
const MAX_REBUILDERS = 256;
const MAX_KEYS = 16;

const MAX_WITNESS_POLICY = 64 * 1024;
/** Leaves of a tree. */
const Size = z.int().nonnegative();

const LOOKALIKES = '\\p{Script=Cyrillic}\\p{Script=Greek}\\p{Script=Armenian}\\p{Script=Cherokee}';
/** Letters of two alphabets that share shapes in one word, such as "Acme" with a Cyrillic A. */
const MIXED_SCRIPTS = new RegExp(
  `\\p{Script=Latin}[\\p{L}\\p{M}]*[${LOOKALIKES}]|[${LOOKALIKES}][\\p{L}\\p{M}]*\\p{Script=Latin}`,
  'u',
);

/** How many organisations must agree, and whether equality after normalisation counts. */
export const Policy = z.strictObject({
  quorum: z.int().min(1).max(MAX_REBUILDERS),
  acceptEquivalent: z.boolean().exactOptional(),
});

export const EnrolledRebuilder = z.strictObject({
  id: z
    .string()
    .regex(/^[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?$/, 'must be lower-case letters, digits and -'),
  /** Votes are counted by this name: an organisation with many rebuilders still has one vote. */
  organisation: z
    .string()
    .max(128)
    // A name must not look like another one because of what cannot be seen in it. Some letters
    // and marks are blank too: fillers, joiners, variation selectors, the empty Braille cell.
    .regex(
      /^(?! )(?:[^\p{C}\p{Z}\p{Default_Ignorable_Code_Point}\u2800]| )+(?<! )$/u,
      'must be visible text without outer spaces',
    )
    .refine((name) => !MIXED_SCRIPTS.test(name), 'must not mix look-alike alphabets in one word'),
  keys: z
    .array(
      z.strictObject({
        algorithm: z.enum(['ed25519', 'ecdsa-p256-sha256']),
        /** Base64 of the DER SubjectPublicKeyInfo. */
        spki: z.string().max(256),
        /**
         * There when the key signs no more: of the log `origin`, entries below leaf `size` count,
         * and of logs that are not listed none. A place in a log cannot be dated back, as a time in
         * a statement can by whoever has found the key.
         */
        retired: z
          .array(z.strictObject({ origin: z.string().min(1).max(256), size: Size }))
          .max(MAX_LOGS)
          .exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_KEYS),
});

const RootKey = z.strictObject({
  algorithm: z.enum(['ed25519', 'ecdsa-p256-sha256']),
  /** Base64 of the DER SubjectPublicKeyInfo. */
  spki: z.string().max(256),
});

/** Who may say what the next version of a trust root is: `threshold` of these keys. */
export const RootSigners = z.strictObject({
  threshold: z.int().min(1).max(MAX_KEYS),
  keys: z.array(RootKey).min(1).max(MAX_KEYS),
});

/** The one document a verifier must have from a source it trusts; everything else is checked by it. */
export const TrustRoot = z.strictObject({
  schema: z.literal(TRUST_ROOT_SCHEMA),
  version: z.int().min(1),
  /** A log with several keys (rotation) is listed once per key. */
  logs: z
    .array(
      z.strictObject({
        origin: z.string().min(1).max(256),
        vkey: z.string().max(512),
        /** The key counts for checkpoints of at least that many leaves, */
        from: Size.exactOptional(),
        /** and of at most that many: it was retired by the last of them. */
        until: Size.exactOptional(),
      }),
    )
    .min(1)
    .max(MAX_LOGS),
  rebuilders: z.array(EnrolledRebuilder).min(1).max(MAX_REBUILDERS),
  policy: Policy,
  /** C2SP tlog-policy: whose cosignatures a checkpoint must bear besides its log's signature. */
  witnessPolicy: z.string().min(1).max(MAX_WITNESS_POLICY).exactOptional(),
  /** Without it no version can follow this one by signature, only by hand. */
  signers: RootSigners.exactOptional(),
  /** P-256 keys of those who pack carry bundles: the one kind that a device's chip can check. */
  exporters: z
    .array(RootKey.extend({ algorithm: z.literal('ecdsa-p256-sha256') }))
    .max(MAX_KEYS)
    .exactOptional(),
});

export type Policy = z.infer<typeof Policy>;
export type RootSigners = z.infer<typeof RootSigners>;
export type EnrolledRebuilder = z.infer<typeof EnrolledRebuilder>;
export type TrustRoot = z.infer<typeof TrustRoot>;

/** A rebuilder's key with whose it is. */
export interface EnrolledKey {
  readonly keyId: string;
  readonly publicKey: PublicKey;
  readonly rebuilder: string;
  readonly organisation: string;
  /** See {@link EnrolledRebuilder}; undefined while the key signs. */
  readonly retired: readonly { readonly origin: string; readonly size: number }[] | undefined;
}

/** A key of a log, and for checkpoints of how many leaves it counts: of any, unless told. */
export interface LogKey extends VerifierKey {
  readonly from?: number;
  readonly until?: number;
}

/** A key of a log as a trust root has it. */
export interface TrustedLogKey extends LogKey {
  readonly from: number;
  readonly until: number;
}

/** A trust root with its keys read. */
export interface ResolvedTrustRoot {
  readonly root: TrustRoot;
  readonly keys: readonly EnrolledKey[];
  /** Named by the origin of their log. */
  readonly logs: readonly TrustedLogKey[];
  /** The organisations that have a vote, each once, sorted. */
  readonly organisations: readonly string[];
  /** Those of them that will not speak any more, since all of their keys are retired. */
  readonly retired: readonly string[];
  readonly witnessPolicy: WitnessPolicy | undefined;
}

/**
 * Reads a trust root and checks that it can be counted by: rebuilder ids unique, no key enrolled
 * twice (one key must never make two votes), every key well-formed, each log's verifier key named
 * by its origin, and a quorum that the enrolled organisations can reach.
 *
 * @throws AttestError `trust-root-malformed`, `trust-root-duplicate`, `trust-root-quorum`,
 * `public-key-malformed`
 */
export function parseTrustRoot(value: unknown): TrustRoot {
  return resolveTrustRoot(value).root;
}

/** As {@link parseTrustRoot}, and hands out the keys it read while it checked. */
export function resolveTrustRoot(value: unknown): ResolvedTrustRoot {
  const root = parseBy(TrustRoot, value, 'trust-root-malformed', 'trust root');
  const ids = root.rebuilders.map(({ id }) => id);
  const keys = enrolledKeys(root);
  const logs = root.logs.map(readLogKey);
  const organisations = organisationsOf(root);
  refuseDuplicates('rebuilders.id', ids);
  refuseDuplicates(
    'rebuilders.keys',
    keys.map((key) => key.keyId),
  );
  refuseDuplicates('logs.vkey', logs.map(formatVerifierKey));
  refuseLookalikes(organisations);
  if (root.policy.quorum > organisations.length) {
    throw new AttestError(
      'trust-root-quorum',
      `policy.quorum is ${root.policy.quorum} but only ${organisations.length} organisations are enrolled`,
    );
  }
  const active = new Set(keys.flatMap((key) => (key.retired ? [] : [key.organisation])));
  return {
    root,
    keys,
    logs,
    organisations,
    retired: organisations.filter((organisation) => !active.has(organisation)),
    witnessPolicy: root.witnessPolicy === undefined ? undefined : readPolicy(root.witnessPolicy),
  };
}

/** All rebuilder keys of a trust root. @throws AttestError `public-key-malformed` */
export function enrolledKeys(root: Pick<TrustRoot, 'rebuilders'>): EnrolledKey[] {
  return root.rebuilders.flatMap(({ id, organisation, keys }) =>
    keys.map(({ algorithm, spki, retired }) => {
      const publicKey = publicKeyFromBase64(algorithm, spki);
      return { keyId: keyId(publicKey), publicKey, rebuilder: id, organisation, retired };
    }),
  );
}

/** The organisations that have a vote, each once, sorted. */
export function organisationsOf(root: Pick<TrustRoot, 'rebuilders'>): string[] {
  return [...new Set(root.rebuilders.map(({ organisation }) => organisation))].sort();
}

/** Whether what the key signed counts at leaf `index` of the log `origin`. */
export function countsAt({ retired }: EnrolledKey, origin: string, index: number): boolean {
  return retired === undefined || retired.some((log) => log.origin === origin && index < log.size);
}

function readPolicy(text: string): WitnessPolicy {
  try {
    return parseWitnessPolicy(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : '';
    throw new AttestError('trust-root-malformed', `witnessPolicy: ${reason}`, { cause });
  }
}

function readLogKey(log: TrustRoot['logs'][number]): TrustedLogKey {
  const { origin, vkey, from = 0, until = Number.MAX_SAFE_INTEGER } = log;
  let key: VerifierKey;
  try {
    key = parseVerifierKey(vkey);
  } catch (cause) {
    throw new AttestError('trust-root-malformed', `logs.vkey of ${origin} is no verifier key`, {
      cause,
    });
  }
  if (key.name !== origin) {
    throw new AttestError(
      'trust-root-malformed',
      `logs.vkey of ${origin} is named ${key.name}; the name must be the origin`,
    );
  }
  if (from > until) {
    throw new AttestError('trust-root-malformed', `logs.from of ${origin} is beyond its until`);
  }
  return { ...key, from, until };
}

function refuseDuplicates(field: string, values: readonly string[]): void {
  const seen = new Set<string>();
  for (const value of values) {
    if (seen.has(value)) {
      throw new AttestError('trust-root-duplicate', `${field} ${value} stands there twice`);
    }
    seen.add(value);
  }
}

/** "Acme" beside "ACME" is a slip that would give one organisation two votes. */
function refuseLookalikes(organisations: readonly string[]): void {
  refuseDuplicates(
    'rebuilders.organisation (but for case and spacing)',
    organisations.map((name) =>
      // Upper case first: it makes "ß" and "ss" one, as people who shout do.
      name.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC').replace(/\s+/gu, ' '),
    ),
  );
}

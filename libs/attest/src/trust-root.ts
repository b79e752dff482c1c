import {
  formatVerifierKey,
  keyId,
  parseVerifierKey,
  type PublicKey,
  type VerifierKey,
} from '@touchstone/note';
import { z } from 'zod';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import { publicKeyFromBase64 } from './public-key.js';

export const TRUST_ROOT_SCHEMA = 'https://touchstone.dev/trust-root/v1';

const MAX_LOGS = 64;
const MAX_REBUILDERS = 256;
const MAX_KEYS = 16;

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
      }),
    )
    .min(1)
    .max(MAX_KEYS),
});

/** The one document a verifier must have from a source it trusts; everything else is checked by it. */
export const TrustRoot = z.strictObject({
  schema: z.literal(TRUST_ROOT_SCHEMA),
  version: z.int().min(1),
  /** A log with several keys (rotation) is listed once per key. */
  logs: z
    .array(z.strictObject({ origin: z.string().min(1).max(256), vkey: z.string().max(512) }))
    .min(1)
    .max(MAX_LOGS),
  rebuilders: z.array(EnrolledRebuilder).min(1).max(MAX_REBUILDERS),
  policy: Policy,
});

export type Policy = z.infer<typeof Policy>;
export type EnrolledRebuilder = z.infer<typeof EnrolledRebuilder>;
export type TrustRoot = z.infer<typeof TrustRoot>;

/** A rebuilder's key with whose it is. */
export interface EnrolledKey {
  readonly keyId: string;
  readonly publicKey: PublicKey;
  readonly rebuilder: string;
  readonly organisation: string;
}

/** A trust root with its keys read. */
export interface ResolvedTrustRoot {
  readonly root: TrustRoot;
  readonly keys: readonly EnrolledKey[];
  /** Named by the origin of their log. */
  readonly logs: readonly VerifierKey[];
  /** The organisations that have a vote, each once, sorted. */
  readonly organisations: readonly string[];
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
  return { root, keys, logs, organisations };
}

/** All rebuilder keys of a trust root. @throws AttestError `public-key-malformed` */
export function enrolledKeys(root: Pick<TrustRoot, 'rebuilders'>): EnrolledKey[] {
  return root.rebuilders.flatMap(({ id, organisation, keys }) =>
    keys.map(({ algorithm, spki }) => {
      const publicKey = publicKeyFromBase64(algorithm, spki);
      return { keyId: keyId(publicKey), publicKey, rebuilder: id, organisation };
    }),
  );
}

/** The organisations that have a vote, each once, sorted. */
export function organisationsOf(root: Pick<TrustRoot, 'rebuilders'>): string[] {
  return [...new Set(root.rebuilders.map(({ organisation }) => organisation))].sort();
}

function readLogKey({ origin, vkey }: TrustRoot['logs'][number]): VerifierKey {
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
  return key;
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

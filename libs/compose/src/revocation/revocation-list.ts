import {
  AttestError,
  parseStatement,
  Sha256Digest,
  STATEMENT_TYPE,
  type Statement,
} from '@touchstone/attest';
import { z } from 'zod';
import { ComposeError } from '../errors.js';

export const REVOCATION_PREDICATE_TYPE = 'https://touchstone.dev/revocation/v1';

/** As many as a statement has subjects for. */
const MAX_REVOKED = 1000;

/** Stands as subject where nothing is revoked, for a statement must have one: no bytes at all. */
const NOTHING: Statement['subject'][number] = {
  name: 'nothing',
  digest: { sha256: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
};

const Revoked = z.strictObject({
  digest: Sha256Digest,
  /** For people. */
  reason: z.string().min(1).max(1024).exactOptional(),
});

/**
 * All that its signer takes back, as of `issuedOn`, and until when that is the last word. Like a
 * revocation list of certificates it says something by what is not on it.
 */
const RevocationPredicate = z.strictObject({
  issuedOn: z.iso.datetime(),
  nextUpdate: z.iso.datetime(),
  revoked: z.array(Revoked).max(MAX_REVOKED),
});

export interface RevocationList {
  readonly issuedOn: Date;
  readonly nextUpdate: Date;
  /** Of modules, components or files, by SHA-256. */
  readonly revoked: readonly z.infer<typeof Revoked>[];
}

/**
 * A revocation list as an in-toto statement, sorted by digest. Its subjects are what is revoked, so
 * that who searches a log for a digest finds it.
 *
 * @throws ComposeError `revocation-malformed` for more than it may hold, or times that cannot be
 */
export function revocationStatement({ issuedOn, nextUpdate, revoked }: RevocationList): Statement {
  const sorted = revoked.toSorted((a, b) => (a.digest.sha256 < b.digest.sha256 ? -1 : 1));
  const predicate = {
    issuedOn: issuedOn.toISOString(),
    nextUpdate: nextUpdate.toISOString(),
    revoked: sorted,
  };
  const statement = {
    _type: STATEMENT_TYPE,
    subject: subjectsOf(sorted),
    ...{ predicateType: REVOCATION_PREDICATE_TYPE, predicate },
  } as const;
  readPredicate(statement);
  return statement;
}

/**
 * Reads the payload of a revocation list.
 *
 * @throws AttestError of `parseStatement`, `statement-predicate-type`; ComposeError
 * `revocation-malformed`
 */
export function parseRevocationList(payload: Uint8Array): RevocationList {
  return readPredicate(parseStatement(payload));
}

function readPredicate({ predicateType, predicate, subject }: Statement): RevocationList {
  if (predicateType !== REVOCATION_PREDICATE_TYPE) {
    const message = `${predicateType} is no revocation list`;
    throw new AttestError('statement-predicate-type', message);
  }
  const parsed = RevocationPredicate.safeParse(predicate);
  if (!parsed.success) {
    const issue = parsed.error.issues[0];
    throw malformed(`${issue?.path.map(String).join('.') ?? ''}: ${issue?.message ?? 'malformed'}`);
  }
  const { revoked } = parsed.data;
  const wanted = subjectsOf(revoked).map(({ digest }) => digest['sha256']);
  const named = subject.map(({ digest }) => digest['sha256']);
  if (named.length !== wanted.length || wanted.some((sha256, index) => sha256 !== named[index])) {
    throw malformed('its subjects are not what it revokes');
  }
  if (wanted.some((sha256, index) => index > 0 && (sha256 ?? '') <= (wanted[index - 1] ?? ''))) {
    throw malformed('what it revokes is not sorted, or stands there twice');
  }
  const [issuedOn, nextUpdate] = [new Date(parsed.data.issuedOn), new Date(parsed.data.nextUpdate)];
  if (issuedOn >= nextUpdate) throw malformed('it ends before it begins');
  return { issuedOn, nextUpdate, revoked };
}

function subjectsOf(revoked: RevocationList['revoked']): Statement['subject'] {
  if (revoked.length === 0) return [NOTHING];
  return revoked.map(({ digest }) => ({ digest: { ...digest } }));
}

function malformed(message: string): ComposeError {
  return new ComposeError('revocation-malformed', '/', 0, `revocation list: ${message}`);
}

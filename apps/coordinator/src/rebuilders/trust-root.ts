import {
  AttestError,
  parseTrustRoot,
  TRUST_ROOT_SCHEMA,
  type LogLife,
  type Policy,
  type TrustRoot,
} from '@touchstone/attest';
import {
  formatVerifierKey,
  parseVerifierKey,
  publicKeyFromSpki,
  toBase64,
  verifierKey,
} from '@touchstone/note';
import type { NewRebuilder, RebuilderRow, RetiredKey } from '@touchstone/store';
import { ProblemError } from '../problem-error.js';

type Enrolled = TrustRoot['rebuilders'][number];

/**
 * The trust root as this coordinator sees it. Whoever verifies evidence should have it from
 * somewhere they trust; this one is for comparison, and for trying things out.
 *
 * @throws ProblemError `not-ready` when nobody could come to a verdict by it yet
 */
export function trustRootOf(
  log: LogLife | null,
  {
    enrolled: rows,
    retired,
  }: { enrolled: readonly RebuilderRow[]; retired: readonly RetiredKey[] },
  policy: Policy,
): TrustRoot {
  if (log === null) throw new ProblemError('not-ready', 'the log has not been reached yet');
  try {
    return parseTrustRoot({
      schema: TRUST_ROOT_SCHEMA,
      version: 1,
      logs: log.keys.map(logTerm),
      rebuilders: rows
        .map((row) => withRetired(row, retired, originOf(log)))
        .filter(({ keys }) => keys.length > 0),
      policy,
    });
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new ProblemError('not-ready', `${cause.message}; enrol more`, undefined, { cause });
  }
}

/** A key of the log, for checkpoints of the sizes that it signs. */
function logTerm({ vkey, since, until }: LogLife['keys'][number]): TrustRoot['logs'][number] {
  return {
    origin: parseVerifierKey(vkey).name,
    vkey,
    ...(since && { from: since.index + 1 }),
    ...(until && { until: until.index + 1 }),
  };
}

function originOf({ keys: [first] }: LogLife): string {
  return parseVerifierKey(first?.vkey ?? '').name;
}

/**
 * A rebuilder with the keys that it had. A retired key counts for what stands in the log of it, and
 * for nothing after; while a statement of it waits for the log, there is no saying where that ends.
 */
function withRetired(row: RebuilderRow, keys: readonly RetiredKey[], origin: string): Enrolled {
  const current = enrolled(row);
  const former = keys
    .filter(({ rebuilderId }) => rebuilderId === row.id)
    .flatMap(({ algorithm, spki, lastIndex, pending }) => {
      if (lastIndex === null && pending === 0) return [];
      const known = algorithm as Enrolled['keys'][number]['algorithm'];
      const end = pending > 0 ? {} : { retired: [{ origin, size: (lastIndex ?? -1) + 1 }] };
      return [{ algorithm: known, spki: toBase64(spki), ...end }];
    });
  return { ...current, keys: [...former, ...(row.withdrawnAt === null ? current.keys : [])] };
}

/**
 * Whether a trust root can hold these rebuilders together. One that cannot would take the trust
 * root from everybody, so such an enrolment is refused.
 *
 * @throws ProblemError `rebuilder-conflict`, `key-invalid`
 */
export function admitRebuilders(rebuilders: readonly NewRebuilder[]): void {
  try {
    parseTrustRoot({
      schema: TRUST_ROOT_SCHEMA,
      version: 1,
      logs: [anyLog(rebuilders)],
      rebuilders: rebuilders.map(enrolled),
      policy: { quorum: 1 },
    });
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    const key = cause.code === 'public-key-malformed';
    throw new ProblemError(
      key ? 'key-invalid' : 'rebuilder-conflict',
      cause.message,
      key ? 'publicKey.spki' : 'organisation',
      { cause },
    );
  }
}

function enrolled({ id, organisation, algorithm, spki }: NewRebuilder): Enrolled {
  const known = algorithm as Enrolled['keys'][number]['algorithm'];
  return { id, organisation, keys: [{ algorithm: known, spki: toBase64(spki) }] };
}

/** A trust root must name a log. Whether rebuilders go together does not hang on which. */
function anyLog([first]: readonly NewRebuilder[]): TrustRoot['logs'][number] {
  const origin = 'any.example';
  const key = publicKeyFromSpki(first?.spki ?? new Uint8Array());
  return { origin, vkey: formatVerifierKey(verifierKey(origin, key)) };
}

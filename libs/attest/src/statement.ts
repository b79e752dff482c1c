import { encodeUtf8 } from '@touchstone/note';
import { z } from 'zod';
import { canonicalJson, isCanonicalJson } from './canonical-json.js';
import { DigestSet } from './digest-set.js';
import { AttestError } from './errors.js';
import { parseBy, parseJsonText, type JsonText } from './json.js';

export const STATEMENT_TYPE = 'https://in-toto.io/Statement/v1';

/** What cosign and older tools write: the same fields under another name. Read, never written. */
const OLDER_STATEMENT_TYPE = 'https://in-toto.io/Statement/v0.1';

/** Our own predicate types share this prefix; their statements must be canonical JSON. */
const OWN_PREDICATES = 'https://touchstone.dev/';

/** Largest payload that is signed or read, in bytes. */
export const MAX_PAYLOAD_BYTES = 1024 * 1024;

const MAX_SUBJECTS = 1024;
const MAX_URI = 8192;

/**
 * in-toto attestation v1, "ResourceDescriptor". As the specification asks, fields of later
 * versions are carried along; of ours only uri, digest and name are used.
 */
export const ResourceDescriptor = z.looseObject({
  name: z.string().max(MAX_URI).exactOptional(),
  uri: z.string().max(MAX_URI).exactOptional(),
  digest: DigestSet.exactOptional(),
});

/** A subject must have a digest: a name alone is nobody's bytes. */
export const Subject = z.looseObject({
  name: z.string().max(MAX_URI).exactOptional(),
  digest: DigestSet,
});

/**
 * in-toto attestation v1, "Statement". The predicate is read by its own schema; one that is left out is
 * an empty one.
 */
export const Statement = z.looseObject({
  _type: z.literal(STATEMENT_TYPE),
  subject: z.array(Subject).min(1).max(MAX_SUBJECTS),
  predicateType: z.string().min(1).max(1024),
  predicate: z.looseObject({}).default({}),
});

/** As others write it: by version 1 of in-toto's attestation, or by 0.1. */
const ForeignStatement = Statement.extend({
  _type: z.enum([STATEMENT_TYPE, OLDER_STATEMENT_TYPE]),
});

export type ResourceDescriptor = z.infer<typeof ResourceDescriptor>;
export type Subject = z.infer<typeof Subject>;
export type Statement = z.infer<typeof Statement>;
export type ForeignStatement = z.infer<typeof ForeignStatement>;

/** The payload of a statement: its canonical JSON (RFC 8785) in UTF-8. */
export function encodeStatement(statement: Statement): Uint8Array {
  return encodeUtf8(canonicalJson(statement));
}

/**
 * Reads a statement from a payload. When the predicate type is one of ours the payload must be
 * canonical JSON, so that one statement has one digest.
 *
 * @throws AttestError `statement-malformed`, `statement-not-canonical`, `dsse-payload-too-large`
 */
export function parseStatement(payload: Uint8Array): Statement {
  const { statement, ...json } = readStatement(payload, Statement);
  if (statement.predicateType.startsWith(OWN_PREDICATES)) checkCanonical(json);
  return statement;
}

/**
 * As {@link parseStatement}, and what is not of a predicate type of ours may be of version 0.1.
 *
 * @throws as parseStatement does
 */
export function parseForeignStatement(payload: Uint8Array): ForeignStatement {
  const { statement } = readStatement(payload, ForeignStatement);
  return statement.predicateType.startsWith(OWN_PREDICATES) ? parseStatement(payload) : statement;
}

/** As {@link parseStatement}, and the payload must be canonical whatever the predicate type. */
export function parseCanonicalStatement(payload: Uint8Array): Statement {
  const { statement, ...json } = readStatement(payload, Statement);
  checkCanonical(json);
  return statement;
}

function readStatement<T>(
  payload: Uint8Array,
  schema: z.ZodType<T>,
): JsonText & { readonly statement: T } {
  if (payload.length > MAX_PAYLOAD_BYTES) {
    throw new AttestError(
      'dsse-payload-too-large',
      `payload of ${payload.length} bytes is over the limit of ${MAX_PAYLOAD_BYTES}`,
    );
  }
  let json: JsonText;
  try {
    json = parseJsonText(payload, MAX_PAYLOAD_BYTES);
  } catch (cause) {
    throw new AttestError('statement-malformed', 'the payload is not acceptable JSON', { cause });
  }
  return { ...json, statement: parseBy(schema, json.value, 'statement-malformed', 'statement') };
}

function checkCanonical(json: JsonText): void {
  let canonical: boolean;
  try {
    canonical = isCanonicalJson(json);
  } catch (cause) {
    // Well-formed JSON can still hold what RFC 8785 has no form for, such as "\ud800".
    throw new AttestError('statement-not-canonical', 'the payload has no canonical form', {
      cause,
    });
  }
  if (!canonical) {
    throw new AttestError(
      'statement-not-canonical',
      'the payload is not canonical JSON (RFC 8785); sign the canonical form of the statement',
    );
  }
}

import { fieldPath, type ProblemCode } from '@touchstone/contract';
import type { z } from 'zod';

/** The HTTP status of each refusal that is made here; the log has others. */
const STATUS = {
  'malformed-body': 400,
  'malformed-parameter': 400,
  'body-too-large': 413,
  'unsupported-media-type': 415,
  'route-unknown': 404,
  'rate-limited': 429,
  'token-missing': 401,
  'token-malformed': 401,
  'token-signature': 401,
  'token-expired': 401,
  'token-audience': 401,
  'token-binding': 401,
  'token-replayed': 401,
  'token-forbidden': 403,
  'rebuilder-unknown': 401,
  'rebuilder-withdrawn': 403,
  'rebuilder-absent': 404,
  'artifact-unknown': 404,
  'upload-unknown': 404,
  'upload-digest-mismatch': 422,
  'rebuilder-conflict': 409,
  'key-conflict': 409,
  'key-invalid': 422,
  'rebuild-unknown': 404,
  'rebuild-not-refused': 409,
  'lease-lapsed': 409,
  'lease-not-yours': 403,
  'report-conflict': 409,
  'report-signature': 422,
  'report-signer': 422,
  'report-malformed': 422,
  'report-subject-mismatch': 422,
  'report-recipe-mismatch': 422,
  'report-outcome-mismatch': 422,
  'evidence-not-ready': 409,
  'site-unknown': 404,
  'site-conflict': 409,
  'acknowledgement-malformed': 422,
  'acknowledgement-signature': 422,
  'acknowledgement-gap': 409,
  'acknowledgement-conflict': 409,
  'log-unreachable': 503,
  'log-forked': 503,
  'not-ready': 503,
  'storage-full': 507,
  internal: 500,
} as const satisfies Partial<Record<ProblemCode, number>>;

/** Codes of the refusals of this server. */
export type Refusal = keyof typeof STATUS;

/** A refusal on its way to the client; the exception filter writes it as problem details. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;

  constructor(
    readonly code: Refusal,
    message: string,
    readonly field?: string,
    options?: ErrorOptions,
  ) {
    super(message, options);
    this.status = STATUS[code];
  }
}

/** `value` as `schema` has it, or a refusal that names the first field at fault. */
export function parseOr<T extends z.ZodType>(
  code: Refusal,
  root: string,
  schema: T,
  value: unknown,
): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = fieldPath(issue?.path ?? [], root);
  throw new ProblemError(code, `${field}: ${issue?.message ?? 'malformed'}`, field);
}

import { z } from 'zod';

/** Why a request was refused, one code each; the same list on the coordinator and on the log. */
export const PROBLEM_CODES = [
  // the request
  'request-malformed',
  'request-timeout',
  'path-too-long',
  'headers-too-large',
  'method-not-allowed',
  'malformed-body',
  'malformed-parameter',
  'body-too-large',
  'unsupported-media-type',
  'route-unknown',
  'rate-limited',
  // who asks
  'token-missing',
  'token-malformed',
  'token-signature',
  'token-expired',
  'token-audience',
  'token-binding',
  'token-replayed',
  'token-forbidden',
  'rebuilder-unknown',
  'rebuilder-withdrawn',
  // publications
  'artifact-unknown',
  'upload-unknown',
  'upload-digest-mismatch',
  'toolchain-unknown',
  // enrolment
  'rebuilder-absent',
  'rebuilder-conflict',
  'key-conflict',
  'key-invalid',
  // leases and reports
  'rebuild-unknown',
  'rebuild-not-refused',
  'lease-lapsed',
  'lease-not-yours',
  'report-conflict',
  'report-signature',
  'report-signer',
  'report-malformed',
  'report-subject-mismatch',
  'report-recipe-mismatch',
  'report-outcome-mismatch',
  'evidence-not-ready',
  // sites
  'site-unknown',
  'site-conflict',
  'acknowledgement-malformed',
  'acknowledgement-signature',
  'acknowledgement-gap',
  'acknowledgement-conflict',
  // the log
  'entry-malformed',
  'entry-signature',
  'entry-too-large',
  'entry-unknown',
  'entry-duplicate',
  'writer-unknown',
  'attestation-unknown',
  'attestation-digest-mismatch',
  'rekor-v1-off',
  'bundle-unavailable',
  'tile-unknown',
  'tile-malformed',
  'size-out-of-range',
  'cosignature-malformed',
  'cosignature-signature',
  'witness-unknown',
  'log-busy',
  'log-frozen',
  'life-conflict',
  'admin-off',
  'log-stopped',
  'log-storage',
  'log-unwitnessed',
  'log-unreachable',
  'log-forked',
  'map-not-ready',
  'map-unknown',
  // the server
  'not-ready',
  'storage-full',
  'internal',
] as const;

export const ProblemCode = z.enum(PROBLEM_CODES);

/** An error answer: problem details (RFC 9457) with our code and the offending field. */
export const Problem = z.object({
  type: z.string(),
  title: z.string(),
  status: z.number().int(),
  code: ProblemCode,
  detail: z.string(),
  /** Path of the offending field in the request, e.g. `recipe.steps[0].run`. */
  field: z.string().optional(),
});

export type ProblemCode = z.infer<typeof ProblemCode>;
export type Problem = z.infer<typeof Problem>;

/** The problem document for a code. `type` is a stable URI that names the code. */
export function problem(
  code: ProblemCode,
  status: number,
  detail: string,
  field?: string,
): Problem {
  return {
    type: `https://touchstone.dev/problems/${code}`,
    title: code.replaceAll('-', ' '),
    status,
    code,
    detail,
    ...(field === undefined ? {} : { field }),
  };
}

/** Writes a zod issue path as `recipe.steps[0].run`; the empty path is the whole `root`. */
export function fieldPath(path: readonly PropertyKey[], root = 'body'): string {
  let text = '';
  for (const part of path) {
    text +=
      typeof part === 'number' ? `[${part}]` : text === '' ? String(part) : `.${String(part)}`;
  }
  return text === '' ? root : text;
}

import type { Problem } from '@touchstone/contract';

/** Rekor v1's API has errors of its own; everything else has problem details (RFC 9457). */
const REKOR_V1 = '/api/v1/';

/** A problem as it is sent to who asked for `url`. */
export function problemBody(answer: Problem, url: string): { type: string; body: string } {
  const v1 = url.startsWith(REKOR_V1);
  return {
    type: v1 ? 'application/json' : 'application/problem+json',
    body: JSON.stringify(v1 ? v1Error(answer) : answer),
  };
}

/** Rekor v1's `Error`, whose code is the status; ours is the `reason`. */
function v1Error({ code, status, detail, field }: Problem): object {
  return { code: status, message: detail, reason: code, ...(field === undefined ? {} : { field }) };
}

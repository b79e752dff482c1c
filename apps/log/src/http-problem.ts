import { fieldPath, problem } from '@touchstone/contract';
import type { Problem, ProblemCode } from '@touchstone/contract';
import type { z } from 'zod';

export interface ProblemOptions extends ErrorOptions {
  readonly field?: string;
  readonly retryAfter?: number;
  readonly location?: string;
}

/** An answer other than success, thrown by whatever finds out. */
export class HttpProblem extends Error {
  override readonly name = 'HttpProblem';
  readonly problem: Problem;
  /** Seconds after which it is worth asking again. */
  readonly retryAfter: number | undefined;
  /** Where what was asked for is. */
  readonly location: string | undefined;

  constructor(code: ProblemCode, status: number, detail: string, options: ProblemOptions = {}) {
    super(detail, options);
    this.retryAfter = options.retryAfter;
    this.location = options.location;
    this.problem = problem(code, status, detail, options.field);
  }
}

/** Parses a request by its schema, or throws the problem that names the field. */
export function parseRequest<T extends z.ZodType>(
  schema: T,
  value: unknown,
  code: ProblemCode,
  root: string,
): z.output<T> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const field = fieldPath(issue?.path ?? [], root);
  throw new HttpProblem(code, 400, `${field}: ${issue?.message ?? 'malformed'}`, { field });
}

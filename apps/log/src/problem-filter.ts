import { Catch, HttpException } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { problem } from '@touchstone/contract';
import type { Problem, ProblemCode } from '@touchstone/contract';
import { TlogError } from '@touchstone/tlog';
import type { TlogErrorCode } from '@touchstone/tlog';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { HttpProblem } from './http-problem.js';

const ENGINE: Partial<Record<TlogErrorCode, readonly [ProblemCode, number]>> = {
  'leaf-too-large': ['entry-too-large', 413],
  'pool-full': ['log-busy', 503],
  'log-closed': ['log-stopped', 503],
  'log-poisoned': ['log-stopped', 503],
  'batch-failed': ['log-storage', 503],
  'publish-failed': ['log-storage', 503],
  'quorum-missing': ['log-unwitnessed', 503],
  'size-out-of-range': ['size-out-of-range', 400],
};

const FRAMEWORK: Readonly<Record<number, ProblemCode>> = {
  400: 'malformed-body',
  404: 'route-unknown',
  413: 'body-too-large',
  415: 'unsupported-media-type',
  503: 'not-ready',
};

/** Turns everything thrown into problem details (RFC 9457). What is our fault is logged. */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const answer = problemOf(error);
    if (answer.status >= 500) this.#logger.error({ err: error, code: answer.code }, answer.detail);
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const { retryAfter, location } = error instanceof HttpProblem ? error : {};
    if (retryAfter !== undefined || answer.status === 503) {
      void reply.header('Retry-After', String(retryAfter ?? 1));
    }
    if (location !== undefined) void reply.header('Location', location);
    if (answer.status === 405) void reply.header('Allow', 'GET, HEAD');
    if (answer.status === 401) void reply.header('WWW-Authenticate', 'Bearer');
    const v1 = http.getRequest<FastifyRequest>().url.startsWith('/api/v1/');
    void reply
      .code(answer.status)
      .header('Cache-Control', 'no-store')
      .type(v1 ? 'application/json' : 'application/problem+json')
      .send(JSON.stringify(v1 ? v1Error(answer) : answer));
  }
}

/** Rekor v1's `Error`, whose code is the status; ours is the `reason`. */
function v1Error({ code, status, detail, field }: Problem): object {
  return { code: status, message: detail, reason: code, ...(field === undefined ? {} : { field }) };
}

function problemOf(error: unknown): Problem {
  if (error instanceof HttpProblem) return error.problem;
  if (error instanceof TlogError) {
    const [code, status] = ENGINE[error.code] ?? ['internal', 500];
    return problem(code, status, error.message);
  }
  if (error instanceof HttpException) {
    const code = FRAMEWORK[error.getStatus()];
    if (code) return problem(code, error.getStatus(), error.message);
  }
  return problem('internal', 500, 'the log failed to answer; its operator finds why in its output');
}

import { Catch, HttpException } from '@nestjs/common';
import type { ArgumentsHost, ExceptionFilter } from '@nestjs/common';
import { problem } from '@touchstone/contract';
import type { Problem, ProblemCode } from '@touchstone/contract';
import { TlogError } from '@touchstone/tlog';
import type { TlogErrorCode } from '@touchstone/tlog';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { HttpProblem } from './http-problem.js';
import type { KnownMethods } from './known-methods.js';
import { problemBody } from './problem-body.js';

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
  readonly #methods: KnownMethods;

  constructor(logger: Logger, methods: KnownMethods) {
    this.#logger = logger;
    this.#methods = methods;
  }

  catch(error: unknown, host: ArgumentsHost): void {
    const http = host.switchToHttp();
    const reply = http.getResponse<FastifyReply>();
    const { url, method } = http.getRequest<FastifyRequest>();
    const answer = this.#problemOf(error, url, method);
    if (answer.status >= 500) this.#tell(error, answer);
    const { retryAfter, location } = error instanceof HttpProblem ? error : {};
    if (retryAfter !== undefined || answer.status === 503) {
      void reply.header('Retry-After', String(retryAfter ?? 1));
    }
    if (location !== undefined) void reply.header('Location', location);
    if (answer.status === 405) void reply.header('Allow', this.#allowed(answer, url));
    if (answer.status === 401) void reply.header('WWW-Authenticate', 'Bearer');
    const { type, body } = problemBody(answer, url);
    void reply.code(answer.status).header('Cache-Control', 'no-store').type(type).send(body);
  }

  /** That it is busy, or not ready yet, is an answer to a client and no fault of the log. */
  #tell(error: unknown, { code, detail }: Problem): void {
    const isRefusal = error instanceof HttpProblem && error.cause === undefined;
    if (isRefusal) this.#logger.debug({ code }, detail);
    else this.#logger.error({ err: error, code }, detail);
  }

  /** The router finds no route for a path that is there by another method. */
  #problemOf(error: unknown, url: string, method: string): Problem {
    const answer = problemOf(error);
    if (answer.code !== 'route-unknown') return answer;
    const methods = this.#methods.of(url);
    if (methods.length === 0) return answer;
    const detail = `the path takes ${methods.join(' and ')}, not ${method}`;
    return problem('method-not-allowed', 405, detail);
  }

  /** A frozen log takes no writes, whatever the path took before. */
  #allowed({ code }: Problem, url: string): string {
    const methods = this.#methods.of(url);
    const reads = methods.filter((method) => method === 'GET' || method === 'HEAD');
    return (code === 'log-frozen' ? reads : methods).join(', ');
  }
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

import { Catch, HttpException, type ArgumentsHost, type ExceptionFilter } from '@nestjs/common';
import { problem } from '@touchstone/contract';
import { StoreError, type StoreErrorCode } from '@touchstone/store';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { ProblemError, type Refusal } from './problem-error.js';

/** The database's refusals that a caller can cause; the others are ours. */
const STORE_CODES: Partial<Readonly<Record<StoreErrorCode, Refusal>>> = {
  'rebuilder-conflict': 'rebuilder-conflict',
  'key-conflict': 'key-conflict',
  'rebuilder-withdrawn': 'rebuilder-withdrawn',
  'rebuild-not-refused': 'rebuild-not-refused',
  'rebuild-unknown': 'rebuild-unknown',
  'lease-lapsed': 'lease-lapsed',
  'lease-not-yours': 'lease-not-yours',
  'report-conflict': 'report-conflict',
  'site-conflict': 'site-conflict',
  'acknowledgement-conflict': 'acknowledgement-conflict',
};

/** Fastify's own refusals, before a controller is reached. */
const FASTIFY_CODES: Readonly<Record<string, Refusal>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: 'body-too-large',
  FST_ERR_CTP_INVALID_MEDIA_TYPE: 'unsupported-media-type',
  FST_ERR_CTP_INVALID_CONTENT_LENGTH: 'malformed-body',
  FST_ERR_BAD_URL: 'malformed-parameter',
  FST_ERR_MAX_PARAM_LENGTH: 'malformed-parameter',
};

/** The one place where errors become answers: problem details (RFC 9457). */
@Catch()
export class ProblemFilter implements ExceptionFilter {
  constructor(
    private readonly logger: Logger,
    /** Told of each request whose body was over the limit, before it is answered. */
    private readonly oversized: (request: FastifyRequest) => Promise<void>,
  ) {}

  async catch(error: unknown, host: ArgumentsHost): Promise<void> {
    const request = host.switchToHttp().getRequest<FastifyRequest>();
    const reply = host.switchToHttp().getResponse<FastifyReply>();
    const refusal = toProblem(error);
    const { code, status, message } = refusal;
    const facts = { code, status, method: request.method, url: request.url };
    if (status === 500) this.logger.error({ err: error, ...facts }, message);
    else if (status > 500) this.logger.warn({ err: refusal.cause, ...facts }, message);
    else this.logger.info({ ...facts, reason: message }, 'refused');
    if (code === 'body-too-large') {
      await this.oversized(request).catch((cause: unknown) => {
        this.logger.warn({ err: cause, ...facts }, 'the refusal is not recorded');
      });
    }
    void reply
      .status(refusal.status)
      .header('content-type', 'application/problem+json')
      .header('cache-control', 'no-store')
      .send(JSON.stringify(problem(refusal.code, refusal.status, refusal.message, refusal.field)));
  }
}

function toProblem(error: unknown): ProblemError {
  if (error instanceof ProblemError) return error;
  if (error instanceof StoreError) {
    const code = STORE_CODES[error.code];
    if (code !== undefined) return new ProblemError(code, error.message);
  }
  const fastifyCode = codeOf(error) ?? codeOf((error as { cause?: unknown } | null)?.cause);
  const code = fastifyCode === undefined ? undefined : FASTIFY_CODES[fastifyCode];
  if (code !== undefined) return new ProblemError(code, MESSAGES[code] ?? 'malformed request');
  if (error instanceof HttpException) {
    const status = error.getStatus();
    if (status === 404) return new ProblemError('route-unknown', 'there is no such route');
    if (status === 413) return toProblem({ code: 'FST_ERR_CTP_BODY_TOO_LARGE' });
    if (status === 415) return toProblem({ code: 'FST_ERR_CTP_INVALID_MEDIA_TYPE' });
    if (status < 500) return new ProblemError('malformed-body', error.message);
  }
  if (isDiskFull(error)) {
    const text =
      'the disk of the database is full, and nothing was stored; make room, then try again';
    return new ProblemError('storage-full', text, undefined, { cause: error });
  }
  // What went wrong inside is for the log alone.
  return new ProblemError('internal', 'something went wrong here; try again later');
}

const MESSAGES: Partial<Readonly<Record<Refusal, string>>> = {
  'body-too-large': 'the body is over the limit of this route',
  'unsupported-media-type':
    'the content type must be application/json, or application/octet-stream for an upload',
  'malformed-body': 'the body does not have the length that its header says',
  'malformed-parameter': 'the path is malformed or a part of it too long',
};

function codeOf(error: unknown): string | undefined {
  const code: unknown =
    typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** PostgreSQL's `disk_full` (class 53), which the database client passes on in its message alone. */
function isDiskFull(error: unknown): boolean {
  return error instanceof Error && /\b53100\b|No space left on device/u.test(error.message);
}

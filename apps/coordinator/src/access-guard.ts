import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Route } from '@touchstone/contract';
import { isSecret } from '@touchstone/keys';
import type { Database, RebuilderRow } from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error.js';
import { checkRequestToken } from './request-token.js';
import { bodyBytes, ROUTE } from './serves.js';

export interface AccessRules {
  readonly db: Database;
  readonly adminToken: string;
  /** Undefined: anyone may submit. */
  readonly submitToken: string | undefined;
  /** Asked anew each time: the URL we listen on is not known before we do. */
  readonly audience: () => string;
  readonly now: () => number;
}

const callers = new WeakMap<FastifyRequest, RebuilderRow>();

/** The rebuilder that signed this request; only on routes that ask for one. */
export function callerOf(request: FastifyRequest): RebuilderRow {
  const caller = callers.get(request);
  if (caller === undefined) throw new TypeError('the route does not ask for a rebuilder');
  return caller;
}

/** Lets a request pass that bears what its route asks for. */
export class AccessGuard implements CanActivate {
  constructor(private readonly rules: AccessRules) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = Reflect.getMetadata(ROUTE, context.getHandler()) as Route | undefined;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    const { adminToken, submitToken, db, audience, now } = this.rules;
    switch (route?.auth ?? 'none') {
      case 'none':
        return true;
      case 'admin':
        return checkSecret(bearer(request), adminToken);
      case 'submitter':
        return submitToken === undefined || checkSecret(bearer(request), submitToken);
      case 'rebuilder': {
        const bound = { method: request.method, url: request.url, body: bodyBytes(request) };
        const nowDate = new Date(now());
        const facts = { db, audience: audience(), now: nowDate };
        callers.set(request, await checkRequestToken(bearer(request), bound, facts));
        return true;
      }
      default:
        throw new ProblemError('token-forbidden', 'this route is not for anyone here');
    }
  }
}

function bearer(request: FastifyRequest): string {
  const match = /^Bearer ([\x21-\x7e]+)$/i.exec(request.headers.authorization ?? '');
  if (match?.[1] === undefined) {
    throw new ProblemError('token-missing', 'send a token: Authorization: Bearer <token>');
  }
  return match[1];
}

/** Compares digests, in constant time, so that neither text nor length shows in the timing. */
function checkSecret(offered: string, secret: string): true {
  if (!isSecret(offered, secret)) {
    throw new ProblemError('token-forbidden', 'the token is not the one this route asks for');
  }
  return true;
}

import type { CanActivate, ExecutionContext } from '@nestjs/common';
import type { Route } from '@touchstone/contract';
import { isSecret } from '@touchstone/keys';
import type { Database, RebuilderRow } from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from './problem-error.js';
import { checkTokenHead, spendToken, type TokenHead } from './request-token.js';
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

/** Whose tokens were found good so far, but for the body. */
const heads = new WeakMap<FastifyRequest, TokenHead>();
/** For which route a request was let pass. */
const admitted = new WeakMap<FastifyRequest, Route | undefined>();
const callers = new WeakMap<FastifyRequest, RebuilderRow>();

/** The rebuilder that signed this request; only on routes that ask for one. */
export function callerOf(request: FastifyRequest): RebuilderRow {
  const caller = callers.get(request);
  if (caller === undefined) throw new TypeError('the route does not ask for a rebuilder');
  return caller;
}

/** The rebuilder whose key signed for this request; its body need not have been read. */
export function signerOf(request: FastifyRequest): RebuilderRow | undefined {
  return heads.get(request)?.rebuilder;
}

/**
 * Lets a request pass that bears what its route asks for, before a byte of its body is read; a
 * rebuilder's token is bound to the body too, which {@link AccessGuard} sees to.
 *
 * @throws ProblemError
 */
export async function admitHead(
  route: Route | undefined,
  request: FastifyRequest,
  rules: AccessRules,
): Promise<void> {
  await checkHead(route, request, rules);
  admitted.set(request, route);
}

async function checkHead(
  route: Route | undefined,
  request: FastifyRequest,
  { adminToken, submitToken, db, audience, now }: AccessRules,
): Promise<void> {
  switch (route?.auth ?? 'none') {
    case 'none':
      return;
    case 'admin':
      checkSecret(bearer(request), adminToken);
      return;
    case 'submitter':
      if (submitToken !== undefined) checkSecret(bearer(request), submitToken);
      return;
    case 'rebuilder': {
      const { method, url } = request;
      const context = { db, audience: audience(), now: new Date(now()) };
      heads.set(request, await checkTokenHead(bearer(request), { method, url }, context));
      return;
    }
    default:
      throw new ProblemError('token-forbidden', 'this route is not for anyone here');
  }
}

/**
 * Sees that nobody passes whom {@link admitHead} did not let pass for this route, and to what that
 * could not know: that the body is the one that was signed for.
 */
export class AccessGuard implements CanActivate {
  constructor(private readonly db: Database) {}

  async canActivate(context: ExecutionContext): Promise<boolean> {
    const route = Reflect.getMetadata(ROUTE, context.getHandler()) as Route | undefined;
    if (route === undefined || route.auth === 'none') return true;
    const request = context.switchToHttp().getRequest<FastifyRequest>();
    if (admitted.get(request) !== route)
      throw new ProblemError('token-missing', 'the request was not admitted');
    if (route.auth !== 'rebuilder') return true;
    const head = heads.get(request);
    if (head === undefined) throw new ProblemError('token-missing', 'the request has no token');
    await spendToken(this.db, head, bodyBytes(request));
    callers.set(request, head.rebuilder);
    return true;
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
function checkSecret(offered: string, secret: string): void {
  if (!isSecret(offered, secret)) {
    throw new ProblemError('token-forbidden', 'the token is not the one this route asks for');
  }
}

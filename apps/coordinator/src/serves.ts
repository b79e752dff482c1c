import {
  applyDecorators,
  Header,
  HttpCode,
  RequestMapping,
  RequestMethod,
  SetMetadata,
} from '@nestjs/common';
import { AttestError, parseJson } from '@touchstone/attest';
import type { Route } from '@touchstone/contract';
import type { FastifyRequest } from 'fastify';
import type { z } from 'zod';
import { parseOr, ProblemError } from './problem-error.js';

const METHODS = { GET: RequestMethod.GET, POST: RequestMethod.POST, PUT: RequestMethod.PUT };

/** Metadata key under which a handler carries its route. */
export const ROUTE = 'touchstone:route';

/** Makes a controller's method the handler of one route of the route table. */
export function Serves(route: Route): MethodDecorator {
  return applyDecorators(
    RequestMapping({ path: routePattern(route), method: METHODS[route.method] }),
    HttpCode(route.status ?? 200),
    Header('cache-control', 'no-store'),
    SetMetadata(ROUTE, route),
  );
}

/** `/v1/artifacts/{id}` in Fastify's writing: `/v1/artifacts/:id`. */
export function routePattern(route: Route): string {
  return route.path.replace(/\{(\w+)\}/g, ':$1');
}

type Schema<T, K extends string> = T extends { readonly [P in K]: infer S extends z.ZodType }
  ? z.output<S>
  : never;

export function paramsOf<T extends Route>(route: T, request: FastifyRequest): Schema<T, 'params'> {
  return part(route.params, request.params, 'malformed-parameter', 'path') as Schema<T, 'params'>;
}

export function queryOf<T extends Route>(route: T, request: FastifyRequest): Schema<T, 'query'> {
  return part(route.query, request.query, 'malformed-parameter', 'query') as Schema<T, 'query'>;
}

export function bodyOf<T extends Route>(route: T, request: FastifyRequest): Schema<T, 'body'> {
  const bytes = bodyBytes(request);
  let value: unknown;
  try {
    value = parseJson(bytes, bytes.length);
  } catch (error) {
    const reason = error instanceof AttestError ? error.message : 'it is no JSON';
    throw new ProblemError('malformed-body', `the body cannot be read: ${reason}`, 'body');
  }
  const schema = route.body === 'bytes' ? undefined : route.body;
  return part(schema, value, 'malformed-body', 'body') as Schema<T, 'body'>;
}

function part(
  schema: z.ZodType | undefined,
  value: unknown,
  code: 'malformed-body' | 'malformed-parameter',
  root: string,
): unknown {
  if (schema === undefined) throw new TypeError(`the route has no ${root}`);
  return parseOr(code, root, schema, value);
}

/** The very bytes of the body; empty when there is none. Request tokens bind them. */
export function bodyBytes(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array();
}

import { z } from 'zod';
import { Problem } from './problem.js';
import type { Route, Routes } from './route.js';

type Json = Record<string, unknown>;

/** What every refusal looks like, whatever its status. */
const PROBLEM: Json = {
  description: 'Problem details (RFC 9457)',
  content: { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } },
};

/** What every service has for its operator; nobody's client needs it, so it is in no route table. */
const OPERATIONS: Readonly<Record<string, Json>> = {
  '/healthz': operations('healthz', 'Whether the process answers', 'application/json'),
  '/readyz': operations(
    'readyz',
    'Whether it can do its work; 503 says why not',
    'application/json',
  ),
  '/metrics': operations('metrics', 'Metrics for Prometheus', 'text/plain'),
  '/openapi.json': operations('openapi', 'This document', 'application/json'),
};

function operations(operationId: string, summary: string, type: string): Json {
  return {
    get: {
      operationId,
      summary,
      security: [],
      responses: { '200': { description: 'Done', content: { [type]: {} } }, default: PROBLEM },
    },
  };
}

/** The OpenAPI 3.1 document of a route table; every request and answer schema comes from zod. */
export function openApiDocument(
  info: { title: string; version: string; description: string },
  routes: Routes,
): Json {
  const paths: Record<string, Json> = {};
  for (const [operationId, route] of Object.entries(routes)) {
    const operations = (paths[route.path] ??= {});
    operations[route.method.toLowerCase()] = operation(operationId, route);
  }
  return {
    openapi: '3.1.0',
    info: { ...info, license: { name: 'Apache-2.0', identifier: 'Apache-2.0' } },
    // Relative to where this document was fetched.
    servers: [{ url: '/' }],
    paths: { ...paths, ...OPERATIONS },
    components: {
      schemas: { Problem: jsonSchema(Problem, 'output') },
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
    },
  };
}

function operation(operationId: string, route: Route): Json {
  return {
    operationId,
    summary: route.summary,
    security: route.auth === 'none' ? [] : [{ bearer: [] }],
    parameters: [...parameters(route.params, 'path'), ...parameters(route.query, 'query')],
    ...(route.body === undefined ? {} : { requestBody: requestBody(route.body) }),
    responses: {
      [String(route.status ?? 200)]: success(route.response),
      default: PROBLEM,
    },
  };
}

function parameters(schema: z.ZodType | undefined, place: 'path' | 'query'): Json[] {
  if (schema === undefined) return [];
  const object = jsonSchema(schema, 'input') as {
    properties?: Record<string, Json>;
    required?: string[];
  };
  return Object.entries(object.properties ?? {}).map(([name, property]) => ({
    name,
    in: place,
    required: place === 'path' || (object.required ?? []).includes(name),
    schema: property,
  }));
}

function requestBody(body: z.ZodType | 'bytes'): Json {
  const content =
    body === 'bytes'
      ? { 'application/octet-stream': {} }
      : { 'application/json': { schema: jsonSchema(body, 'input') } };
  return { required: true, content };
}

function success(response: Route['response']): Json {
  if (response === 'none') return { description: 'Done; no content' };
  if (response === 'bytes')
    return { description: 'Bytes', content: { 'application/octet-stream': {} } };
  if (response === 'text') return { description: 'Text', content: { 'text/plain': {} } };
  return {
    description: 'Done',
    content: { 'application/json': { schema: jsonSchema(response, 'output') } },
  };
}

function jsonSchema(schema: z.ZodType, io: 'input' | 'output'): Json {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io, unrepresentable: 'any' }) as Json;
  return rest;
}

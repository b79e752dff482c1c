import { NestFactory } from '@nestjs/core';
import { FastifyAdapter, type NestFastifyApplication } from '@nestjs/platform-fastify';
import { coordinatorRoutes, MAX_UPLOAD_BYTES, type Route } from '@touchstone/contract';
import type { FastifyRequest } from 'fastify';
import type { Logger } from 'pino';
import { AccessGuard, admitHead, signerOf, type AccessRules } from './access-guard.js';
import { AppModule, type Parts } from './app-module.js';
import { ProblemFilter } from './problem-filter.js';
import { paramsOf, routePattern } from './serves.js';

const KIB = 1024;

/** The largest JSON body, in bytes, unless a route says otherwise. */
const MAX_BODY_BYTES = 256 * KIB;

/** A report holds three envelopes, each with a payload of at most 1 MiB in base64. */
const MAX_REPORT_BYTES = 4.5 * KIB * KIB;

const BODY_LIMITS: ReadonlyMap<string, number> = new Map([
  [routeName(coordinatorRoutes.complete), MAX_REPORT_BYTES],
  [routeName(coordinatorRoutes.upload), MAX_UPLOAD_BYTES],
]);

const ROUTES: ReadonlyMap<string, Route> = new Map(
  Object.values<Route>(coordinatorRoutes).map((route) => [routeName(route), route]),
);

/** The route of the table that a request is for; undefined for health checks and the like. */
function routeOf({ method, routeOptions }: FastifyRequest): Route | undefined {
  return ROUTES.get(`${method} ${routeOptions.url ?? ''}`);
}

function routeName(route: Route): string {
  return `${route.method} ${routePattern(route)}`;
}

/** The HTTP side of the coordinator, not listening yet. */
export async function createHttpServer(
  parts: Parts,
  rules: AccessRules,
  logger: Logger,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: MAX_BODY_BYTES,
    // On closing, only connections without a request are cut; requests are finished.
    forceCloseConnections: 'idle',
    requestTimeout: 60_000,
  });
  const fastify = adapter.getInstance();
  fastify.addHook('onRoute', (route) => {
    const limit = BODY_LIMITS.get(`${String(route.method)} ${route.url}`);
    if (limit !== undefined) route.bodyLimit = limit;
  });
  // Who has no right to be here is told so before the body is read.
  fastify.addHook('onRequest', (request) => admitHead(routeOf(request), request, rules));
  // A connection that was busy when we began to stop is not kept for another request.
  fastify.addHook('onSend', (_request, reply, _payload, done) => {
    if (parts.stopping.aborted) void reply.header('connection', 'close');
    done();
  });
  // Bodies stay bytes: request tokens are bound to the very bytes, and parsing has its own bounds.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser(
    ['application/json', 'application/octet-stream'],
    { parseAs: 'buffer' },
    (_request, body, done) => done(null, body),
  );
  const app = await NestFactory.create<NestFastifyApplication>(
    AppModule.of(parts),
    adapter,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its plain options as a class
    { bodyParser: false, logger: false, abortOnError: false },
  );
  app.useGlobalFilters(new ProblemFilter(logger, (request) => noteOversized(request, parts)));
  app.useGlobalGuards(new AccessGuard(rules.db));
  await app.init();
  return app;
}

/** A report that is too large to be read is as final as one that is read and refused. */
async function noteOversized(request: FastifyRequest, { desk }: Parts): Promise<void> {
  const rebuilder = signerOf(request);
  if (rebuilder === undefined || routeOf(request) !== coordinatorRoutes.complete) return;
  const { id } = paramsOf(coordinatorRoutes.complete, request);
  const message = `the report is over the limit of ${MAX_REPORT_BYTES} bytes`;
  await desk.refused(rebuilder, id, { code: 'body-too-large', message });
}

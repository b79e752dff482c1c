import 'reflect-metadata';
import { NestFactory } from '@nestjs/core';
import { FastifyAdapter } from '@nestjs/platform-fastify';
import type { NestFastifyApplication } from '@nestjs/platform-fastify';
import type { TlogEvent } from '@touchstone/tlog';
import { destination, pino, type DestinationStream } from 'pino';
import type { Logger } from 'pino';
import { readEnvironment } from './environment.js';
import type { LogEnvironment } from './environment.js';
import { LogModule } from './log.module.js';
import type { LogParts } from './log.module.js';
import { Log } from './log.js';
import { HttpProblem } from './http-problem.js';
import { KnownMethods } from './known-methods.js';
import { LogMetrics } from './metrics.js';
import { ProblemFilter } from './problem-filter.js';
import { Republisher } from './life/republisher.js';
import { openParts } from './parts.js';
import { answerClientError, answerRouterError } from './request-errors.js';
import { WitnessMetrics } from './witnesses/witness-metrics.js';
import { Witnesses } from './witnesses/witnesses.js';

export interface RunningLog {
  /** Where it listens, without a slash at the end. */
  readonly url: string;
  /** Takes no more requests, answers those it has, makes them durable, releases the folder. */
  close(): Promise<void>;
}

/** Starts the log server with an environment such as process.env. */
export async function startLog(variables: Record<string, string | undefined>): Promise<RunningLog> {
  const environment = readEnvironment(variables);
  const logger = pino({ level: environment.logLevel, base: { service: 'log' } }, output());
  const metrics = new LogMetrics();
  const witnesses = await openWitnesses(environment, metrics, logger);
  const opened: { log?: Log } = {};
  const republisher = new Republisher({
    intervalMs: environment.republishMs,
    republish: () => opened.log?.republish(),
    registry: metrics.registry,
    clock: () => Date.now(),
  });
  const observed = (event: TlogEvent): void => {
    observe(event, metrics, logger);
    republisher.observe(event);
  };
  const log = await Log.open(environment, observed, witnesses);
  opened.log = log;
  const parts = await openParts({ environment, log, metrics, logger }).catch(
    async (error: unknown) => {
      republisher.close();
      await log.close();
      throw error;
    },
  );
  const close = async (): Promise<void> => {
    // Requests in flight wait for their checkpoint, and that for its batch, so the engine goes last.
    republisher.close();
    parts.life.close();
    await parts.sweep.close();
    await parts.scrub.close();
    await parts.map?.close();
    await parts.desk.threads.close();
    await parts.desk.indexed.close();
    await parts.desk.attestations.close();
    await log.close();
    witnesses?.close();
  };
  try {
    const stopping = new AbortController();
    const app = await listen(parts, environment, logger, stopping.signal);
    const url = await addressOf(app);
    logger.info({ url, origin: log.origin, vkey: log.vkey, size: log.size }, 'listening');
    return {
      url,
      async close() {
        stopping.abort();
        await app.close();
        await close();
        logger.info({ size: log.size }, 'stopped');
      },
    };
  } catch (error) {
    await close();
    throw error;
  }
}

function observe(event: TlogEvent, metrics: LogMetrics, logger: Logger): void {
  metrics.observe(event);
  if (event.type !== 'failed') return;
  const { error } = event;
  const level = error.code === 'log-poisoned' ? 'fatal' : 'error';
  logger[level]({ err: error, code: error.code }, error.message);
}

async function openWitnesses(
  { witnesses }: LogEnvironment,
  metrics: LogMetrics,
  logger: Logger,
): Promise<Witnesses | undefined> {
  if (!witnesses) return undefined;
  if (witnesses.failOpen) logger.warn('LOG_WITNESS_FAIL_OPEN: checkpoints may lack their quorum');
  const measured = new WitnessMetrics(metrics.registry);
  return Witnesses.open({
    ...witnesses,
    observe: (event) => {
      measured.observe(event);
      const { witness, result, failure } = event;
      if (!failure || result === 'backing-off') return;
      // A witness that has seen more of this log than there is, is what witnesses are for.
      const level = result === 'ahead' ? 'error' : 'warn';
      logger[level]({ witness, result }, `no cosignature: ${failure.message}`);
    },
  });
}

/** At most so late it is seen that a request has not arrived in time. */
const MAX_CHECKING_MS = 5_000;

/** What is posted here comes to its controller as bytes. */
const ENTRIES = /^\/api\/v[12]\/log\/entries(?:\?|$)/;

async function listen(
  parts: LogParts,
  { host, port, maxBodyBytes, requestTimeoutMs }: LogEnvironment,
  logger: Logger,
  stopping: AbortSignal,
): Promise<NestFastifyApplication> {
  const adapter = new FastifyAdapter({
    bodyLimit: maxBodyBytes,
    requestTimeout: requestTimeoutMs,
    http: {
      requestTimeout: requestTimeoutMs,
      // Of the two Node takes the longer one for the body.
      headersTimeout: requestTimeoutMs,
      connectionsCheckingInterval: Math.min(requestTimeoutMs, MAX_CHECKING_MS),
    },
    frameworkErrors: answerRouterError,
    clientErrorHandler: answerClientError,
  });
  const methods = new KnownMethods();
  adapter.getInstance().addHook('onRoute', (route) => methods.add(route.url, route.method));
  const json = adapter.getInstance().getDefaultJsonParser('error', 'error');
  adapter.useBodyParser(
    'application/json',
    false,
    { bodyLimit: maxBodyBytes },
    (request, body: Buffer, done) => {
      // Requests to log entries are read where the entries are made.
      if (ENTRIES.test(request.url)) done(null, body);
      else void json(request, body.toString(), done);
    },
  );
  // A page of any origin may post text without being asked whether it may.
  adapter.getInstance().removeContentTypeParser('text/plain');
  adapter
    .getInstance()
    .addContentTypeParser(
      'application/octet-stream',
      { parseAs: 'buffer' },
      (request, body, done) => {
        if (!ENTRIES.test(request.url)) done(null, body);
        else done(new HttpProblem('unsupported-media-type', 415, 'send application/json'));
      },
    );
  adapter.getInstance().addHook('onSend', (_request, reply, _payload, done) => {
    // Else a client that keeps its connection would keep the server from ending.
    if (stopping.aborted) void reply.header('connection', 'close');
    done();
  });
  const app = await NestFactory.create<NestFastifyApplication>(
    LogModule.of(parts),
    adapter,
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- Nest types its plain options as a class
    { logger: false, abortOnError: false },
  );
  app.useGlobalFilters(new ProblemFilter(logger, methods));
  try {
    await app.listen(port, host);
  } catch (error) {
    await app.close();
    throw error;
  }
  return app;
}

async function addressOf(app: NestFastifyApplication): Promise<string> {
  return (await app.getUrl()).replace('[::1]', 'localhost').replace(/\/$/, '');
}

/**
 * Standard output, without which the process goes on: where it is a file on a full disk, lines wait
 * (1 MiB of them, later ones are dropped) until there is room again.
 */
function output(): DestinationStream {
  return destination({ dest: 1, sync: true, maxLength: 1_048_576 }).on('error', () => undefined);
}

import { setTimeout as delay } from 'node:timers/promises';
import {
  ClientError,
  coordinatorRoutes,
  makeClient,
  recipeDigest,
  type Client,
  type Lease,
} from '@touchstone/contract';
import type { PrivateKey } from '@touchstone/keys';
import type { RebuildReport } from '@touchstone/rebuild';
import type { Logger } from 'pino';
import { requestTokenSigner } from './request-token.js';
import { signReport, type SignedReport } from './statements.js';

export type Coordinator = Client<typeof coordinatorRoutes>;

/** Rebuilds one leased recipe; the real one is `rebuild` of libs/rebuild bound to its options. */
export type RebuildLease = (
  lease: Lease,
  signal: AbortSignal,
  coordinator: Coordinator,
) => Promise<RebuildReport>;

export interface AgentOptions {
  readonly coordinatorUrl: string;
  readonly audience: string;
  readonly rebuilderId: string;
  readonly key: PrivateKey;
  readonly version: string;
  readonly rebuild: RebuildLease;
  readonly logger: Logger;
  readonly now: () => number;
}

const LONG_POLL_SECONDS = 15;
/** Leases of one rebuild after which sources that cannot be reached are reported as such. */
const UNREACHABLE_ATTEMPTS = 8;
const MAX_BACKOFF_MS = 15_000;
/** A coordinator that does not answer must not keep a worker from beating, or from stopping. */
const ANSWER_MS = 30_000;

/**
 * The loop of one organisation's worker: lease, rebuild, sign, report.
 *
 * Nothing is kept between rounds. A worker that dies in the middle loses only its lease, which
 * lapses and goes back into the queue; the private key never leaves this process.
 */
export async function runAgent(options: AgentOptions, stop: AbortSignal): Promise<void> {
  const sign = requestTokenSigner(options);
  const coordinator = makeClient(coordinatorRoutes, {
    baseUrl: options.coordinatorUrl,
    fetch: fetch as never,
    authorize: async (request) =>
      request.auth === 'rebuilder' ? `Bearer ${await sign(request)}` : undefined,
  });
  let failures = 0;
  while (!stop.aborted) {
    try {
      const { lease } = await coordinator.lease({
        body: { waitSeconds: LONG_POLL_SECONDS },
        signal: AbortSignal.any([stop, AbortSignal.timeout(LONG_POLL_SECONDS * 1000 + ANSWER_MS)]),
      });
      if (lease !== null) await work(coordinator, lease, options, stop);
      // Only now: a machine on which every build breaks must not lease as fast as it can.
      failures = 0;
    } catch (error) {
      if (isStopped(stop)) return;
      failures += 1;
      options.logger.warn({ error: describe(error), failures }, 'round failed');
      await delay(backoff(failures), undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

// Read through a function: the flag changes while awaiting, which control flow analysis cannot see.
function isStopped(signal: AbortSignal): boolean {
  return signal.aborted;
}

async function work(
  coordinator: Coordinator,
  lease: Lease,
  options: AgentOptions,
  stop: AbortSignal,
): Promise<void> {
  const logger = options.logger.child({ rebuild: lease.rebuildId, attempt: lease.attempt });
  if (recipeDigest(lease.recipe) !== lease.recipeDigest) {
    throw new Error('the leased recipe does not have the digest that the coordinator names');
  }
  logger.info({ artifact: lease.recipe.artifact }, 'leased');
  const lost = new AbortController();
  const signal = AbortSignal.any([stop, lost.signal]);
  const beating = keepLease(coordinator, lease, { lost, signal, logger, now: options.now });
  try {
    const report = await options.rebuild(lease, signal, coordinator);
    refusePassing(report, lease);
    const signed = await signReport(report, {
      recipe: lease.recipe,
      rebuilderId: options.rebuilderId,
      invocationId: lease.rebuildId,
      version: options.version,
      signer: options.key,
      onUnlisted: (reason) => {
        logger.warn({ reason }, 'no bill of materials');
      },
    });
    await deliver(coordinator, lease, report, signed, signal);
    logger.info({ outcome: report.predicate.outcome }, 'reported');
  } catch (error) {
    if (!isFinal(error) && !lost.signal.aborted) await giveBack(coordinator, lease, logger);
    if (!stop.aborted) throw error;
  } finally {
    lost.abort();
    await beating;
  }
}

/**
 * A report is final, so a network that is away for a while must not become an organisation's word:
 * the lease goes back, and only when it stays away is the publication called unavailable.
 */
function refusePassing({ predicate }: RebuildReport, lease: Lease): void {
  if (predicate.failure?.code !== 'source-unreachable') return;
  if (lease.attempt >= UNREACHABLE_ATTEMPTS) return;
  throw new Error(`${predicate.failure.message}; tried ${lease.attempt} times so far`);
}

interface Beat {
  /** Aborted when the lease is lost. */
  readonly lost: AbortController;
  /** Ends the beating. */
  readonly signal: AbortSignal;
  readonly logger: Logger;
  readonly now: () => number;
}

/** Extends the lease at a third of its remaining time; aborts the build when the lease is lost. */
async function keepLease(
  coordinator: Coordinator,
  lease: Lease,
  { lost, signal, logger, now }: Beat,
): Promise<void> {
  let expiresAt = Date.parse(lease.expiresAt);
  for (;;) {
    const pause = Math.max(500, (expiresAt - now()) / 3);
    await delay(pause, undefined, { signal }).catch(() => undefined);
    if (signal.aborted) return;
    try {
      const answer = await coordinator.heartbeat({
        params: { id: lease.rebuildId },
        body: { leaseToken: lease.leaseToken },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      expiresAt = Date.parse(answer.expiresAt);
    } catch (error) {
      if (isFinal(error)) {
        logger.warn({ error: describe(error) }, 'lease lost');
        lost.abort();
        return;
      }
      logger.warn({ error: describe(error) }, 'heartbeat failed');
    }
  }
}

/** Reports until the coordinator has it: it may be restarting while a long build ends. */
async function deliver(
  coordinator: Coordinator,
  lease: Lease,
  report: RebuildReport,
  signed: SignedReport,
  signal: AbortSignal,
): Promise<void> {
  for (let failures = 1; ; failures += 1) {
    try {
      await coordinator.complete({
        params: { id: lease.rebuildId },
        body: { leaseToken: lease.leaseToken, outcome: report.predicate.outcome, ...signed },
        signal: AbortSignal.timeout(ANSWER_MS),
      });
      return;
    } catch (error) {
      if (!(error instanceof ClientError) || isFinal(error)) throw error;
      await delay(backoff(failures), undefined, { signal });
    }
  }
}

async function giveBack(coordinator: Coordinator, lease: Lease, logger: Logger): Promise<void> {
  try {
    await coordinator.release({
      params: { id: lease.rebuildId },
      body: { leaseToken: lease.leaseToken },
      signal: AbortSignal.timeout(ANSWER_MS),
    });
    logger.info('gave the lease back');
  } catch (error) {
    // It lapses by itself; giving it back only spares the wait.
    logger.warn({ error: describe(error) }, 'could not give the lease back');
  }
}

/** Whether the coordinator has decided. That it is broken or busy now decides nothing. */
function isFinal(error: unknown): boolean {
  const status = error instanceof ClientError ? error.problem?.status : undefined;
  return status !== undefined && status < 500 && status !== 429;
}

function backoff(failures: number): number {
  return Math.min(MAX_BACKOFF_MS, 250 * 2 ** Math.min(failures - 1, 10));
}

function describe(error: unknown): string {
  if (error instanceof ClientError && error.problem !== undefined) {
    return `${error.problem.code}: ${error.problem.detail}`;
  }
  return error instanceof Error ? error.message : String(error);
}

import { Controller, Inject, Req, Res } from '@nestjs/common';
import { coordinatorRoutes } from '@touchstone/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { callerOf } from '../access-guard.js';
import { bodyOf, paramsOf, Serves } from '../serves.js';
import { LEASE_DESK, STOPPING } from '../tokens.js';
import type { LeaseDesk } from './lease-desk.js';

const { lease, heartbeat, release, complete } = coordinatorRoutes;

@Controller()
export class LeasesController {
  constructor(
    @Inject(LEASE_DESK) private readonly desk: LeaseDesk,
    @Inject(STOPPING) private readonly stopping: AbortSignal,
  ) {}

  @Serves(lease)
  async lease(
    @Req() request: FastifyRequest,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<unknown> {
    const { waitSeconds } = bodyOf(lease, request);
    const gone = new AbortController();
    reply.raw.once('close', () => gone.abort());
    const signal = AbortSignal.any([this.stopping, gone.signal]);
    return { lease: await this.desk.lease(callerOf(request), waitSeconds, signal) };
  }

  @Serves(heartbeat)
  async heartbeat(@Req() request: FastifyRequest): Promise<unknown> {
    const { id } = paramsOf(heartbeat, request);
    const { leaseToken } = bodyOf(heartbeat, request);
    const expiresAt = await this.desk.heartbeat(callerOf(request), id, leaseToken);
    return { expiresAt: expiresAt.toISOString() };
  }

  @Serves(release)
  async release(@Req() request: FastifyRequest): Promise<void> {
    const { id } = paramsOf(release, request);
    const { leaseToken } = bodyOf(release, request);
    await this.desk.release(callerOf(request), id, leaseToken);
  }

  @Serves(complete)
  async complete(@Req() request: FastifyRequest): Promise<unknown> {
    const { id } = paramsOf(complete, request);
    const report = bodyOf(complete, request);
    return { state: await this.desk.complete(callerOf(request), id, report) };
  }
}

import { Controller, Get, HttpCode, Inject, Put, Req, Res } from '@nestjs/common';
import { logRoutes } from '@touchstone/contract';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem, parseRequest } from '../http-problem.js';
import { ATTESTATIONS, WRITERS } from '../tokens.js';
import type { Writers } from '../writers/writers.js';
import { sha256Hex } from './attestation-store.js';
import type { AttestationStore } from './attestation-store.js';

/** Attestations by their digest, which is how whoever reads them checks them. */
@Controller('v1/attestations')
export class AttestationsController {
  readonly #attestations: AttestationStore;
  readonly #writers: Writers;

  constructor(
    @Inject(ATTESTATIONS) attestations: AttestationStore,
    @Inject(WRITERS) writers: Writers,
  ) {
    this.#attestations = attestations;
    this.#writers = writers;
  }

  @Get(':digest')
  async get(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    const digest = digestOf(request);
    const bytes = await this.#attestations.get(digest);
    if (!bytes) {
      const detail = `the log keeps no attestation sha256:${digest}`;
      throw new HttpProblem('attestation-unknown', 404, detail);
    }
    await reply
      .header('Content-Type', 'application/octet-stream')
      .header('Content-Disposition', 'attachment')
      .header('X-Content-Type-Options', 'nosniff')
      .header('Cache-Control', 'public, max-age=31536000, immutable')
      .send(bytes);
  }

  /** For entries that name an envelope by the digest of what was signed, and do not carry it. */
  @Put(':digest')
  @HttpCode(204)
  async put(@Req() request: FastifyRequest): Promise<void> {
    this.#writers.admit(request);
    const digest = digestOf(request);
    const { body } = request;
    if (!Buffer.isBuffer(body) || sha256Hex(body) !== digest) {
      const detail = `the body is not the bytes whose SHA-256 is ${digest}`;
      throw new HttpProblem('attestation-digest-mismatch', 400, detail, { field: 'body' });
    }
    await this.#attestations.put(body);
  }
}

function digestOf(request: FastifyRequest): string {
  const schema = logRoutes.attestation.params;
  const params = parseRequest(schema, request.params, 'malformed-parameter', 'path');
  return params.digest.slice('sha256:'.length);
}

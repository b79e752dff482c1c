import { createHash } from 'node:crypto';
import { Controller, Header, Inject, Req, StreamableFile } from '@nestjs/common';
import { coordinatorRoutes } from '@touchstone/contract';
import { findUpload, saveUpload, type Database } from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problem-error.js';
import { bodyBytes, paramsOf, Serves } from '../serves.js';
import { CLOCK, DATABASE } from '../tokens.js';

const { upload, download } = coordinatorRoutes;

@Controller()
export class UploadsController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(CLOCK) private readonly now: () => number,
  ) {}

  @Serves(upload)
  async upload(@Req() request: FastifyRequest): Promise<void> {
    const { digest } = paramsOf(upload, request);
    if (request.headers['content-type'] !== 'application/octet-stream') {
      throw new ProblemError(
        'unsupported-media-type',
        'the content type of an upload must be application/octet-stream',
      );
    }
    const bytes = bodyBytes(request);
    const actual = createHash('sha256').update(bytes).digest('hex');
    if (digest !== `sha256:${actual}`) {
      throw new ProblemError(
        'upload-digest-mismatch',
        `the bytes sent have digest sha256:${actual}`,
        'digest',
      );
    }
    await saveUpload(this.db, actual, bytes, new Date(this.now()));
  }

  @Serves(download)
  // Bytes that are named by their digest never change, and are never to be rendered.
  @Header('cache-control', 'public, max-age=31536000, immutable')
  @Header('x-content-type-options', 'nosniff')
  async download(@Req() request: FastifyRequest): Promise<StreamableFile> {
    const { digest } = paramsOf(download, request);
    const bytes = await findUpload(this.db, digest.slice('sha256:'.length));
    if (bytes === undefined) throw new ProblemError('upload-unknown', `there is no ${digest}`);
    return new StreamableFile(bytes, { type: 'application/octet-stream', length: bytes.length });
  }
}

import { Controller, Get, Header, Inject, Query, Req } from '@nestjs/common';
import { signingConfigDocument, trustedRootDocument } from '@touchstone/attest';
import { logRoutes } from '@touchstone/contract';
import type { FastifyRequest } from 'fastify';
import { parseRequest } from '../http-problem.js';
import { SIGSTORE } from '../tokens.js';
import type { Sigstore } from './sigstore.js';

/** What sigstore's clients are configured with. */
@Controller()
export class DocumentsController {
  readonly #sigstore: Sigstore;

  constructor(@Inject(SIGSTORE) sigstore: Sigstore) {
    this.#sigstore = sigstore;
  }

  @Get('trusted_root.json')
  @Header('Cache-Control', 'no-cache')
  trustedRoot(): object {
    return trustedRootDocument(this.#sigstore.log());
  }

  @Get('signing_config.json')
  @Header('Cache-Control', 'no-cache')
  signingConfig(@Query() query: unknown, @Req() request: FastifyRequest): object {
    const schema = logRoutes.signingConfig.query;
    const { majorApiVersion: asked } = parseRequest(schema, query, 'malformed-parameter', 'query');
    const { publicUrl, operator } = this.#sigstore;
    const log = this.#sigstore.log();
    const known = log.v1Key ? [2, 1] : [2];
    return signingConfigDocument({
      url: publicUrl ?? `${request.protocol}://${request.host}`,
      operator,
      validFrom: log.validFrom,
      apiVersions: known.filter((version) => asked === undefined || String(version) === asked),
    });
  }
}

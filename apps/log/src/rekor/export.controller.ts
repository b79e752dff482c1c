import { Controller, Get, Header, Inject, Param, Query } from '@nestjs/common';
import { logRoutes } from '@touchstone/contract';
import { parseRequest } from '../http-problem.js';
import { EXPORT_DESK } from '../tokens.js';
import { exportBundle, exportTlogProof } from './export-entry.js';
import type { ExportDesk } from './export-entry.js';

/** Single entries in the forms that other tools verify offline. */
@Controller('v1/entries')
export class ExportController {
  readonly #desk: ExportDesk;

  constructor(@Inject(EXPORT_DESK) desk: ExportDesk) {
    this.#desk = desk;
  }

  @Get(':index/bundle')
  @Header('Cache-Control', 'no-cache')
  @Header('Content-Type', 'application/vnd.dev.sigstore.bundle.v0.3+json')
  async bundle(@Param() params: unknown, @Query() query: unknown): Promise<string> {
    const { index } = parseRequest(
      logRoutes.entryBundle.params,
      params,
      'malformed-parameter',
      'path',
    );
    const { payloadType } = parseRequest(
      logRoutes.entryBundle.query,
      query,
      'malformed-parameter',
      'query',
    );
    return JSON.stringify(await exportBundle(Number(index), payloadType, this.#desk));
  }

  @Get(':index/tlog-proof')
  @Header('Cache-Control', 'no-cache')
  @Header('Content-Type', 'text/plain; charset=utf-8')
  tlogProof(@Param() params: unknown): Promise<string> {
    const schema = logRoutes.entryProof.params;
    const { index } = parseRequest(schema, params, 'malformed-parameter', 'path');
    return exportTlogProof(Number(index), this.#desk.log);
  }
}

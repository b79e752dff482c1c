import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { logRoutes } from '@touchstone/contract';
import type { TimesAnswer } from '@touchstone/contract';
import { parseRequest } from './http-problem.js';
import type { WriteDesk } from './rekor/write-desk.js';
import { WRITE_DESK } from './tokens.js';

/** When entries came, by the log's own word: no leaf says it. */
@Controller('v1/times')
export class TimesController {
  readonly #desk: WriteDesk;

  constructor(@Inject(WRITE_DESK) desk: WriteDesk) {
    this.#desk = desk;
  }

  @Get()
  @Header('Cache-Control', 'no-cache')
  async times(@Query() query: unknown): Promise<TimesAnswer> {
    const schema = logRoutes.times.query;
    const { since = 0, until } = parseRequest(schema, query, 'malformed-parameter', 'query');
    const { indexed } = this.#desk;
    const { size } = indexed.log;
    const { from, to } = await indexed.between(since, until ?? Number.MAX_SAFE_INTEGER);
    return { from: Math.min(from, size), to: Math.min(to, size) };
  }
}

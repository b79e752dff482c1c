import { Body, Controller, HttpCode, Inject, Post, Req } from '@nestjs/common';
import type { TransparencyLogEntry } from '@touchstone/contract';
import type { FastifyRequest } from 'fastify';
import { WRITE_DESK } from '../tokens.js';
import { addEntry } from './add-entry.js';
import type { WriteDesk } from './write-desk.js';

/** Writes: Rekor v2's API. */
@Controller()
export class EntriesController {
  readonly #desk: WriteDesk;

  constructor(@Inject(WRITE_DESK) desk: WriteDesk) {
    this.#desk = desk;
  }

  @Post('api/v2/log/entries')
  @HttpCode(201)
  add(@Req() request: FastifyRequest, @Body() body: unknown): Promise<TransparencyLogEntry> {
    this.#desk.writers.admit(request);
    return addEntry(body, this.#desk);
  }
}

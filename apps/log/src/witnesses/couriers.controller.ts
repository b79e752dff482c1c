import { Body, Controller, Get, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { CosignatureRequest } from '@touchstone/contract';
import type { CosignaturesAnswer } from '@touchstone/contract';
import type { FastifyRequest } from 'fastify';
import { parseRequest } from '../http-problem.js';
import { COURIER_DESK, WRITERS } from '../tokens.js';
import type { Writers } from '../writers/writers.js';
import type { CourierDesk } from './courier-desk.js';

/** Cosignatures of witnesses that no network reaches. */
@Controller('v1/cosignatures')
export class CouriersController {
  readonly #desk: CourierDesk;
  readonly #writers: Writers;

  constructor(@Inject(COURIER_DESK) desk: CourierDesk, @Inject(WRITERS) writers: Writers) {
    this.#desk = desk;
    this.#writers = writers;
  }

  @Get()
  @Header('Cache-Control', 'no-cache')
  all(): CosignaturesAnswer {
    return this.#desk.answer();
  }

  @Post()
  @HttpCode(200)
  bring(@Req() request: FastifyRequest, @Body() body: unknown): Promise<CosignaturesAnswer> {
    this.#writers.authorize(request);
    const { note } = parseRequest(CosignatureRequest, body, 'malformed-body', 'body');
    return this.#desk.take(note);
  }
}

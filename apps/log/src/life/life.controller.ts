import { Body, Controller, Get, Header, HttpCode, Inject, Post, Req } from '@nestjs/common';
import { FreezeRequest, RotateRequest } from '@touchstone/contract';
import type { LifeAnswer } from '@touchstone/contract';
import { isSecret } from '@touchstone/keys';
import type { FastifyRequest } from 'fastify';
import { HttpProblem, parseRequest } from '../http-problem.js';
import { ADMIN_TOKEN, LIFE_DESK } from '../tokens.js';
import type { LifeDesk } from './life-desk.js';

/** What the log says of itself, and what its operator has it say. */
@Controller('v1/log')
export class LifeController {
  readonly #desk: LifeDesk;
  readonly #token: string | null;

  constructor(@Inject(LIFE_DESK) desk: LifeDesk, @Inject(ADMIN_TOKEN) token: string | null) {
    this.#desk = desk;
    this.#token = token;
  }

  @Get('life')
  @Header('Cache-Control', 'no-cache')
  life(): LifeAnswer {
    return this.#desk.answer();
  }

  @Post('rotate')
  @HttpCode(200)
  rotate(@Req() request: FastifyRequest, @Body() body: unknown): Promise<LifeAnswer> {
    this.#authorize(request);
    const { step } = parseRequest(RotateRequest, body, 'malformed-body', 'body');
    return step === 'announce' ? this.#desk.announce() : this.#desk.retire();
  }

  @Post('freeze')
  @HttpCode(200)
  freeze(@Req() request: FastifyRequest, @Body() body: unknown): Promise<LifeAnswer> {
    this.#authorize(request);
    const { origin } = parseRequest(FreezeRequest, body, 'malformed-body', 'body');
    return this.#desk.freeze(origin);
  }

  #authorize({ headers: { authorization } }: FastifyRequest): void {
    if (this.#token === null) {
      const detail = 'set LOG_ADMIN_TOKEN_FILE to rotate and freeze this log over HTTP';
      throw new HttpProblem('admin-off', 403, detail);
    }
    const presented = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (presented === undefined) {
      throw new HttpProblem('token-missing', 401, 'send Authorization: Bearer and the admin token');
    }
    if (!isSecret(presented, this.#token)) {
      throw new HttpProblem('token-forbidden', 403, 'the token is not the admin token of this log');
    }
  }
}

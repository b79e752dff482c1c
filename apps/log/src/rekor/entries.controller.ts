import { createHash, timingSafeEqual } from 'node:crypto';
import { Body, Controller, Headers, HttpCode, Inject, Post } from '@nestjs/common';
import { EntryRequest } from '@touchstone/contract';
import type { TransparencyLogEntry } from '@touchstone/contract';
import { nodeVerifier } from '@touchstone/keys';
import { addEntry } from './add-entry.js';
import { HttpProblem, parseRequest } from '../http-problem.js';
import type { Log } from '../log.js';
import { LOG, WRITE_TOKEN } from '../tokens.js';

/** Writes: Rekor v2's API. */
@Controller()
export class EntriesController {
  readonly #log: Log;
  readonly #writeToken: string | undefined;

  constructor(@Inject(LOG) log: Log, @Inject(WRITE_TOKEN) writeToken: string | null) {
    this.#log = log;
    this.#writeToken = writeToken ?? undefined;
  }

  @Post('api/v2/log/entries')
  @HttpCode(201)
  add(
    @Headers('authorization') authorization: string | undefined,
    @Body() body: unknown,
  ): Promise<TransparencyLogEntry> {
    this.#authorize(authorization);
    const request = parseRequest(EntryRequest, body, 'entry-malformed', 'body');
    return addEntry(request, this.#log, nodeVerifier);
  }

  #authorize(authorization: string | undefined): void {
    if (this.#writeToken === undefined) return;
    const presented = /^Bearer +(\S+)$/i.exec(authorization ?? '')?.[1];
    if (presented === undefined) {
      throw new HttpProblem('token-missing', 401, 'send Authorization: Bearer and the write token');
    }
    // Digests, since the comparison in constant time needs the same length on both sides.
    if (!timingSafeEqual(sha256(presented), sha256(this.#writeToken))) {
      throw new HttpProblem('token-forbidden', 403, 'the token is not the write token of this log');
    }
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

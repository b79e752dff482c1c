import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { logRoutes } from '@touchstone/contract';
import type { ConsistencyAnswer, InclusionAnswer, LogInfo } from '@touchstone/contract';
import { toBase64 } from '@touchstone/note';
import { HttpProblem, parseRequest } from './http-problem.js';
import type { Log } from './log.js';
import { LOG } from './tokens.js';

/** Proofs for clients that do not want to make them from tiles. They verify them all the same. */
@Controller('v1')
export class ProofsController {
  readonly #log: Log;

  constructor(@Inject(LOG) log: Log) {
    this.#log = log;
  }

  @Get('proof/inclusion')
  @Header('Cache-Control', 'no-cache')
  async inclusion(@Query() query: unknown): Promise<InclusionAnswer> {
    const schema = logRoutes.inclusion.query;
    const { index, size: asked } = parseRequest(schema, query, 'malformed-parameter', 'query');
    const { size, note } = this.#at(asked, 'size');
    if (index >= size) {
      throw outOfRange('index', `leaf ${index} is not in the tree of size ${size}`);
    }
    const hashes = (await this.#log.reader.inclusionProof(index, size)).map(toBase64);
    const root = toBase64(await this.#log.reader.root(size));
    return { index, size, root, hashes, ...note };
  }

  @Get('proof/consistency')
  @Header('Cache-Control', 'no-cache')
  async consistency(@Query() query: unknown): Promise<ConsistencyAnswer> {
    const schema = logRoutes.consistency.query;
    const { from, to: asked } = parseRequest(schema, query, 'malformed-parameter', 'query');
    const { size: to, note } = this.#at(asked, 'to');
    if (from > to) throw outOfRange('from', `size ${from} is beyond size ${to}`);
    const hashes = (await this.#log.reader.consistencyProof(from, to)).map(toBase64);
    return { from, to, hashes, ...note };
  }

  @Get('log')
  @Header('Cache-Control', 'no-cache')
  info(): LogInfo {
    return { origin: this.#log.origin, vkey: this.#log.vkey, size: this.#log.size };
  }

  /** The size asked for, or the published one; with its checkpoint when it is that one. */
  #at(asked: number | undefined, field: string): { size: number; note: { checkpoint?: string } } {
    const published = this.#log.size;
    const size = asked ?? published;
    if (size > published) {
      throw outOfRange(field, `size ${size} is beyond the published size ${published}`);
    }
    const { note } = this.#log;
    return { size, note: size === published && note !== '' ? { checkpoint: note } : {} };
  }
}

function outOfRange(field: string, detail: string): HttpProblem {
  return new HttpProblem('size-out-of-range', 400, detail, { field });
}

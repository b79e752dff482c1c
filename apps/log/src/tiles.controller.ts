import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { Controller, Get, Header, Inject, Req, Res } from '@nestjs/common';
import { parseTilePath, tileWidth } from '@touchstone/merkle';
import type { TileRef } from '@touchstone/merkle';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem } from './http-problem.js';
import type { Log } from './log.js';
import { LOG } from './tokens.js';

/** Reads: C2SP tlog-tiles at the root, and again below /api/v2 where Rekor v2 has them. */
@Controller()
export class TilesController {
  readonly #log: Log;

  constructor(@Inject(LOG) log: Log) {
    this.#log = log;
  }

  @Get(['checkpoint', 'api/v2/checkpoint'])
  @Header('Content-Type', 'text/plain; charset=utf-8')
  @Header('Cache-Control', 'no-cache')
  checkpoint(): string {
    const { note } = this.#log;
    if (note === '') {
      const detail = 'the first checkpoint waits for the quorum of its witnesses';
      throw new HttpProblem('log-unwitnessed', 503, detail);
    }
    return note;
  }

  @Get(['tile/*', 'api/v2/tile/*'])
  async tile(@Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    // The path as it was sent: a tile has one name, and no escapes in it.
    const [url = ''] = request.url.split('?');
    const path = url.replace(/^\/(?:api\/v2\/)?/, '');
    const tile = parsePath(path);
    const bytes = await this.#read(path, tile);
    // Full tiles and published partial ones never change (C2SP tlog-tiles, "Caching").
    void reply
      .header('Content-Type', 'application/octet-stream')
      .header('Cache-Control', 'public, max-age=31536000, immutable');
    // Hashes cannot be made shorter, entries can (ibid., "Log entries").
    if (tile.kind === 'entries') void reply.header('Vary', 'Accept-Encoding');
    if (tile.kind === 'entries' && takesGzip(request.headers['accept-encoding'])) {
      await reply.header('Content-Encoding', 'gzip').send(await compress(bytes));
      return;
    }
    await reply.send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
  }

  async #read(path: string, tile: TileRef): Promise<Uint8Array> {
    const level = tile.kind === 'hash' ? tile.level : 0;
    // What lies beyond the published tree was promised to nobody and may still change.
    const published = tile.width <= tileWidth(level, tile.index, this.#log.size);
    const bytes = published ? await this.#log.readTile(path) : undefined;
    if (bytes) return bytes;
    const detail = `${path} is not in the tree of size ${this.#log.size}, or not at that width`;
    throw new HttpProblem('tile-unknown', 404, detail);
  }
}

const compress = promisify<Uint8Array, Buffer>(gzip);

/** Whether an Accept-Encoding names gzip and does not rule it out (RFC 9110 section 12.5.3). */
function takesGzip(accepted: string | string[] | undefined): boolean {
  const codings = [accepted ?? []].flat().join(',').toLowerCase().split(',');
  return codings.some((coding) => {
    const [name = '', ...parameters] = coding.split(';').map((part) => part.trim());
    return name === 'gzip' && !parameters.some((part) => /^q=0(?:\.0*)?$/.test(part));
  });
}

function parsePath(path: string): TileRef {
  try {
    return parseTilePath(path);
  } catch (cause) {
    const detail = 'the path is not that of a tile; see C2SP tlog-tiles';
    throw new HttpProblem('tile-malformed', 400, detail, { cause });
  }
}

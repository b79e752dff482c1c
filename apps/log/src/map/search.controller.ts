import { Controller, Get, Header, Inject, Query } from '@nestjs/common';
import { encodeKeyAnswer, mapKeyOf, UNREAD_KEY } from '@touchstone/attest';
import type { KeyAnswer, SearchAnswer } from '@touchstone/attest';
import { logRoutes } from '@touchstone/contract';
import { listPages } from '@touchstone/merkle';
import { toBase64 } from '@touchstone/note';
import { TlogError } from '@touchstone/tlog';
import type { MapView } from '@touchstone/tlog';
import { HttpProblem, parseRequest } from '../http-problem.js';
import type { Log } from '../log.js';
import { LOG, LOG_MAP } from '../tokens.js';
import type { CommittedMap, LogMap } from './log-map.js';

/** Search with proof. Whether the proof holds is for the client to say. */
@Controller('v1/search')
export class SearchController {
  readonly #log: Log;
  readonly #map: LogMap | null;

  constructor(@Inject(LOG) log: Log, @Inject(LOG_MAP) map: LogMap | null) {
    this.#log = log;
    this.#map = map;
  }

  @Get()
  @Header('Cache-Control', 'no-cache')
  async search(@Query() query: unknown): Promise<SearchAnswer> {
    const schema = logRoutes.search.query;
    const asked = parseRequest(schema, query, 'malformed-parameter', 'query');
    const { map, index, leaf } = this.#committed(asked.size);
    const [found, unread, inclusionProof] = await Promise.all([
      keyAnswer(map, mapKeyOf(asked), asked.page ?? 0),
      keyAnswer(map, UNREAD_KEY, asked.unreadPage ?? 0),
      this.#inclusion(index),
    ]).catch((error: unknown) => this.#refuse(error));
    const { checkpoint, hashes } = inclusionProof;
    const commitment = { index, leaf: toBase64(leaf), inclusionProof: hashes };
    return { checkpoint, commitment, found, unread };
  }

  #committed(size: number | undefined): CommittedMap {
    const held = this.#map?.at(size);
    if (held) return held;
    if (size !== undefined && this.#map?.at()) {
      const detail = `the map of size ${size} is not held any more; ask for the newest one`;
      throw new HttpProblem('map-unknown', 404, detail, { field: 'size' });
    }
    const detail = this.#map
      ? 'no map is committed to yet, or it is being made from the tiles'
      : 'this log keeps no verifiable index; scan the tiles';
    throw new HttpProblem('map-not-ready', 503, detail);
  }

  #refuse(error: unknown): never {
    if (error instanceof TlogError && error.code === 'map-version') {
      throw new HttpProblem('map-unknown', 404, error.message, { field: 'size' });
    }
    if (!(error instanceof TlogError) || error.code !== 'map-store') throw error;
    this.#map?.foundDamaged();
    const detail = 'the files of the map are damaged; it is made again';
    throw new HttpProblem('map-not-ready', 503, detail, { cause: error });
  }

  async #inclusion(index: number): Promise<{ checkpoint: string; hashes: string[] }> {
    const { note: checkpoint, size } = this.#log;
    const proof = await this.#log.reader.inclusionProof(index, size);
    return { checkpoint, hashes: proof.map(toBase64) };
  }
}

async function keyAnswer(map: MapView, key: Uint8Array, page: number): Promise<KeyAnswer> {
  const has = page < listPages(map.count(key));
  return encodeKeyAnswer(map.prove(key), has ? await map.page(key, page) : undefined);
}

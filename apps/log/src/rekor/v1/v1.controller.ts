import {
  Body,
  Controller,
  Get,
  Header,
  HttpCode,
  Inject,
  Param,
  Post,
  Query,
  Req,
  Res,
} from '@nestjs/common';
import { RekorQuery, RekorSearch, rekorRoutes } from '@touchstone/contract';
import type { RekorEntries, RekorLogInfo, RekorProof } from '@touchstone/contract';
import { publicKeyToPem } from '@touchstone/keys';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { HttpProblem, parseRequest } from '../../http-problem.js';
import { V1_LOG, WRITE_DESK } from '../../tokens.js';
import type { WriteDesk } from '../write-desk.js';
import { addV1Entry, retrieveV1, searchV1 } from './v1-actions.js';
import { hex } from './v1-log.js';
import type { V1Log } from './v1-log.js';

/** Rekor v1's API: what cosign, rekor-cli and others speak that know no other. */
@Controller('api/v1')
export class V1Controller {
  readonly #desk: WriteDesk;
  readonly #v1: V1Log | null;

  constructor(@Inject(WRITE_DESK) desk: WriteDesk, @Inject(V1_LOG) v1: V1Log | null) {
    this.#desk = desk;
    this.#v1 = v1;
  }

  @Post('log/entries')
  @HttpCode(201)
  async add(
    @Req() request: FastifyRequest,
    @Body() body: unknown,
    @Res({ passthrough: true }) reply: FastifyReply,
  ): Promise<RekorEntries> {
    this.#desk.writers.admit(request);
    const entry = await addV1Entry(body, this.#desk, this.#log);
    const id = Object.keys(entry)[0] ?? '';
    void reply.header('ETag', id).header('Location', `/api/v1/log/entries/${id}`);
    return entry;
  }

  @Get('log/entries')
  async byIndex(@Query() query: unknown): Promise<RekorEntries> {
    const schema = rekorRoutes.rekorEntryByIndex.query;
    const { logIndex } = parseRequest(schema, query, 'malformed-parameter', 'query');
    return found(await this.#log.entryAt(Number(logIndex)));
  }

  @Get('log/entries/:entryUUID')
  async byId(@Param() params: unknown): Promise<RekorEntries> {
    const schema = rekorRoutes.rekorEntry.params;
    const { entryUUID } = parseRequest(schema, params, 'malformed-parameter', 'path');
    const index = await this.#log.find(entryUUID.toLowerCase());
    return found(index === undefined ? undefined : await this.#log.entryAt(index));
  }

  @Post('log/entries/retrieve')
  @HttpCode(200)
  retrieve(@Body() body: unknown): Promise<RekorEntries[]> {
    return retrieveV1(
      parseRequest(RekorQuery, body, 'malformed-body', 'body'),
      this.#desk,
      this.#log,
    );
  }

  @Get('log')
  @Header('Cache-Control', 'no-cache')
  async info(): Promise<RekorLogInfo> {
    const { size, root } = await this.#log.published();
    return {
      rootHash: hex(root),
      treeSize: size,
      signedTreeHead: await this.#log.checkpoint({ size, root }),
      treeID: this.#log.treeId,
      inactiveShards: [],
    };
  }

  @Get('log/proof')
  async proof(@Query() query: unknown): Promise<RekorProof> {
    const schema = rekorRoutes.rekorProof.query;
    const parsed = parseRequest(schema, query, 'malformed-parameter', 'query');
    const from = Number(parsed.firstSize ?? '1');
    const to = Number(parsed.lastSize);
    const { size, root } = await this.#log.published();
    this.#checkTree(parsed.treeID);
    if (from < 1 || from > to || to > size) {
      const detail = `sizes ${from} and ${to} are not in order between 1 and ${size}`;
      throw new HttpProblem('size-out-of-range', 400, detail);
    }
    const hashes = await this.#desk.indexed.log.reader.consistencyProof(from, to);
    return { rootHash: hex(root), hashes: hashes.map(hex) };
  }

  @Get('log/publicKey')
  @Header('Content-Type', 'application/x-pem-file')
  publicKey(@Query() query: unknown): string {
    const schema = rekorRoutes.rekorPublicKey.query;
    this.#checkTree(parseRequest(schema, query, 'malformed-parameter', 'query').treeID);
    return publicKeyToPem(this.#log.publicKey);
  }

  @Post('index/retrieve')
  @HttpCode(200)
  search(@Body() body: unknown): Promise<string[]> {
    const search = parseRequest(RekorSearch, body, 'malformed-body', 'body');
    return searchV1(search, this.#desk.indexed, this.#log);
  }

  #checkTree(treeId: string | undefined): void {
    if (treeId === undefined || treeId === this.#log.treeId) return;
    const detail = `this log is tree ${this.#log.treeId}`;
    throw new HttpProblem('malformed-parameter', 400, detail, { field: 'treeID' });
  }

  get #log(): V1Log {
    if (this.#v1) return this.#v1;
    const detail =
      'this log has no key for clients of Rekor v1; its operator may set LOG_V1_KEY_FILE';
    throw new HttpProblem('rekor-v1-off', 501, detail);
  }
}

function found(entry: RekorEntries | undefined): RekorEntries {
  if (entry) return entry;
  throw new HttpProblem('entry-unknown', 404, 'the published tree has no such entry');
}

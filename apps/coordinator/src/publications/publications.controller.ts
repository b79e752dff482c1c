import { Controller, Inject, Req } from '@nestjs/common';
import type { Evidence, Policy } from '@touchstone/attest';
import { coordinatorRoutes, type Page, type Publication, type Recipe } from '@touchstone/contract';
import {
  findPublication,
  hasUpload,
  listPublications,
  listRebuilders,
  submitPublication,
  type Database,
} from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problem-error.js';
import { bodyOf, paramsOf, queryOf, Serves } from '../serves.js';
import { CLOCK, DATABASE, EVIDENCE, POLICY, RELAY } from '../tokens.js';
import { publicationView, summaryView, votingOf, type Voting } from './publication-view.js';

const { submit, list, read, evidence } = coordinatorRoutes;

@Controller()
export class PublicationsController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(POLICY) private readonly policy: Policy,
    @Inject(CLOCK) private readonly now: () => number,
    @Inject(RELAY) private readonly relay: () => void,
    @Inject(EVIDENCE) private readonly gather: (id: string) => Promise<Evidence>,
  ) {}

  @Serves(submit)
  async submit(@Req() request: FastifyRequest): Promise<Publication> {
    const { recipe } = bodyOf(submit, request);
    await this.requireUpload(recipe);
    const id = await submitPublication(this.db, recipe, new Date(this.now()));
    this.relay();
    return this.view(id);
  }

  @Serves(list)
  async list(@Req() request: FastifyRequest): Promise<Page> {
    const { digest, after, limit } = queryOf(list, request);
    const rows = await listPublications(this.db, {
      digest,
      after: after === undefined ? undefined : readCursor(after),
      limit: limit + 1,
    });
    const voting = await this.voting();
    const page = rows.slice(0, limit);
    const last = page.at(-1);
    return {
      items: page.map((row) => summaryView(row, voting)),
      ...(rows.length > limit && last !== undefined ? { next: String(last.position) } : {}),
    };
  }

  @Serves(read)
  read(@Req() request: FastifyRequest): Promise<Publication> {
    return this.view(paramsOf(read, request).id);
  }

  @Serves(evidence)
  evidence(@Req() request: FastifyRequest): Promise<Evidence> {
    return this.gather(paramsOf(evidence, request).id);
  }

  private async view(id: string): Promise<Publication> {
    const row = await findPublication(this.db, id);
    if (row === null) {
      throw new ProblemError('artifact-unknown', `there is no publication ${id}`);
    }
    return publicationView(row, await this.voting());
  }

  private async voting(): Promise<Voting> {
    return votingOf(await listRebuilders(this.db), this.policy);
  }

  private async requireUpload({ artifact }: Recipe): Promise<void> {
    if (artifact.kind !== 'upload' || (await hasUpload(this.db, artifact.sha256))) return;
    throw new ProblemError(
      'upload-unknown',
      `upload the artifact first: PUT /v1/uploads/sha256:${artifact.sha256}`,
      'recipe.artifact.sha256',
    );
  }
}

/** The position of the last publication on the page before. */
function readCursor(after: string): bigint {
  if (!/^[1-9]\d{0,17}$/.test(after)) {
    throw new ProblemError('malformed-parameter', 'after: must be the `next` of a page', 'after');
  }
  return BigInt(after);
}

import { Controller, Inject, Req } from '@nestjs/common';
import { AttestError, publicKeyFromBase64 } from '@touchstone/attest';
import { coordinatorRoutes, type Site } from '@touchstone/contract';
import { keyId } from '@touchstone/note';
import { addSite, listSites, type Database, type SiteRow } from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import { ProblemError } from '../problem-error.js';
import { bodyOf, paramsOf, Serves } from '../serves.js';
import { ACKNOWLEDGEMENTS, CLOCK, DATABASE } from '../tokens.js';
import { siteView } from './site-view.js';

const { acknowledge, addSite: add, sites } = coordinatorRoutes;

/** Verifies, logs and keeps one acknowledgement of a site. */
export type TakeAcknowledgement = (site: string, signed: unknown) => Promise<SiteRow>;

@Controller()
export class SitesController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(CLOCK) private readonly now: () => number,
    @Inject(ACKNOWLEDGEMENTS) private readonly take: TakeAcknowledgement,
  ) {}

  @Serves(add)
  async add(@Req() request: FastifyRequest): Promise<Site> {
    const { site, device, counter, overdueAfter } = bodyOf(add, request);
    const { algorithm, spki } = readKey(device);
    const id = keyId({ algorithm, spki });
    const fresh = { id: site, algorithm, spki, keyId: id, startCounter: counter, overdueAfter };
    return siteView(await addSite(this.db, fresh, new Date(this.now())), this.now());
  }

  @Serves(sites)
  async list(): Promise<{ items: Site[] }> {
    const rows = await listSites(this.db);
    return { items: await Promise.all(rows.map((row) => siteView(row, this.now()))) };
  }

  @Serves(acknowledge)
  async acknowledge(@Req() request: FastifyRequest): Promise<Site> {
    const { site } = paramsOf(acknowledge, request);
    const { envelope } = bodyOf(acknowledge, request);
    return siteView(await this.take(site, envelope), this.now());
  }
}

function readKey(device: string): ReturnType<typeof publicKeyFromBase64> {
  try {
    return publicKeyFromBase64('ecdsa-p256-sha256', device);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new ProblemError('key-invalid', cause.message, 'device', { cause });
  }
}

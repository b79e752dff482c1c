import { Controller, Inject, Req } from '@nestjs/common';
import { publicKeyFromBase64, AttestError, type Policy, type TrustRoot } from '@touchstone/attest';
import { coordinatorRoutes, type PublicKeyJson, type Rebuilder } from '@touchstone/contract';
import { keyId, toBase64, type PublicKey } from '@touchstone/note';
import {
  enrolRebuilder,
  listRebuilders,
  type Database,
  type RebuilderRow,
} from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import type { LogPin } from '../log/pinned-log.js';
import { ProblemError } from '../problem-error.js';
import { bodyOf, Serves } from '../serves.js';
import { CLOCK, DATABASE, LOG_PIN, POLICY, RELAY } from '../tokens.js';
import { admitRebuilders, trustRootOf } from './trust-root.js';

const { enrol, rebuilders, trustRoot } = coordinatorRoutes;

@Controller()
export class RebuildersController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(POLICY) private readonly policy: Policy,
    @Inject(CLOCK) private readonly now: () => number,
    @Inject(RELAY) private readonly relay: () => void,
    @Inject(LOG_PIN) private readonly pin: LogPin,
  ) {}

  @Serves(enrol)
  async enrol(@Req() request: FastifyRequest): Promise<Rebuilder> {
    const { id, organisation, publicKey } = bodyOf(enrol, request);
    const { algorithm, spki } = readKey(publicKey);
    const row = await enrolRebuilder(
      this.db,
      { id, organisation, algorithm, spki, keyId: keyId({ algorithm, spki }) },
      new Date(this.now()),
      admitRebuilders,
    );
    this.relay();
    return rebuilderView(row);
  }

  @Serves(rebuilders)
  async list(): Promise<{ items: Rebuilder[] }> {
    return { items: (await listRebuilders(this.db)).map(rebuilderView) };
  }

  @Serves(trustRoot)
  async trustRoot(): Promise<TrustRoot> {
    const [log, enrolled] = await Promise.all([this.pin.known(), listRebuilders(this.db)]);
    return trustRootOf(log, enrolled, this.policy);
  }
}

function readKey({ algorithm, spki }: PublicKeyJson): PublicKey {
  try {
    return publicKeyFromBase64(algorithm, spki);
  } catch (cause) {
    if (!(cause instanceof AttestError)) throw cause;
    throw new ProblemError('key-invalid', cause.message, 'publicKey.spki', { cause });
  }
}

function rebuilderView(row: RebuilderRow): Rebuilder {
  return {
    id: row.id,
    organisation: row.organisation,
    publicKey: {
      algorithm: row.algorithm as PublicKeyJson['algorithm'],
      spki: toBase64(row.spki),
    },
    keyId: row.keyId,
    enrolledAt: row.enrolledAt.toISOString(),
  };
}

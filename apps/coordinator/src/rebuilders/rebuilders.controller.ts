import { Controller, Inject, Req } from '@nestjs/common';
import { publicKeyFromBase64, AttestError, type Policy, type TrustRoot } from '@touchstone/attest';
import { coordinatorRoutes, type PublicKeyJson, type Rebuilder } from '@touchstone/contract';
import { keyId, toBase64, type PublicKey } from '@touchstone/note';
import {
  enrolRebuilder,
  listRebuilders,
  listRetiredKeys,
  retryRefused,
  rotateRebuilderKey,
  StoreError,
  withdrawRebuilder,
  type Database,
  type RebuilderRow,
} from '@touchstone/store';
import type { FastifyRequest } from 'fastify';
import type { LogKeys } from '../log/log-keys.js';
import { ProblemError } from '../problem-error.js';
import { bodyOf, paramsOf, Serves } from '../serves.js';
import { CLOCK, DATABASE, LOG_KEYS, POLICY, RELAY } from '../tokens.js';
import { admitRebuilders, trustRootOf } from './trust-root.js';

const { enrol, rebuilders, retry, rotateKey, trustRoot, withdraw } = coordinatorRoutes;

@Controller()
export class RebuildersController {
  constructor(
    @Inject(DATABASE) private readonly db: Database,
    @Inject(POLICY) private readonly policy: Policy,
    @Inject(CLOCK) private readonly now: () => number,
    @Inject(RELAY) private readonly relay: () => void,
    @Inject(LOG_KEYS) private readonly keys: LogKeys,
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
    const [log, enrolled, retired] = await Promise.all([
      this.keys.known(),
      listRebuilders(this.db),
      listRetiredKeys(this.db),
    ]);
    return trustRootOf(log, { enrolled, retired }, this.policy);
  }

  @Serves(rotateKey)
  async rotateKey(@Req() request: FastifyRequest): Promise<Rebuilder> {
    const { id } = paramsOf(rotateKey, request);
    const { algorithm, spki } = readKey(bodyOf(rotateKey, request).publicKey);
    const key = { algorithm, spki, keyId: keyId({ algorithm, spki }) };
    const now = new Date(this.now());
    const row = await this.known(() => rotateRebuilderKey(this.db, id, key, now, admitRebuilders));
    this.relay();
    return rebuilderView(row);
  }

  @Serves(withdraw)
  async withdraw(@Req() request: FastifyRequest): Promise<Rebuilder> {
    const { id } = paramsOf(withdraw, request);
    const now = new Date(this.now());
    return rebuilderView(await this.known(() => withdrawRebuilder(this.db, id, now)));
  }

  @Serves(retry)
  async retry(@Req() request: FastifyRequest): Promise<void> {
    await retryRefused(this.db, paramsOf(retry, request).id, new Date(this.now()));
    this.relay();
  }

  /** Who is asked for in the path and not there is another answer than who asks and is not known. */
  private async known<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof StoreError) || error.code !== 'rebuilder-unknown') throw error;
      throw new ProblemError('rebuilder-absent', error.message, 'id', { cause: error });
    }
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
    ...(row.withdrawnAt === null ? {} : { withdrawnAt: row.withdrawnAt.toISOString() }),
  };
}

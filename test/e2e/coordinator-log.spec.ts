import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { parseTrustRoot, verifyEvidence } from '@touchstone/attest';
import { nodeVerifier } from '@touchstone/keys';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipeNamed, reportFor, type TestRebuilder } from './rebuilder.js';
import { eventually, Stand, startTestPostgres } from './stand.js';

interface Entry {
  logIndex: string;
  inclusionProof: {
    logIndex: string;
    treeSize: string;
    hashes: string[];
    checkpoint: { envelope: string };
  };
  canonicalizedBody: string;
}

type Lie = (entry: Entry) => void;

const flip = (base64: string): string => {
  const bytes = Buffer.from(base64, 'base64');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64');
};

/** Stands between coordinator and log, and changes the log's answers to appends. */
class LyingLog {
  lie: Lie | undefined;
  /** Answers that were changed or withheld so far. */
  lies = 0;
  /** Appends, and never says so. */
  mute = false;
  readonly #server: Server;

  constructor(honest: () => string) {
    this.#server = createServer((request, response) => {
      void (async () => {
        const chunks: Buffer[] = [];
        for await (const chunk of request) chunks.push(chunk as Buffer);
        const answer = await fetch(honest() + (request.url ?? ''), {
          method: request.method ?? 'GET',
          headers: { 'content-type': request.headers['content-type'] ?? 'application/json' },
          ...(request.method === 'GET' ? {} : { body: Buffer.concat(chunks) }),
        });
        let body = await answer.text();
        if (request.method === 'POST' && answer.ok && this.mute) {
          this.lies += 1;
          response.destroy();
          return;
        }
        if (request.method === 'POST' && answer.ok && this.lie !== undefined) {
          const entry = JSON.parse(body) as Entry;
          this.lie(entry);
          this.lies += 1;
          body = JSON.stringify(entry);
        }
        response.writeHead(answer.status, { 'content-type': 'application/json' }).end(body);
      })();
    });
  }

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

describe('a log that lies about an entry', () => {
  let postgres: EmbeddedPostgres;
  let stand: Stand;
  let other: Stand;
  let liar: LyingLog;
  let acme: TestRebuilder;
  let foreign: string;

  beforeAll(async () => {
    postgres = await startTestPostgres();
    other = await Stand.start(postgres);
    foreign = await (await fetch(`${other.logUrl}/checkpoint`)).text();
    stand = await Stand.start(postgres);
    liar = new LyingLog(() => stand.logUrl);
    const LOG_URL = await liar.listen();
    await stand.stopCoordinators();
    await stand.startCoordinator({ LOG_URL });
    acme = await stand.enrol('acme');
  });

  afterAll(async () => {
    await stand.stop();
    await other.stop();
    liar.close();
    await postgres.stop();
  });

  it.each<[string, Lie]>([
    ['its body', (entry) => (entry.canonicalizedBody = flip(entry.canonicalizedBody))],
    [
      'its index',
      (entry) =>
        (entry.logIndex = entry.inclusionProof.logIndex = String(Number(entry.logIndex) + 1)),
    ],
    ['its proof', (entry) => entry.inclusionProof.hashes.push(Buffer.alloc(32).toString('base64'))],
    [
      'the size of the tree',
      (entry) =>
        (entry.inclusionProof.treeSize = String(Number(entry.inclusionProof.treeSize) + 1)),
    ],
    [
      'the root',
      (entry) => {
        const lines = entry.inclusionProof.checkpoint.envelope.split('\n');
        lines[2] = flip(lines[2] ?? '');
        entry.inclusionProof.checkpoint.envelope = lines.join('\n');
      },
    ],
    ['whose checkpoint it is', (entry) => (entry.inclusionProof.checkpoint.envelope = foreign)],
  ])('is not believed: %s', async (what, lie) => {
    const recipe = recipeNamed(`lie-${what.replaceAll(' ', '-').toLowerCase()}`);
    const { id } = await stand.client().submit({ body: { recipe } });
    const lease = await acme.lease();
    liar.lie = lie;
    liar.lies = 0;
    const body = await reportFor(acme, lease, { outcome: 'failed' });
    await acme.client.complete({ params: { id: lease.rebuildId }, body });
    await eventually(() => Promise.resolve(liar.lies >= 2));
    const { rebuilds } = await stand.client().read({ params: { id } });
    expect(rebuilds[0]).toMatchObject({ state: 'reported' });
    // The statement is not lost by it.
    liar.lie = undefined;
    await eventually(async () => {
      const now = await stand.client().read({ params: { id } });
      return now.rebuilds[0]?.state === 'logged';
    });
  });

  it('is written to again when its answer is lost, and a statement that it holds twice counts once', async () => {
    // Two organisations, so that the quorum of two can be reached at all.
    await stand.enrol('birch');
    const { id } = await stand.client().submit({ body: { recipe: recipeNamed('lost-answer') } });
    const lease = await acme.lease();
    liar.lies = 0;
    liar.mute = true;
    const body = await reportFor(acme, lease);
    await acme.client.complete({ params: { id: lease.rebuildId }, body });
    await eventually(() => Promise.resolve(liar.lies >= 4));
    liar.mute = false;
    const logged = await eventually(async () => {
      const now = await stand.client().read({ params: { id } });
      return now.rebuilds.some(({ state }) => state === 'logged') && now;
    });
    expect(logged.verdict).toBe('pending');
    const evidence = await stand.client().evidence({ params: { id } });
    const trustRoot = parseTrustRoot(await stand.client().trustRoot({}));
    const verified = await verifyEvidence(evidence, { trustRoot, verify: nodeVerifier });
    expect(verified.verdict).toBe('pending');
    expect(verified.entries).toHaveLength(2);
    expect(verified.modules[0]?.votes).toEqual([
      { organisation: acme.enrolment.organisation, outcome: 'reproduced' },
    ]);
  });
});

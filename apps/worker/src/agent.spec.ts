import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { artifactDescriptor, verifyEnvelope } from '@touchstone/attest';
import { problem, recipeDigest, type ProblemCode, type Recipe } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import type { RebuildReport } from '@touchstone/rebuild';
import { pino } from 'pino';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { runAgent, type RebuildLease } from './agent.js';

const key = generateKey('ed25519');
const integrity = `sha512-${Buffer.alloc(64).toString('base64')}`;
const npm = { kind: 'npm', name: 'a', version: '1.0.0', integrity } as const;
const recipe: Recipe = {
  schema: 'https://touchstone.dev/recipe/v1',
  artifact: npm,
  source: npm,
  toolchain: { name: 'wabt', version: '1.0.0' },
  workdir: 'package',
  steps: [{ run: ['wat2wasm', 'a.wat'] }],
  modules: [{ name: 'a', output: 'a.wasm', published: { kind: 'file', path: 'package/a.wasm' } }],
};

function failed(message: string): RebuildReport {
  return {
    predicate: {
      outcome: 'failed',
      artifact: artifactDescriptor(npm),
      recipe: { digest: { sha256: recipeDigest(recipe) } },
      modules: [],
      failure: { code: 'build-exit', message },
      environment: { sandbox: 'test', architecture: 'x64', network: 'none', variables: {} },
      startedOn: '2026-01-01T00:00:00Z',
      finishedOn: '2026-01-01T00:00:01Z',
    },
    resolvedDependencies: [],
    built: new Map(),
    claimed: new Map(),
  };
}

type Call = 'lease' | 'heartbeat' | 'release' | 'complete';
interface Answer {
  readonly status: number;
  readonly body?: unknown;
}

const refusal = (code: ProblemCode, status: number): Answer => ({
  status,
  body: problem(code, status, 'as the test has it'),
});

/** A coordinator with one rebuild to lease, that answers as it is told. */
class ScriptedCoordinator {
  readonly calls: Call[] = [];
  readonly bodies: unknown[] = [];
  /** Answers that come before the usual ones, by call. */
  readonly script: Partial<Record<Call, Answer[]>> = {};
  leaseSeconds = 60;
  /** Which attempt each lease says it is. */
  attempt = 1;
  /** How often the rebuild can be leased. */
  leases = 1;
  readonly #server: Server = createServer((request, response) => {
    void (async () => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const last = request.url?.split('/').at(-1) ?? '';
      const call = (last === 'leases' ? 'lease' : last) as Call;
      this.calls.push(call);
      if (call === 'complete') this.bodies.push(JSON.parse(Buffer.concat(chunks).toString()));
      const { status, body } = this.script[call]?.shift() ?? this.#usual(call);
      response.writeHead(status, { 'content-type': 'application/json' });
      response.end(body === undefined ? undefined : JSON.stringify(body));
    })();
  });

  async listen(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }

  #usual(call: Call): Answer {
    const expiresAt = new Date(Date.now() + this.leaseSeconds * 1000).toISOString();
    if (call === 'heartbeat') return { status: 200, body: { expiresAt } };
    if (call === 'complete') return { status: 200, body: { state: 'reported' } };
    if (call === 'release') return { status: 204 };
    this.leases -= 1;
    return { status: 200, body: { lease: this.leases < 0 ? null : this.#lease(expiresAt) } };
  }

  #lease(expiresAt: string): object {
    const rebuildId = '6f1c9d1e-7f0b-4b7e-9b59-0d6c6c1a2b3c';
    const leaseToken = 'token-of-a-lease-of-the-tests';
    return {
      ...{ rebuildId, leaseToken, expiresAt, attempt: this.attempt, recipe },
      recipeDigest: recipeDigest(recipe),
    };
  }
}

let coordinator: ScriptedCoordinator;
let url: string;
let stop: AbortController;
let lines: { msg: string; failures?: number }[];

beforeEach(async () => {
  coordinator = new ScriptedCoordinator();
  url = await coordinator.listen();
  stop = new AbortController();
  lines = [];
});
afterEach(() => {
  stop.abort();
  coordinator.close();
});

function run(rebuild: RebuildLease): Promise<void> {
  const write = (line: string): void => {
    lines.push(JSON.parse(line) as { msg: string });
  };
  const options = { rebuilderId: 'acme', version: '0', audience: url, coordinatorUrl: url };
  const logger = pino({ level: 'debug' }, { write });
  return runAgent({ ...options, key, rebuild, logger, now: Date.now }, stop.signal);
}

const said = (msg: string): { failures?: number }[] => lines.filter((line) => line.msg === msg);

/** Runs until `done`, then stops the agent. */
async function until(done: () => boolean, rebuild: RebuildLease): Promise<void> {
  const ended = run(rebuild);
  while (!done()) await delay(5);
  stop.abort();
  await ended;
}

describe('a worker', () => {
  it('reports what a rebuild came to, whatever the build printed', async () => {
    await until(
      () => said('reported').length > 0,
      () => Promise.resolve(failed('a \0 and \u001b[2J')),
    );
    const [report] = coordinator.bodies as [{ outcome: string; rebuild: { payload: string } }];
    expect(report.outcome).toBe('failed');
    const { payload } = await verifyEnvelope(report.rebuild, [key.publicKey], nodeVerifier);
    const statement = JSON.parse(Buffer.from(payload).toString()) as {
      predicate: { failure: { message: string } };
    };
    expect(statement.predicate.failure.message).toBe('a \ufffd and \ufffd[2J');
  });

  it.each([
    ['is broken for a moment', refusal('internal', 500)],
    ['is not ready', refusal('not-ready', 503)],
    ['stands behind a proxy that cannot reach it', { status: 502, body: 'bad gateway' }],
  ])('reports again while the coordinator %s', async (_, answer) => {
    coordinator.script.complete = [answer, answer];
    await until(
      () => said('reported').length > 0,
      () => Promise.resolve(failed('')),
    );
    expect(coordinator.calls.filter((call) => call === 'complete')).toHaveLength(3);
    expect(coordinator.calls).not.toContain('release');
  });

  it('goes on building while the coordinator is broken for a moment', async () => {
    coordinator.leaseSeconds = 1;
    coordinator.script.heartbeat = [refusal('internal', 500)];
    const beats = (): number => coordinator.calls.filter((call) => call === 'heartbeat').length;
    await until(
      () => said('reported').length > 0,
      async (_, signal) => {
        while (beats() < 2) await delay(5, undefined, { signal });
        return failed('');
      },
    );
    expect(said('lease lost')).toEqual([]);
  });

  it('stops building when its lease is lost, and does not report', async () => {
    coordinator.leaseSeconds = 1;
    coordinator.script.heartbeat = [refusal('lease-lapsed', 409)];
    await until(
      () => said('round failed').length > 0,
      (_, signal) => delay(60_000, failed(''), { signal }),
    );
    expect(coordinator.calls.slice(0, 2)).toEqual(['lease', 'heartbeat']);
    expect(coordinator.calls).not.toContain('complete');
    expect(coordinator.calls).not.toContain('release');
  });

  it('gives a rebuild back that broke on this machine, and waits longer each time', async () => {
    coordinator.leases = Infinity;
    await until(
      () => said('round failed').length === 3,
      () => Promise.reject(new Error('no sandbox')),
    );
    expect(said('round failed').map(({ failures }) => failures)).toEqual([1, 2, 3]);
    expect(coordinator.calls.filter((call) => call === 'release')).toHaveLength(3);
  });

  it('gives its lease back when it is told to stop', async () => {
    let building = false;
    await until(
      () => building,
      (_, signal) => {
        building = true;
        return delay(60_000, failed(''), { signal });
      },
    );
    expect(coordinator.calls).toEqual(['lease', 'release']);
  });

  it('does not rebuild a recipe that is not the one the lease names', async () => {
    const lease = { ...recipe, workdir: 'elsewhere' };
    const expiresAt = new Date(Date.now() + 60_000).toISOString();
    const rebuildId = '6f1c9d1e-7f0b-4b7e-9b59-0d6c6c1a2b3c';
    const leaseToken = 'token-of-a-lease-of-the-tests';
    const body = {
      lease: {
        ...{ rebuildId, leaseToken, expiresAt, attempt: 1, recipe: lease },
        recipeDigest: recipeDigest(recipe),
      },
    };
    coordinator.script.lease = [{ status: 200, body }];
    coordinator.leases = 0;
    let rebuilt = false;
    await until(
      () => said('round failed').length > 0,
      () => {
        rebuilt = true;
        return Promise.resolve(failed(''));
      },
    );
    expect(rebuilt).toBe(false);
    expect(coordinator.calls).not.toContain('complete');
  });
});

describe('sources that cannot be reached', () => {
  function unreachable(): RebuildReport {
    const report = failed('');
    const failure = { code: 'source-unreachable', message: 'https://registry.test is away' };
    return { ...report, predicate: { ...report.predicate, outcome: 'unavailable', failure } };
  }

  it('are not reported at first: the lease goes back', async () => {
    await until(
      () => coordinator.calls.includes('release'),
      () => Promise.resolve(unreachable()),
    );
    expect(coordinator.calls).not.toContain('complete');
  });

  it('are reported when they stay away', async () => {
    coordinator.attempt = 8;
    await until(
      () => coordinator.calls.includes('complete'),
      () => Promise.resolve(unreachable()),
    );
    expect(coordinator.bodies).toMatchObject([{ outcome: 'unavailable' }]);
  });
});

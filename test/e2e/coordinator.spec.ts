import { nodeVerifier } from '@touchstone/keys';
import { parseTrustRoot, verifyEvidence } from '@touchstone/attest';
import { Problem, recipeDigest } from '@touchstone/contract';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { recipeNamed, reportFor } from './rebuilder.js';
import { eventually, LOG_ORIGIN, Stand, startTestPostgres } from './stand.js';

let postgres: EmbeddedPostgres;
let stand: Stand;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres);
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

describe('a publication', () => {
  it('becomes evidence that verifies offline', async () => {
    const recipe = recipeNamed('whole-way');
    const client = stand.client();
    const rebuilders = [];
    for (const id of ['acme', 'birch', 'cedar']) rebuilders.push(await stand.enrol(id));
    const submitted = await client.submit({ body: { recipe } });
    expect(submitted).toMatchObject({
      id: recipeDigest(recipe),
      artifact: { uri: 'pkg:npm/whole-way@1.0.0' },
      verdict: 'pending',
      modules: [{ name: 'main', verdict: 'pending', votes: [] }],
    });
    expect(submitted.rebuilds.map(({ rebuilder, state }) => [rebuilder, state])).toEqual([
      ['acme', 'queued'],
      ['birch', 'queued'],
      ['cedar', 'queued'],
    ]);
    await expect(client.evidence({ params: { id: submitted.id } })).rejects.toMatchObject({
      problem: { code: 'evidence-not-ready' },
    });

    for (const rebuilder of rebuilders) {
      const lease = await rebuilder.lease();
      expect(lease).toMatchObject({ recipeDigest: submitted.id, recipe, attempt: 1 });
      const beat = await rebuilder.client.heartbeat({
        params: { id: lease.rebuildId },
        body: { leaseToken: lease.leaseToken },
      });
      expect(beat.expiresAt >= lease.expiresAt).toBe(true);
      const body = await reportFor(rebuilder, lease);
      const params = { id: lease.rebuildId };
      expect(['reported', 'logged']).toContain(
        (await rebuilder.client.complete({ params, body })).state,
      );
      // The same again is answered again.
      await rebuilder.client.complete({ params, body });
      expect((await rebuilder.client.lease({ body: {} })).lease).toBeNull();
    }

    const decided = await eventually(async () => {
      const now = await client.read({ params: { id: submitted.id } });
      return now.rebuilds.every(({ state }) => state === 'logged') && now;
    });
    expect(decided.verdict).toBe('reproduced');
    expect(decided.modules[0]?.votes).toHaveLength(3);
    const evidence = await client.evidence({ params: { id: submitted.id } });
    expect(evidence.entries).toHaveLength(6);
    const trustRoot = parseTrustRoot(await client.trustRoot({}));
    expect(trustRoot).toMatchObject({
      logs: [{ origin: LOG_ORIGIN }],
      policy: { quorum: 2 },
    });
    const verified = await verifyEvidence(evidence, { trustRoot, verify: nodeVerifier });
    expect(verified).toMatchObject({ verdict: 'reproduced', checkpoint: { origin: LOG_ORIGIN } });
  });

  it('is one, however often it is submitted, at once and later', async () => {
    const recipe = recipeNamed('again');
    const client = stand.client();
    const answers = await Promise.all([1, 2, 3, 4].map(() => client.submit({ body: { recipe } })));
    expect(new Set(answers.map(({ id, submittedAt }) => `${id} ${submittedAt}`)).size).toBe(1);
    const { rows } = await stand.db.query('SELECT 1 FROM rebuild WHERE publication_id = $1', [
      recipeDigest(recipe),
    ]);
    expect(rows).toHaveLength(3);
  });

  it('is owed to rebuilders that come later', async () => {
    const late = await stand.enrol('late');
    const lease = await late.lease();
    const { rebuilds } = await stand.client().read({ params: { id: lease.recipeDigest } });
    expect(rebuilds.map(({ rebuilder }) => rebuilder)).toContain('late');
  });

  it('is found by the digest of the artifact and of a module in it, page by page', async () => {
    const client = stand.client();
    for (const n of [1, 2, 3]) await client.submit({ body: { recipe: recipeNamed(`page-${n}`) } });
    const all = await client.list({ query: {} });
    expect(all.next).toBeUndefined();
    const uris = all.items.map(({ artifact }) => artifact.uri);
    expect(uris.slice(-3)).toEqual([1, 2, 3].map((n) => `pkg:npm/page-${n}@1.0.0`));

    const paged = [];
    for (let after: string | undefined; ;) {
      const page = await client.list({ query: { limit: 2, after } });
      paged.push(...page.items);
      after = page.next;
      if (after === undefined) break;
    }
    expect(paged).toEqual(all.items);

    const sha512 = Object.values(all.items[0]?.artifact.digest ?? {})[0];
    expect((await client.list({ query: { digest: `sha512:${sha512}` } })).items).toHaveLength(1);
    const { modules } = await client.read({
      params: { id: recipeDigest(recipeNamed('whole-way')) },
    });
    const claimed = modules[0]?.digest?.['sha256'];
    const found = await client.list({ query: { digest: `sha256:${claimed}` } });
    expect(found.items.map(({ artifact }) => artifact.uri)).toEqual(['pkg:npm/whole-way@1.0.0']);
    const none = await client.list({ query: { digest: `sha256:${'0'.repeat(64)}` } });
    expect(none.items).toEqual([]);
  });

  it('may be a file that was uploaded before', async () => {
    const client = stand.client();
    const bytes = new TextEncoder().encode('\0asm uploaded');
    const sha256 = Buffer.from(await crypto.subtle.digest('SHA-256', bytes)).toString('hex');
    const recipe = {
      ...recipeNamed('uploaded'),
      artifact: { kind: 'upload' as const, name: 'a.wasm', sha256 },
    };
    const digest = `sha256:${sha256}`;
    await expect(client.submit({ body: { recipe } })).rejects.toMatchObject({
      problem: { code: 'upload-unknown', field: 'recipe.artifact.sha256' },
    });
    await client.upload({ params: { digest }, body: bytes });
    expect(await client.download({ params: { digest } })).toEqual(bytes);
    expect((await client.submit({ body: { recipe } })).artifact).toEqual({
      uri: 'upload:a.wasm',
      digest: { sha256 },
    });
  });
});

describe('the process', () => {
  it('says how it is', async () => {
    const get = async (path: string) => fetch(stand.url + path);
    expect(await (await get('/healthz')).json()).toEqual({ status: 'ok' });
    expect(await (await get('/readyz')).json()).toEqual({ status: 'ready' });
    const metrics = await (await get('/metrics')).text();
    expect(metrics).toMatch(/^touchstone_publications\{verdict="reproduced"\} 1$/m);
    expect(metrics).toMatch(/^touchstone_rebuilds\{state="logged"\} 3$/m);
    expect(metrics).toMatch(/^touchstone_log_append_seconds_count 6$/m);
    // Nobody read them before: a first answer is whole, and no answer is that of the time before.
    expect(metrics).toMatch(/^touchstone_attestations\{state="logged"\} 6$/m);
    expect(metrics).toMatch(/^touchstone_outbox\{kind="log"\} 0$/m);
    const openapi = (await (await get('/openapi.json')).json()) as { paths: object };
    expect(Object.keys(openapi.paths)).toContain('/v1/rebuilds/{id}/complete');
  });

  it('takes statements while the log is away, and brings them there when it is back', async () => {
    const rebuilder = await stand.enrol('patient');
    await stand.stopLog();
    expect((await fetch(`${stand.url}/readyz`)).status).toBe(503);
    const id = recipeDigest(recipeNamed('whole-way'));
    // What was gathered a moment ago would be handed out again.
    stand.clock.skip(10);
    const evidence = await fetch(`${stand.url}/v1/artifacts/${id}/evidence`);
    const problem = Problem.parse(await evidence.json());
    expect([evidence.status, problem.code]).toEqual([503, 'log-unreachable']);
    // Where the log is, is nobody's business.
    expect(JSON.stringify(problem)).not.toContain(new URL(stand.logUrl).host);
    const lease = await rebuilder.lease();
    const params = { id: lease.rebuildId };
    const body = await reportFor(rebuilder, lease, { outcome: 'failed' });
    expect(await rebuilder.client.complete({ params, body })).toEqual({ state: 'reported' });
    await stand.startLog();
    await eventually(async () => {
      const { rebuilds } = await stand.client().read({ params: { id: lease.recipeDigest } });
      return rebuilds.some((r) => r.rebuilder === 'patient' && r.state === 'logged');
    });
  });

  it('refuses to go on with another log', async () => {
    const other = await Stand.start(postgres);
    try {
      await expect(stand.startCoordinator({ LOG_URL: other.logUrl })).rejects.toMatchObject({
        code: 'log-conflict',
      });
    } finally {
      await other.stop();
    }
  });

  it('answers a waiting worker when it is told to stop', async () => {
    const alone = await Stand.start(postgres);
    const rebuilder = await alone.enrol('idle');
    const waiting = rebuilder.client.lease({ body: { waitSeconds: 20 } });
    await eventually(async () => {
      const { rows } = await alone.db.query('SELECT 1 FROM request_token');
      return rows.length > 0;
    });
    const begun = performance.now();
    await alone.stop();
    expect(await waiting).toEqual({ lease: null });
    expect(performance.now() - begun).toBeLessThan(5000);
  });
});

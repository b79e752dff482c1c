import { createHmac, randomUUID } from 'node:crypto';
import { artifactDescriptor, rebuildStatement, signEnvelope } from '@touchstone/attest';
import { ClientError, Problem, type Lease } from '@touchstone/contract';
import { generateKey } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  predicateFor,
  recipeNamed,
  reportFor,
  type BoundTo,
  type TestRebuilder,
} from './rebuilder.js';
import { ADMIN_TOKEN, Stand, startTestPostgres } from './stand.js';

/** Every refusal in this file must leave the database as it was. */
const SUBMIT_TOKEN = 'submit-token-of-the-tests';

let postgres: EmbeddedPostgres;
let stand: Stand;
let acme: TestRebuilder;
let birch: TestRebuilder;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres, { settings: { SUBMIT_TOKEN } });
  acme = await stand.enrol('acme');
  birch = await stand.enrol('birch');
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

interface Sent {
  readonly method: string;
  readonly path: string;
  readonly body?: string | Uint8Array;
  readonly token?: string;
  readonly type?: string;
}

async function send({ method, path, body, token, type = 'application/json' }: Sent) {
  const answer = await fetch(stand.url + path, {
    method,
    headers: {
      ...(body === undefined ? {} : { 'content-type': type }),
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    },
    ...(body === undefined ? {} : { body: body as string }),
  });
  const json: unknown = answer.status === 204 ? undefined : await answer.json();
  return { status: answer.status, type: answer.headers.get('content-type'), json };
}

/** Sends, and expects problem details with this code and an untouched database. */
async function expectRefusal(sent: Sent, status: number, code: string, field?: string) {
  const before = await stand.state();
  const answer = await send(sent);
  const problem = Problem.parse(answer.json);
  expect({ status: answer.status, code: problem.code }).toEqual({ status, code });
  expect(answer.type).toMatch(/^application\/problem\+json/);
  if (field !== undefined) expect(problem.field).toBe(field);
  expect(await stand.state()).toBe(before);
}

const decode = (part = ''): object =>
  JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as object;
const encode = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** The token under `alg: none` (RFC 8725 section 2.1). */
function unsigned(token: string): string {
  const [header, claims = ''] = token.split('.');
  return `${encode({ ...decode(header), alg: 'none' })}.${claims}.`;
}

/** The token under HS256, the key being what everybody knows (RFC 8725 section 2.1). */
function authenticatedByPublicKey(token: string): string {
  const [header, claims = ''] = token.split('.');
  const input = `${encode({ ...decode(header), alg: 'HS256' })}.${claims}`;
  const mac = createHmac('sha256', acme.key.publicKey.spki).update(input).digest('base64url');
  return `${input}.${mac}`;
}

const json = (value: unknown): string => JSON.stringify(value);
const submission = (recipe: unknown): Sent => ({
  method: 'POST',
  path: '/v1/artifacts',
  body: json({ recipe }),
  token: SUBMIT_TOKEN,
});

describe('a submission is refused', () => {
  const good = recipeNamed('refused');
  it.each<[string, Sent, number, string, string?]>([
    [
      'without a token',
      { ...submission(good), token: undefined } as unknown as Sent,
      401,
      'token-missing',
    ],
    ['with another token', { ...submission(good), token: ADMIN_TOKEN }, 403, 'token-forbidden'],
    ['with an unknown field', submission({ ...good, extra: 1 }), 400, 'malformed-body', 'recipe'],
    [
      'with a shell line',
      submission({ ...good, steps: [{ run: ['a b'] }] }),
      400,
      'malformed-body',
      'recipe.steps[0].run[0]',
    ],
    [
      'with a path that leads out',
      submission({ ...good, workdir: '../x' }),
      400,
      'malformed-body',
      'recipe.workdir',
    ],
    [
      'of a file that was not uploaded',
      submission({ ...good, artifact: { kind: 'upload', name: 'a.wasm', sha256: 'a'.repeat(64) } }),
      404,
      'upload-unknown',
    ],
    ['that is no JSON', { ...submission(good), body: '{"recipe":' }, 400, 'malformed-body', 'body'],
    [
      'with half of a surrogate pair in an argument',
      submission({ ...good, steps: [{ run: ['asc', '\ud800'] }] }),
      400,
      'malformed-body',
      'recipe.steps[0].run[1]',
    ],
    [
      'with half of a surrogate pair in a path',
      submission({ ...good, artifact: { kind: 'upload', name: '\udfff', sha256: 'a'.repeat(64) } }),
      400,
      'malformed-body',
      'recipe.artifact.name',
    ],
    [
      'with a key twice',
      { ...submission(good), body: `{"recipe":{},"recipe":${json(good)}}` },
      400,
      'malformed-body',
      'body',
    ],
    [
      'that is no UTF-8',
      { ...submission(good), body: Uint8Array.of(0x22, 0xff, 0x22) },
      400,
      'malformed-body',
    ],
    [
      'nested too deep',
      { ...submission(good), body: '['.repeat(5000) + ']'.repeat(5000) },
      400,
      'malformed-body',
    ],
    [
      'over the limit',
      { ...submission(good), body: `"${'x'.repeat(256 * 1024)}"` },
      413,
      'body-too-large',
    ],
    ['of another type', { ...submission(good), type: 'text/plain' }, 415, 'unsupported-media-type'],
  ])('%s', async (_, sent, status, code, field) => {
    await expectRefusal(sent, status, code, field);
  });
});

describe('an upload is refused', () => {
  const path = `/v1/uploads/sha256:${'0'.repeat(64)}`;
  const upload = { method: 'PUT', path, token: SUBMIT_TOKEN, type: 'application/octet-stream' };
  it.each<[string, Sent, number, string]>([
    ['under another digest', { ...upload, body: 'bytes' }, 422, 'upload-digest-mismatch'],
    ['as JSON', { ...upload, body: '{}', type: 'application/json' }, 415, 'unsupported-media-type'],
    [
      'over the limit',
      { ...upload, body: new Uint8Array(16 * 1024 * 1024 + 1) },
      413,
      'body-too-large',
    ],
    [
      'without a token',
      { method: 'PUT', path, body: 'x', type: upload.type },
      401,
      'token-missing',
    ],
    [
      'by a malformed digest',
      { ...upload, path: '/v1/uploads/sha256:xyz', body: 'x' },
      400,
      'malformed-parameter',
    ],
  ])('%s', async (_, sent, status, code) => {
    await expectRefusal(sent, status, code);
  });
});

describe('a question is refused', () => {
  const zero = '0'.repeat(64);
  it.each<[string, string, number, string]>([
    ['about an unknown publication', `/v1/artifacts/${zero}`, 404, 'artifact-unknown'],
    [
      'for evidence of an unknown publication',
      `/v1/artifacts/${zero}/evidence`,
      404,
      'artifact-unknown',
    ],
    ['about a malformed id', '/v1/artifacts/nonsense', 400, 'malformed-parameter'],
    ['for an unknown upload', `/v1/uploads/sha256:${zero}`, 404, 'upload-unknown'],
    ['with a malformed digest', '/v1/artifacts?digest=md5:0', 400, 'malformed-parameter'],
    ['with an unknown parameter', '/v1/artifacts?colour=blue', 400, 'malformed-parameter'],
    ['with too large a page', '/v1/artifacts?limit=100000', 400, 'malformed-parameter'],
    ['with a malformed cursor', '/v1/artifacts?after=x', 400, 'malformed-parameter'],
    ['at an unknown route', '/v1/nothing', 404, 'route-unknown'],
  ])('%s', async (_, path, status, code) => {
    await expectRefusal({ method: 'GET', path }, status, code);
  });
});

describe('an enrolment is refused', () => {
  const spki = toBase64(generateKey('ed25519').publicKey.spki);
  const enrolment = { id: 'dune', organisation: 'Dune', publicKey: { algorithm: 'ed25519', spki } };
  const enrol = (change: object, token: string = ADMIN_TOKEN): Sent => ({
    method: 'POST',
    path: '/v1/rebuilders',
    body: json({ ...enrolment, ...change }),
    token,
  });
  it.each<[string, () => Sent, number, string]>([
    ['by who is no administrator', () => enrol({}, SUBMIT_TOKEN), 403, 'token-forbidden'],
    ['under a taken id', () => enrol({ id: 'acme' }), 409, 'rebuilder-conflict'],
    ['with a taken key', () => enrol({ publicKey: acme.enrolment.publicKey }), 409, 'key-conflict'],
    [
      'with a key of another algorithm',
      () => enrol({ publicKey: { algorithm: 'ecdsa-p256-sha256', spki } }),
      422,
      'key-invalid',
    ],
    [
      'with a key that is none',
      () => enrol({ publicKey: { algorithm: 'ed25519', spki: 'AAAA' } }),
      422,
      'key-invalid',
    ],
    [
      'under a name that looks like a taken one',
      () => enrol({ organisation: 'ORG ACME' }),
      409,
      'rebuilder-conflict',
    ],
    ['under a malformed id', () => enrol({ id: 'Dune!' }), 400, 'malformed-body'],
  ])('%s', async (_, sent, status, code) => {
    await expectRefusal(sent(), status, code);
  });
});

describe('a request token is refused', () => {
  const body = '{"waitSeconds":0}';
  const bound: BoundTo = {
    method: 'POST',
    path: '/v1/leases',
    body: new TextEncoder().encode(body),
  };
  const lease = (token: string): Sent => ({ ...bound, body, token });
  const now = (): number => Math.floor(stand.clock.now() / 1000);

  it.each<[string, () => Promise<string>, string]>([
    ['that is none', () => Promise.resolve('nonsense'), 'token-malformed'],
    ['without a claim', () => acme.token(bound, { bod: undefined }), 'token-malformed'],
    ['of an unknown rebuilder', () => acme.token(bound, { iss: 'nobody' }), 'rebuilder-unknown'],
    [
      'signed with another key',
      () => acme.token(bound, {}, generateKey('ecdsa-p256-sha256')),
      'token-signature',
    ],
    [
      'signed with a key of another algorithm',
      () => acme.token(bound, {}, generateKey('ed25519')),
      'token-signature',
    ],
    ['in the name of another', () => acme.token(bound, { iss: 'birch' }), 'token-signature'],
    [
      'for another audience',
      () => acme.token(bound, { aud: 'https://elsewhere.example' }),
      'token-audience',
    ],
    [
      'that has expired',
      () => acme.token(bound, { iat: now() - 120, exp: now() - 60 }),
      'token-expired',
    ],
    [
      'from the future',
      () => acme.token(bound, { iat: now() + 60, exp: now() + 90 }),
      'token-expired',
    ],
    ['that lives too long', () => acme.token(bound, { exp: now() + 600 }), 'token-expired'],
    [
      'whose id no database can hold',
      () => acme.token(bound, { jti: `${'x'.repeat(16)}\u0000` }),
      'token-malformed',
    ],
    [
      'without a key id',
      () => acme.token(bound, {}, acme.key, { kid: undefined }),
      'token-signature',
    ],
    ['with no signature', async () => unsigned(await acme.token(bound)), 'token-signature'],
    [
      'authenticated with the public key as if it were a secret',
      async () => authenticatedByPublicKey(await acme.token(bound)),
      'token-signature',
    ],
    ['for another method', () => acme.token(bound, { htm: 'GET' }), 'token-binding'],
    ['for another path', () => acme.token(bound, { htu: '/v1/leases?x=1' }), 'token-binding'],
    ['for another body', () => acme.token({ ...bound, body: new Uint8Array() }), 'token-binding'],
  ])('%s', async (_, token, code) => {
    await expectRefusal(lease(await token()), 401, code);
  });

  it('the second time, even after a restart', async () => {
    const token = await acme.token(bound);
    expect((await send(lease(token))).status).toBe(200);
    await expectRefusal(lease(token), 401, 'token-replayed');
    await stand.stopCoordinators();
    await stand.startCoordinator();
    await expectRefusal(lease(token), 401, 'token-replayed');
  });

  it('when there is none', async () => {
    await expectRefusal({ ...bound, body }, 401, 'token-missing');
  });
});

describe('a report is refused', () => {
  let lease: Lease;
  let other: Lease;
  beforeAll(async () => {
    const client = stand.client(SUBMIT_TOKEN);
    await client.submit({ body: { recipe: recipeNamed('reported') } });
    lease = await acme.lease();
    other = await birch.lease();
  });

  async function refused(code: string, rebuilder: TestRebuilder, id: string, body: object) {
    const before = await stand.state();
    const call = rebuilder.client.complete({ params: { id }, body: body as never });
    const error: unknown = await call.then(
      () => undefined,
      (reason: unknown) => reason,
    );
    expect(error).toBeInstanceOf(ClientError);
    expect((error as ClientError).problem?.code).toBe(code);
    expect(await stand.state()).toBe(before);
  }
  const signed = async (change: object) =>
    signEnvelope(
      rebuildStatement({ ...predicateFor(lease.recipe, 'reproduced'), ...change }),
      acme.key,
    );

  it('of an unknown rebuild', async () => {
    await refused('rebuild-unknown', acme, randomUUID(), await reportFor(acme, lease));
  });

  it("of another rebuilder's lease, even with its token", async () => {
    await refused('lease-not-yours', birch, lease.rebuildId, await reportFor(birch, lease));
  });

  it('with another token than that of the lease', async () => {
    const report = await reportFor(acme, { ...lease, leaseToken: other.leaseToken });
    await refused('lease-not-yours', acme, lease.rebuildId, report);
  });

  it('signed by another organisation', async () => {
    const report = await reportFor(acme, lease, { key: birch.key });
    await refused('report-signer', acme, lease.rebuildId, report);
  });

  it('whose signature does not verify', async () => {
    const report = await reportFor(acme, lease);
    const [signature] = report.rebuild.signatures;
    const sig = toBase64(new Uint8Array(71).fill(0x30));
    const rebuild = { ...report.rebuild, signatures: [{ ...signature, sig }] };
    await refused('report-signature', acme, lease.rebuildId, { ...report, rebuild });
  });

  it('about another artifact', async () => {
    const artifact = artifactDescriptor(recipeNamed('elsewhere').artifact);
    const report = { ...(await reportFor(acme, lease)), rebuild: await signed({ artifact }) };
    await refused('report-subject-mismatch', acme, lease.rebuildId, report);
  });

  it('about another recipe', async () => {
    const recipe = { digest: { sha256: 'b'.repeat(64) } };
    const report = { ...(await reportFor(acme, lease)), rebuild: await signed({ recipe }) };
    await refused('report-recipe-mismatch', acme, lease.rebuildId, report);
  });

  it('whose statement contradicts itself', async () => {
    const report = {
      ...(await reportFor(acme, lease)),
      rebuild: await signed({ outcome: 'different' }),
    };
    await refused('report-outcome-mismatch', acme, lease.rebuildId, {
      ...report,
      outcome: 'different',
    });
  });

  it('that says other than its statement', async () => {
    const report = await reportFor(acme, lease);
    await refused('report-outcome-mismatch', acme, lease.rebuildId, {
      ...report,
      outcome: 'different',
    });
  });

  it('without provenance of what was built', async () => {
    const report = await reportFor(acme, lease, { provenance: false });
    await refused('report-malformed', acme, lease.rebuildId, report);
  });

  it('with the provenance of another rebuilder', async () => {
    const { provenance } = await reportFor(birch, lease, { key: acme.key });
    const report = { ...(await reportFor(acme, lease)), provenance };
    await refused('report-signer', acme, lease.rebuildId, report);
  });

  it('with a statement in the place of the provenance', async () => {
    const report = await reportFor(acme, lease);
    await refused('report-malformed', acme, lease.rebuildId, {
      ...report,
      provenance: report.rebuild,
    });
  });

  it('whose failure has a code or a text that could not be stored or shown', async () => {
    for (const failure of [
      { code: 'build-exit', message: 'a \u0000 in the output' },
      { code: 'build-exit', message: 'a \u001b[2J in the output' },
      { code: 'Build exit\n', message: '' },
    ]) {
      const predicate = { ...predicateFor(lease.recipe, 'failed'), failure };
      const report = await reportFor(acme, lease, { predicate });
      await refused('report-malformed', acme, lease.rebuildId, report);
    }
  });

  it('over the limit', async () => {
    const report = await reportFor(acme, lease);
    const rebuild = { ...report.rebuild, payload: 'A'.repeat(3 * 1024 * 1024) };
    await refused('body-too-large', acme, lease.rebuildId, { ...report, rebuild });
  });

  it('when another was accepted', async () => {
    const params = { id: lease.rebuildId };
    const body = await reportFor(acme, lease);
    await acme.client.complete({ params, body });
    const changed = await reportFor(acme, lease, { outcome: 'different' });
    // The log may record what was accepted meanwhile, so not the whole state is compared here.
    await expect(acme.client.complete({ params, body: changed })).rejects.toMatchObject({
      problem: { code: 'report-conflict' },
    });
    const { rebuilds } = await stand.client().read({ params: { id: lease.recipeDigest } });
    expect(rebuilds.find(({ id }) => id === lease.rebuildId)?.outcome).toBe('reproduced');
  });

  it('when the lease has lapsed', async () => {
    const report = await reportFor(birch, other);
    stand.clock.skip(31);
    await expect(
      birch.client.complete({ params: { id: other.rebuildId }, body: report }),
    ).rejects.toMatchObject({ problem: { code: 'lease-lapsed' } });
    const { rows } = await stand.db.query('SELECT 1 FROM attestation WHERE rebuild_id = $1', [
      other.rebuildId,
    ]);
    expect(rows).toHaveLength(0);
  });
});

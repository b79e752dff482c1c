import { generateKey } from '@touchstone/keys';
import { toBase64 } from '@touchstone/note';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, it } from 'vitest';
import { recipeNamed, type TestRebuilder } from './rebuilder.js';
import { expectRefusal, type Sent } from './refusal.js';
import { ADMIN_TOKEN, Stand, startTestPostgres } from './stand.js';

/** Every refusal in this file must leave the database as it was. */
const SUBMIT_TOKEN = 'submit-token-of-the-tests';

let postgres: EmbeddedPostgres;
let stand: Stand;
let acme: TestRebuilder;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres, { settings: { SUBMIT_TOKEN } });
  acme = await stand.enrol('acme');
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

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
    await expectRefusal(stand, sent, status, code, field);
  });

  it('where the disk of the database is full', async () => {
    // The error that PostgreSQL raises then, from within the same statement.
    await stand.db.query(`
      CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN RAISE 'could not extend file' USING ERRCODE = 'disk_full'; END $$;
      CREATE TRIGGER full_disk BEFORE INSERT ON publication EXECUTE FUNCTION full_disk();`);
    try {
      await expectRefusal(stand, submission(good), 507, 'storage-full');
    } finally {
      await stand.db.query('DROP TRIGGER full_disk ON publication; DROP FUNCTION full_disk');
    }
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
    await expectRefusal(stand, sent, status, code);
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
    await expectRefusal(stand, { method: 'GET', path }, status, code);
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
    await expectRefusal(stand, sent(), status, code);
  });
});

import { createHmac } from 'node:crypto';
import { generateKey } from '@touchstone/keys';
import type { EmbeddedPostgres } from '@touchstone/store';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { BoundTo, TestRebuilder } from './rebuilder.js';
import { expectRefusal, send, type Sent } from './refusal.js';
import { Stand, startTestPostgres } from './stand.js';

let postgres: EmbeddedPostgres;
let stand: Stand;
let acme: TestRebuilder;

beforeAll(async () => {
  postgres = await startTestPostgres();
  stand = await Stand.start(postgres);
  acme = await stand.enrol('acme');
  await stand.enrol('birch');
});

afterAll(async () => {
  await stand.stop();
  await postgres.stop();
});

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
    ['without a key id', () => acme.token(bound, {}, acme.key, {}), 'token-signature'],
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
    await expectRefusal(stand, lease(await token()), 401, code);
  });

  it('the second time, even after a restart', async () => {
    const token = await acme.token(bound);
    expect((await send(stand, lease(token))).status).toBe(200);
    await expectRefusal(stand, lease(token), 401, 'token-replayed');
    await stand.stopCoordinators();
    await stand.startCoordinator();
    await expectRefusal(stand, lease(token), 401, 'token-replayed');
  });

  it('when there is none', async () => {
    await expectRefusal(stand, { ...bound, body }, 401, 'token-missing');
  });
});

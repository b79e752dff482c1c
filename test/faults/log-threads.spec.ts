import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Problem, TransparencyLogEntry } from '@touchstone/contract';
import { generateKey } from '@touchstone/keys';
import { compile } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LogProcess } from './log-process.js';

let dir: string;
let log: LogProcess;
let url: string;

beforeAll(async () => {
  await compile('apps/log');
  dir = await mkdtemp(join(tmpdir(), 'log-threads-'));
  ({ log, url } = await LogProcess.start({
    TILES_DIR: dir,
    LOG_ORIGIN: 'threads.touchstone.dev/log',
    LOG_KEY: generateKey('ed25519').toPem(),
    PORT: '0',
    LOG_VERIFY_THREADS: '2',
  }));
}, 120_000);

afterAll(async () => {
  expect(await log.end('SIGTERM')).toBe(0);
  await rm(dir, { recursive: true });
});

function post(body: string): Promise<Response> {
  const headers = { 'content-type': 'application/json' };
  return fetch(`${url}/api/v2/log/entries`, { method: 'POST', headers, body });
}

async function refusal(answer: Response): Promise<object> {
  return Problem.parse(await answer.json());
}

interface Row {
  readonly keyDetails: string;
  readonly hash: string;
  readonly keys: { readonly publicKey: KeyObject; readonly privateKey: KeyObject };
}

const ec = (namedCurve: string): Row['keys'] => generateKeyPairSync('ec', { namedCurve });
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ROWS: readonly Row[] = [
  { keyDetails: 'PKIX_ECDSA_P256_SHA_256', hash: 'sha256', keys: ec('P-256') },
  { keyDetails: 'PKIX_ECDSA_P384_SHA_384', hash: 'sha384', keys: ec('P-384') },
  { keyDetails: 'PKIX_ECDSA_P521_SHA_512', hash: 'sha512', keys: ec('P-521') },
  { keyDetails: 'PKIX_RSA_PKCS1V15_2048_SHA256', hash: 'sha256', keys: rsa },
];

function request({ keyDetails, hash, keys }: Row, signed: string, named = signed): string {
  const rawBytes = keys.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
  const content = sign(hash, Buffer.from(signed), keys.privateKey).toString('base64');
  return JSON.stringify({
    hashedRekordRequestV002: {
      digest: createHash(hash).update(named).digest('base64'),
      signature: { content, verifier: { keyDetails, publicKey: { rawBytes } } },
    },
  });
}

describe('entries made in threads', () => {
  it.each(ROWS)('are taken when their signature verifies: $keyDetails', async (row) => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, at) => post(request(row, `artifact ${at}`))),
    );
    const entries = answers.map(async (answer) => {
      expect(answer.status).toBe(201);
      return TransparencyLogEntry.parse(await answer.json()).logIndex;
    });
    expect(new Set(await Promise.all(entries)).size).toBe(20);
  });

  it.each(ROWS)('are refused when it does not, by name of the field: $keyDetails', async (row) => {
    const field = 'hashedRekordRequestV002.signature.content';
    expect(await refusal(await post(request(row, 'one', 'another')))).toMatchObject({
      status: 400,
      code: 'entry-signature',
      field,
    });
  });

  it.each([
    ['{', 'malformed-body'],
    ['', 'malformed-body'],
    ['"text"', 'entry-malformed'],
    ['{"hashedRekordRequestV002":{"digest":1}}', 'entry-malformed'],
  ])('are refused when they are none: %s', async (body, code) => {
    expect(await refusal(await post(body))).toMatchObject({ status: 400, code });
  });
});

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { keyDetails, paeBytes } from '@touchstone/attest';
import { CosignaturesAnswer, Problem } from '@touchstone/contract';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import {
  cosign,
  cosignerKey,
  encodeUtf8,
  formatCheckpoint,
  formatCosignerKey,
  formatNote,
  noteSigner,
  parseNote,
  parseWitnessPolicy,
  signNote,
  toBase64,
  verifyWitnessed,
} from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { startLog } from '../index.js';
import type { RunningLog } from '../index.js';

const ORIGIN = 'courier.touchstone.dev/log';
const TOKEN = 'the-write-token-of-this-log';
const logKey = generateKey('ed25519');
const signer = noteSigner(ORIGIN, logKey);

const witnessOf = (name: string) => {
  const key = generateKey('ed25519');
  const cosigner = cosignerKey(`${name}.example`, key.publicKey);
  const line = `witness ${name} ${formatCosignerKey(cosigner)}\n`;
  return { name, line, sign: (text: string, at: number) => cosign(text, at, cosigner, key) };
};
/** Without URLs: no network reaches them. */
const [hut, mill, stranger] = [witnessOf('hut'), witnessOf('mill'), witnessOf('stranger')];
const policyText = `${hut.line}${mill.line}quorum none\n`;

let dir: string;
let log: RunningLog;
let sent = 0;

async function start(): Promise<void> {
  log = await startLog({
    TILES_DIR: join(dir, 'tiles'),
    LOG_ORIGIN: ORIGIN,
    LOG_KEY: logKey.toPem(),
    LOG_LEVEL: 'silent',
    LOG_WRITE_TOKEN: TOKEN,
    LOG_WITNESS_POLICY_FILE: join(dir, 'policy'),
    LOG_MAP: 'off',
    PORT: '0',
  });
}

function post(path: string, body: unknown, token: string | undefined = TOKEN): Promise<Response> {
  return fetch(`${log.url}${path}`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      ...(token !== '' && { authorization: `Bearer ${token}` }),
    },
    body: JSON.stringify(body),
  });
}

async function write(): Promise<void> {
  const [payload, payloadType] = [encodeUtf8(`{"entry":${sent++}}`), 'application/json'];
  const sig = toBase64(logKey.sign(paeBytes(payloadType, payload)));
  const { algorithm, spki } = logKey.publicKey;
  const verifier = { publicKey: { rawBytes: toBase64(spki) }, keyDetails: keyDetails(algorithm) };
  const envelope = { payload: toBase64(payload), payloadType, signatures: [{ sig }] };
  const answer = await post('/api/v2/log/entries', {
    dsseRequestV002: { envelope, verifiers: [verifier] },
  });
  expect(answer.status).toBe(201);
}

const checkpoint = async (): Promise<string> => (await fetch(`${log.url}/checkpoint`)).text();

/** With the log's own signature and no other. */
function bare(note: string): string {
  const { text, signatures } = parseNote(note);
  return formatNote({ text, signatures: signatures.filter(({ name }) => name === ORIGIN) });
}

type Witness = typeof hut;
async function cosigned(note: string, witness: Witness, at = 1000): Promise<string> {
  const { text, signatures } = parseNote(note);
  return formatNote({ text, signatures: [...signatures, await witness.sign(text, at)] });
}

async function bring(note: string): Promise<CosignaturesAnswer> {
  const answer = await post('/v1/cosignatures', { note });
  expect(answer.status).toBe(200);
  return CosignaturesAnswer.parse(await answer.json());
}

/** Who cosigned what the log publishes, each verified. */
async function cosigners(note: string): Promise<string[]> {
  const logs = [signer.verifierKey];
  const policy = parseWitnessPolicy(policyText);
  const opened = await verifyWitnessed(note, policy, nodeVerifier, { logs });
  return opened.cosignatures.map(({ witness }) => witness.name).sort();
}

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-courier-'));
  await writeFile(join(dir, 'policy'), policyText);
  await start();
  await write();
});

afterAll(async () => {
  await log.close();
  await rm(dir, { recursive: true });
});

describe('a cosignature that was carried here', () => {
  it('stands on the checkpoint that the log publishes, and in the file beside the tiles', async () => {
    const note = await checkpoint();
    expect(await cosigners(note)).toEqual([]);
    const { text, signatures } = parseNote(await cosigned(note, hut));
    const twice = formatNote({ text, signatures: [...signatures, ...signatures] });
    const answer = await bring(twice);
    expect(answer.items).toMatchObject([{ witness: 'hut', size: 1, timestamp: 1000 }]);
    expect(await cosigners(await checkpoint())).toEqual(['hut']);
    expect(parseNote(await checkpoint()).signatures).toHaveLength(signatures.length);
    await vi.waitFor(async () => {
      const file = await readFile(join(dir, 'tiles/checkpoint'), 'utf8');
      expect(await cosigners(file)).toEqual(['hut']);
    });
  });

  it('is there after a restart, and beside another witness’s', async () => {
    await log.close();
    await start();
    expect(await cosigners(await checkpoint())).toEqual(['hut']);
    await bring(await cosigned(await checkpoint(), mill, 2000));
    expect(await cosigners(await checkpoint())).toEqual(['hut', 'mill']);
  });

  it('is kept with its checkpoint when the log has grown, and never gives way to an older one', async () => {
    const before = await checkpoint();
    await write();
    const after = await checkpoint();
    expect(await cosigners(after)).toEqual([]);
    const { items } = await bring(await cosigned(after, mill, 3000));
    expect(items).toMatchObject([
      { witness: 'hut', size: 1 },
      { witness: 'mill', size: 2, timestamp: 3000 },
    ]);
    expect((await bring(await cosigned(bare(before), mill, 4000))).items).toMatchObject([
      {},
      { witness: 'mill', size: 2 },
    ]);
    expect(await cosigners(items[0]?.note ?? '')).toEqual(['hut']);
  });
});

describe('what is refused, and leaves everything as it was', () => {
  const texts = {
    larger: () => formatCheckpoint({ origin: ORIGIN, size: 99, root: root(9), extensions: [] }),
    forked: () => formatCheckpoint({ origin: ORIGIN, size: 2, root: root(9), extensions: [] }),
    foreign: () => formatCheckpoint({ origin: 'other', size: 2, root: root(9), extensions: [] }),
  };
  const root = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
  const signedText = (text: string): Promise<string> => signNote(text, [signer]);

  it.each<[string, number, string, () => Promise<string>]>([
    ['no note', 400, 'cosignature-malformed', () => Promise.resolve('hello')],
    ['no cosignature', 403, 'witness-unknown', async () => bare(await checkpoint())],
    [
      'a stranger',
      403,
      'witness-unknown',
      async () => cosigned(bare(await checkpoint()), stranger),
    ],
    [
      'a cosignature of another tree',
      400,
      'cosignature-signature',
      async () => {
        const { text, signatures } = parseNote(bare(await checkpoint()));
        const line = await hut.sign(texts.forked(), 1);
        return formatNote({ text, signatures: [...signatures, line] });
      },
    ],
    [
      'a tree that the log did not sign',
      400,
      'cosignature-signature',
      async () => {
        const text = texts.forked();
        return formatNote({ text, signatures: [await hut.sign(text, 1)] });
      },
    ],
    [
      'another origin',
      400,
      'cosignature-malformed',
      async () => cosigned(await signedText(texts.foreign()), hut),
    ],
    [
      'a tree larger than there is',
      409,
      'size-out-of-range',
      async () => cosigned(await signedText(texts.larger()), hut),
    ],
    ['a fork', 409, 'log-forked', async () => cosigned(await signedText(texts.forked()), hut)],
  ])('%s', async (_, status, code, made) => {
    const before = await (await fetch(`${log.url}/v1/cosignatures`)).json();
    const answer = await post('/v1/cosignatures', { note: await made() });
    expect([answer.status, Problem.parse(await answer.json()).code]).toEqual([status, code]);
    expect(await (await fetch(`${log.url}/v1/cosignatures`)).json()).toEqual(before);
  });

  it.each([
    ['', 401, 'token-missing'],
    ['another-token-altogether', 403, 'token-forbidden'],
  ])('the token %j', async (token, status, code) => {
    const note = await cosigned(bare(await checkpoint()), hut);
    const answer = await post('/v1/cosignatures', { note }, token);
    expect([answer.status, Problem.parse(await answer.json()).code]).toEqual([status, code]);
  });

  it('a file of cosignatures that somebody changed: the log does not start with it', async () => {
    await log.close();
    const file = join(dir, 'tiles/couriers.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/\\n2\\n/, '\\n3\\n'));
    await expect(start()).rejects.toThrow('couriers.json');
    await writeFile(file, text);
    await start();
  });
});

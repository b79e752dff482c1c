import { createHash, createSign, generateKeyPairSync, randomBytes } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { RekorEntries } from '@touchstone/contract';
import { findClient, titled } from './client.js';
import { startStand } from './stand.js';
import type { Ended, Stand } from './stand.js';

const rekor = await findClient('rekor-cli');
/** The matcher, typed as what it matches. */
function said(matcher: unknown): string {
  return matcher as string;
}

const EMPTY_DIGEST = createHash('sha256').update('nobody logged this').digest('hex');

describe.skipIf('absent' in rekor)(titled('rekor-cli', rekor), () => {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const artifact = randomBytes(100);
  const digest = createHash('sha256').update(artifact).digest('hex');
  let stand: Stand;
  let entry: string[];
  let keyFile: string;

  beforeAll(async () => {
    stand = await startStand();
    keyFile = await stand.file('key.pub', publicKey.export({ format: 'pem', type: 'spki' }));
    const signature = createSign('sha256').update(artifact).sign(privateKey);
    entry = [
      '--type',
      'hashedrekord:0.0.1',
      '--artifact-hash',
      digest,
      '--signature',
      await stand.file('artifact.sig', signature),
      '--public-key',
      keyFile,
      '--pki-format',
      'x509',
    ];
  });

  afterAll(() => stand.close());

  function cli(command: string, ...args: string[]): Promise<Ended> {
    return stand.run(rekor, [command, '--rekor_server', stand.url, ...args]);
  }

  it('uploads an entry, and is told when it is there already', async () => {
    const first = await cli('upload', ...entry);
    expect(first).toEqual({
      code: 0,
      output: said(expect.stringMatching(/^Created entry at index 0/)),
    });
    const again = await cli('upload', ...entry);
    expect(again.output).toMatch(/already exists/i);
    expect(again.code).toBe(0);
  });

  it('gets the entry by index and by id', async () => {
    const entries = RekorEntries.parse(await stand.json('/api/v1/log/entries?logIndex=0'));
    const [id = ''] = Object.keys(entries);
    for (const args of [
      ['--log-index', '0'],
      ['--uuid', id],
      ['--uuid', id.slice(16)],
    ]) {
      const got = await cli('get', ...args);
      expect(got).toEqual({ code: 0, output: said(expect.stringContaining(digest)) });
    }
    expect((await cli('get', '--log-index', '99')).code).not.toBe(0);
  });

  it('finds the entry by digest and by key, and nothing where there is nothing', async () => {
    for (const args of [
      ['--sha', digest],
      ['--sha', `sha256:${digest}`],
      ['--public-key', keyFile, '--pki-format', 'x509'],
    ]) {
      const found = await cli('search', ...args);
      expect(found).toEqual({ code: 0, output: said(expect.stringMatching(/[0-9a-f]{80}/)) });
    }
    expect((await cli('search', '--sha', EMPTY_DIGEST)).output).toMatch(/no matching entries/);
    expect((await cli('search', '--email', 'no@example.org')).output).toMatch(/no matching/);
  });

  it('verifies the entry', async () => {
    const verified = await cli('verify', ...entry);
    expect(verified).toEqual({ code: 0, output: said(expect.stringMatching(/Entry Index.*: 0/)) });
  });

  it('proves that the log only grew', async () => {
    expect(await cli('loginfo')).toEqual({
      code: 0,
      output: said(expect.stringMatching(/Verification Successful/)),
    });
    const other = randomBytes(100);
    const signature = createSign('sha256').update(other).sign(privateKey);
    const more = [...entry];
    more[3] = createHash('sha256').update(other).digest('hex');
    more[5] = await stand.file('other.sig', signature);
    expect(await cli('upload', ...more)).toMatchObject({ code: 0 });
    // It keeps the size that it saw before, and has the way from there proven.
    const grown = await cli('loginfo');
    expect(grown.output).toMatch(/Active Tree Size: +2/);
    expect(grown.code).toBe(0);
    const proof = await cli('logproof', '--first-size', '1', '--last-size', '2');
    expect(proof).toEqual({ code: 0, output: said(expect.stringMatching(/[0-9a-f]{64}/)) });
  });

  it.each(['intoto:0.0.2', 'dsse:0.0.1'])('uploads an envelope as %s', async (type) => {
    const payload = Buffer.from(
      JSON.stringify({
        _type: 'https://in-toto.io/Statement/v1',
        subject: [{ name: 'artifact', digest: { sha256: EMPTY_DIGEST } }],
        predicateType: 'https://example.org/review',
        predicate: { type },
      }),
    );
    const payloadType = 'application/vnd.in-toto+json';
    const pae = `DSSEv1 ${payloadType.length} ${payloadType} ${payload.length} ${payload.toString()}`;
    const sig = createSign('sha256').update(pae).sign(privateKey).toString('base64');
    const envelope = { payload: payload.toString('base64'), payloadType, signatures: [{ sig }] };
    const path = await stand.file('envelope.json', JSON.stringify(envelope));
    const args = ['--type', type, '--artifact', path, '--public-key', keyFile];
    const uploaded = await cli('upload', ...args, '--pki-format', 'x509');
    expect(uploaded).toEqual({ code: 0, output: said(expect.stringMatching(/^Created entry/)) });
    // The subject is found, since the log has the payload.
    expect((await cli('search', '--sha', EMPTY_DIGEST)).code).toBe(0);
  });
});

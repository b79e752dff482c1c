import { createHash, randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { coseRequests, paeBytes, signCose, verifyCose } from '@touchstone/attest';
import { generateKey, nodeVerifier, publicKeyToPem } from '@touchstone/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { findClient, titled } from './client.js';
import { startStand } from './stand.js';
import type { Stand } from './stand.js';

const cosign = await findClient('cosign');
const PREDICATE_TYPE = 'https://example.org/review';

interface Bundle {
  verificationMaterial: {
    tlogEntries: {
      /** Left out when it is 0, as protobuf's JSON mapping has it. */
      logIndex?: string;
      integratedTime?: string;
      kindVersion: { kind: string; version: string };
    }[];
  };
}

const logKeys = [
  ['Ed25519, and another for v1', 'ed25519'],
  ['ECDSA for both', 'ecdsa-p256-sha256'],
] as const;

describe.skipIf('absent' in cosign).each(logKeys)(
  titled('cosign, with a log key of %s', cosign),
  (_name, algorithm) => {
    let stand: Stand;
    let common: string[];

    beforeAll(async () => {
      stand = await startStand(generateKey(algorithm));
      const root = await stand.file(
        'root.json',
        JSON.stringify(await stand.json('/trusted_root.json')),
      );
      common = ['--trusted-root', root];
      const made = await stand.run(cosign, ['generate-key-pair']);
      expect(made).toMatchObject({ code: 0 });
    });

    afterAll(() => stand.close());

    async function configOf(version: number): Promise<string> {
      const config = await stand.json(`/signing_config.json?majorApiVersion=${version}`);
      return stand.file(`config-${version}.json`, JSON.stringify(config));
    }

    async function bundleAt(
      path: string,
    ): Promise<Bundle['verificationMaterial']['tlogEntries'][0]> {
      const bundle = JSON.parse(await readFile(path, 'utf8')) as Bundle;
      const [entry] = bundle.verificationMaterial.tlogEntries;
      if (!entry) throw new Error('the bundle has no entry');
      return entry;
    }

    /** Ours of the same entry, which cosign must take as it takes its own. */
    async function exported(logIndex = '0'): Promise<string> {
      const bundle = await stand.json(`/v1/entries/${logIndex}/bundle`);
      return stand.file(`exported-${logIndex}.json`, JSON.stringify(bundle));
    }

    async function keepSigned(path: string): Promise<void> {
      const { dsseEnvelope } = JSON.parse(await readFile(path, 'utf8')) as {
        dsseEnvelope: { payload: string; payloadType: string };
      };
      const payload = Buffer.from(dsseEnvelope.payload, 'base64');
      const body = Buffer.from(paeBytes(dsseEnvelope.payloadType, payload));
      const digest = createHash('sha256').update(body).digest('hex');
      const headers = { 'content-type': 'application/octet-stream' };
      const url = `${stand.url}/v1/attestations/sha256:${digest}`;
      expect((await fetch(url, { method: 'PUT', headers, body })).status).toBe(204);
    }

    it.each([2, 1])('signs a blob by API version %i and verifies it', async (version) => {
      const config = await configOf(version);
      const blob = await stand.file(`blob-${version}`, randomBytes(100));
      const bundle = join(stand.dir, `blob-${version}.json`);
      const signing = ['--key', 'cosign.key', '--signing-config', config, '--bundle', bundle, '-y'];
      const signed = await stand.run(cosign, ['sign-blob', ...common, ...signing, blob]);
      expect(signed).toMatchObject({ code: 0 });
      const entry = await bundleAt(bundle);
      expect(entry.kindVersion).toEqual({ kind: 'hashedrekord', version: `0.0.${version}` });
      // The time of version 1 is the log's; version 2 has none.
      expect(entry.integratedTime !== undefined).toBe(version === 1);
      for (const path of [bundle, await exported(entry.logIndex)]) {
        const args = ['verify-blob', ...common, '--key', 'cosign.pub', '--bundle', path];
        expect(await stand.run(cosign, [...args, blob])).toMatchObject({ code: 0 });
        const other = await stand.file('other', 'another blob');
        expect((await stand.run(cosign, [...args, other])).code).not.toBe(0);
      }
    });

    it.each([2, 1])('attests a blob by API version %i and verifies it', async (version) => {
      const config = await configOf(version);
      const blob = await stand.file(`subject-${version}`, randomBytes(100));
      const predicate = await stand.file('predicate.json', JSON.stringify({ reviewed: version }));
      const bundle = join(stand.dir, `attestation-${version}.json`);
      const signing = ['--key', 'cosign.key', '--signing-config', config, '--bundle', bundle, '-y'];
      const what = ['--predicate', predicate, '--type', PREDICATE_TYPE];
      const signed = await stand.run(cosign, ['attest-blob', ...common, ...signing, ...what, blob]);
      expect(signed).toMatchObject({ code: 0 });
      const entry = await bundleAt(bundle);
      const kind = version === 2 ? 'hashedrekord' : 'dsse';
      expect(entry.kindVersion).toEqual({ kind, version: `0.0.${version}` });
      // By version 2 the log gets the digest alone of what was signed, unless it is handed that too.
      if (version === 2) await keepSigned(bundle);
      const bundles = [bundle, await exported(entry.logIndex)];
      for (const path of bundles) {
        const args = [
          'verify-blob-attestation',
          ...common,
          '--key',
          'cosign.pub',
          '--bundle',
          path,
        ];
        const verified = await stand.run(cosign, [...args, '--type', PREDICATE_TYPE, blob]);
        expect(verified).toMatchObject({ code: 0 });
      }
    });

    it('verifies a signature in COSE by what it is over', async () => {
      const key = generateKey('ecdsa-p256-sha256');
      const subject = [{ name: 'app.wasm', digest: { sha256: 'ab'.repeat(32) } }];
      const envelope = await signCose(
        {
          ...{ _type: 'https://in-toto.io/Statement/v1', subject },
          ...{ predicateType: PREDICATE_TYPE, predicate: {} },
        },
        [key],
      );
      const cose = await verifyCose(envelope, [key.publicKey], nodeVerifier);
      const answer = await fetch(`${stand.url}/api/v2/log/entries`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(coseRequests(cose)[0]?.request),
      });
      const { logIndex } = (await answer.json()) as { logIndex: string };
      const pem = await stand.file('cose.pub', publicKeyToPem(key.publicKey));
      const bundle = ['--bundle', await exported(logIndex)];
      const args = ['verify-blob', ...common, '--key', pem, ...bundle];
      const [signature] = cose.signatures;
      const signed = await stand.file('signed', signature?.message ?? '');
      expect(await stand.run(cosign, [...args, signed])).toMatchObject({ code: 0 });
      const other = await stand.file('envelope.cose', envelope);
      expect((await stand.run(cosign, [...args, other])).code).not.toBe(0);
    });

    it('refuses a bundle of ours whose checkpoint was changed', async () => {
      const blob = await stand.file('changed', randomBytes(100));
      const bundle = join(stand.dir, 'changed.json');
      const config = await configOf(2);
      const signing = ['--key', 'cosign.key', '--signing-config', config, '--bundle', bundle, '-y'];
      await stand.run(cosign, ['sign-blob', ...common, ...signing, blob]);
      const text = await readFile(bundle, 'utf8');
      const changed = text.replace(/"envelope":"([^\\]+)\\n\d+\\n/, '"envelope":"$1\\n7777\\n');
      expect(changed).not.toBe(text);
      const path = await stand.file('changed.json', changed);
      const args = ['verify-blob', ...common, '--key', 'cosign.pub', '--bundle', path, blob];
      const { code, output } = await stand.run(cosign, args);
      expect([code !== 0, output]).toEqual([true, expect.stringMatching(/checkpoint|signature/)]);
    });
  },
);

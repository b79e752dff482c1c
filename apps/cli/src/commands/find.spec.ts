import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { registryAbsent, startRegistry, type RunningRegistry } from '@touchstone/kit';
import { parseReference, pushArtifact, Repository } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registryTransport } from '../registries.js';
import { registerFind } from './find.js';

const sha256 = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');
/** Modules of one empty custom section each, so that no two are alike. */
const module = (name: string): Buffer =>
  Buffer.from([0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 0, 2, 1, name.charCodeAt(0)]);

describe.skipIf(registryAbsent !== undefined)(
  `touchstone find oci:… ${registryAbsent ?? ''}`,
  () => {
    let registry: RunningRegistry;
    let folder = '';
    let layers: Buffer[] = [];
    let reference = '';
    let digest = '';
    beforeAll(async () => {
      registry = await startRegistry();
      folder = await mkdtemp(join(tmpdir(), 'find-'));
      await writeFile(join(folder, 'inner.wasm'), module('b'));
      const literal = module('c').toString('base64');
      await writeFile(join(folder, 'glue.js'), `const wasm = "${literal}"; load(wasm);\n`);
      const names = ['inner.wasm', 'glue.js'];
      const archive = execFileSync('tar', ['-C', folder, '-cz', ...names]);
      layers = [module('a'), archive, Buffer.from('no module at all')];
      reference = `${registry.host}/org/found`;
      const transport = await registryTransport(registry.host, true);
      const store = new Repository(parseReference(reference), transport);
      const { descriptor } = await pushArtifact(
        store,
        {
          artifactType: 'application/vnd.wasm.config.v0+json',
          layers: [
            { mediaType: 'application/wasm', bytes: layers[0]! },
            {
              mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip',
              bytes: layers[1]!,
            },
            { mediaType: 'application/octet-stream', bytes: layers[2]! },
          ],
        },
        'v1',
      );
      digest = descriptor.digest;
    });
    afterAll(async () => {
      await registry.close();
      await rm(folder, { recursive: true });
    });

    const find = (text: string): Promise<Ran> =>
      runCommand(
        [registerFind],
        [
          ...['find', text, '--json', '--allow-private-registries'],
          ...['--cache', join(folder, 'cache')],
        ],
      );

    it.each([
      ['by digest', () => `oci:${reference}@${digest}`],
      ['by tag', () => `oci:${reference}:v1`],
    ])('lists the modules of its layers, and of archives that are layers, %s', async (_, text) => {
      const { code, out, message } = await find(text());
      expect([code, message]).toEqual([0, '']);
      const [plain, packed] = layers.map((bytes) => `blobs/sha256/${sha256(bytes)}`);
      expect(JSON.parse(out)).toMatchObject({
        publication: `oci:${reference}@${digest}`,
        artifact: { kind: 'oci', repository: reference, sha256: digest.slice('sha256:'.length) },
      });
      const { modules } = JSON.parse(out) as { modules: { sha256: string; location: object }[] };
      const found = Object.fromEntries(modules.map((each) => [each.sha256, each.location]));
      expect(found).toEqual({
        [sha256(module('a'))]: { kind: 'file', path: plain },
        [sha256(module('b'))]: { kind: 'file', path: `${packed}/inner.wasm` },
        [sha256(module('c'))]: { kind: 'base64', path: `${packed}/glue.js` },
      });
    });

    it('says which one there is not', async () => {
      const { code } = await find(`oci:${reference}@sha256:${'0'.repeat(64)}`);
      expect(code).toBe(3);
    });
  },
);

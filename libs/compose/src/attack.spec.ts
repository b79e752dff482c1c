import { encodeCbor, type CborValue } from '@touchstone/attest';
import { describe, expect, it } from 'vitest';
import { appendCustomSection } from '@touchstone/wasm';
import {
  API,
  composition,
  consumer,
  consumerOf,
  externName,
  join,
  vector,
} from './assemble.fixture.js';
import { ATTACKS } from './attack.fixture.js';
import { verifyComposition } from './verify.js';
import { composeManifest, embedManifest } from './write-manifest.js';

async function codes(bytes: Uint8Array): Promise<string[]> {
  const { ok, findings } = await verifyComposition(bytes);
  expect(ok).toBe(findings.length === 0);
  return findings.map(({ code, node }) => `${code} ${node}`);
}

describe('verifyComposition', () => {
  it('takes a composition with the manifest that was derived from it', async () => {
    const bytes = composition();
    expect(await codes(embedManifest(bytes, composeManifest(bytes)))).toEqual([]);
  });

  it('takes a nested composition with its own manifest', async () => {
    const inner = composition();
    const bytes = composition({ first: embedManifest(inner, composeManifest(inner)), wire: 1 });
    const whole = embedManifest(bytes, composeManifest(bytes));
    expect(await codes(whole)).toEqual([]);
    const lying = composition({
      first: embedManifest(inner, composeManifest(composition({ wire: 1 }))),
      wire: 1,
    });
    expect(await codes(embedManifest(lying, composeManifest(lying)))).toEqual([
      'manifest-transplanted /component[0]',
      'edge-missing /component[0]/component[2]',
      'edge-extra /component[0]/component[2]',
    ]);
  });

  it('says where an interface and what is given for it part', async () => {
    const last = consumerOf({ funcs: ['run', 'stop'] });
    const bytes = composition({ last });
    const report = await verifyComposition(embedManifest(bytes, composeManifest(bytes)));
    expect(report.findings).toMatchObject([{ step: 'types', code: 'interface-incompatible' }]);
    const offset = report.findings[0]?.offset ?? 0;
    expect(report.findings[0]?.message).toBe(
      `/component[2], instantiated by /: import ${API} › func stop › nothing vs func()`,
    );
    expect([...bytes.subarray(offset, offset + 3)]).toEqual([0x00, 0x02, 0x01]);
  });

  it('warns of an earlier version of the same track, and of two versions where one would do', async () => {
    const newer = 'demo:pkg/api@1.2.0';
    const importing = join(consumer(), vector(10, join(externName(newer), [0x05, 0x00])));
    const bytes = composition({ last: consumerOf({ name: newer }), wanted: newer });
    const report = await verifyComposition(embedManifest(bytes, composeManifest(bytes)));
    expect(report).toMatchObject({
      ok: true,
      findings: [],
      warnings: [{ step: 'versions', code: 'version-older', node: '/' }],
    });
    expect((await verifyComposition(importing)).warnings).toMatchObject([
      { code: 'version-split' },
    ]);
  });

  it.each(ATTACKS)('refuses %s', async (_, make, code, node) => {
    expect(await codes(make())).toContain(`${code} ${node}`);
  });

  const raw = (content: Uint8Array | readonly number[]): Uint8Array =>
    appendCustomSection(composition(), 'composition-manifest', Uint8Array.from(content));
  it.each([
    ['unsorted keys', [0xa2, 0x61, 0x62, 0x01, 0x61, 0x61, 0x02], 'cbor-malformed'],
    ['a key twice', [0xa2, 0x61, 0x61, 0x01, 0x61, 0x61, 0x02], 'cbor-malformed'],
    ['an indefinite length', [0xbf, 0xff], 'cbor-malformed'],
    ['an overlong head', [0xb8, 0x00], 'cbor-malformed'],
    ['bytes after it', [0xa0, 0x00], 'cbor-malformed'],
    ['deep nesting', [...Array.from({ length: 40 }, () => 0x81), 0x00], 'cbor-limit'],
    ['JSON with a key twice', new TextEncoder().encode('{"a":1,"a":2}'), 'json-malformed'],
    ['another shape', [0xa0], 'manifest-malformed'],
    ['nothing', [], 'cbor-malformed'],
  ])('refuses a manifest of %s', async (_, content, code) => {
    const report = await verifyComposition(raw(content));
    expect(report.findings).toMatchObject([{ code, node: '/', step: 'manifest-format' }]);
    expect(report.findings[0]?.offset).toBe(composition().length);
  });

  it('refuses fields it does not know, and reads JSON as it reads CBOR', async () => {
    const manifest = composeManifest(composition());
    const unknown = { ...manifest, extra: 1 } as unknown as CborValue;
    expect(await codes(raw(encodeCbor(unknown)))).toEqual(['manifest-malformed /']);
    expect(await codes(raw(new TextEncoder().encode(JSON.stringify(manifest))))).toEqual([]);
  });

  it('holds an older manifest, which has no graph, against the nodes', async () => {
    const { graph } = composeManifest(composition());
    const components = graph.nodes
      .filter(({ path }) => path.lastIndexOf('/') === 0)
      .map(({ path: id, digest }) => ({ id, hash: digest.sha256 }));
    const older = (list: typeof components): Uint8Array => {
      const text = JSON.stringify({
        version: '1',
        tool: 'wac',
        tool_version: '0.6',
        components: list,
      });
      return appendCustomSection(
        composition(),
        'wsc.composition.manifest',
        new TextEncoder().encode(text),
      );
    };
    expect(await codes(older(components))).toEqual([]);
    expect(await codes(older(components.slice(1)))).toEqual(['node-missing /component[0]']);
    const lie = { id: 'x', hash: '00'.repeat(32) };
    expect(await codes(older([...components, lie]))).toEqual(['node-extra /']);
  });
});

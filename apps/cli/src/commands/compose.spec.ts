import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generateKey, publicKeyToPem, writePrivateKey } from '@touchstone/keys';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand } from '../command.fixture.js';
import { EXIT } from '../failure.js';
import { registerCompose } from './compose.js';
import { registerWasm } from './wasm.js';

const MODULE = [0, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
/** A component that instantiates the one module in it. */
const COMPONENT = Uint8Array.from([
  ...[0, 0x61, 0x73, 0x6d, 0x0d, 0, 1, 0],
  ...[1, MODULE.length, ...MODULE],
  ...[2, 4, 1, 0, 0, 0],
]);

let dir: string;
const at = (name: string): string => join(dir, name);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-compose-'));
  await writeFile(at('app.wasm'), COMPONENT);
  const claims = {
    components: [
      { path: '/module[0]', name: 'part', source: 'https://example.com/part', commit: 'abc' },
    ],
    composition: { tool: 'wac', toolVersion: '0.6.0', composedBy: 'Integrator' },
  };
  await writeFile(at('claims.json'), JSON.stringify(claims));
  for (const name of ['integrator', 'second']) {
    const key = generateKey('ed25519');
    await writePrivateKey(at(`${name}.key`), key);
    await writeFile(at(`${name}.pem`), publicKeyToPem(key.publicKey));
  }
});

afterAll(() => rm(dir, { recursive: true }));

async function touchstone(...args: string[]): Promise<{ code: number; out: string }> {
  const { code, out, error } = await runCommand([registerCompose], ['compose', ...args], {
    SOURCE_DATE_EPOCH: '0',
  });
  return { code, out: error === '' ? out : error };
}

const embed = (from: string, to: string): Promise<{ code: number; out: string }> =>
  touchstone('embed', at(from), '--claims', at('claims.json'), '-o', at(to));

describe('compose', () => {
  it('shows the graph as text, JSON and for Graphviz', async () => {
    const text = await touchstone('graph', at('app.wasm'));
    expect(text.out).toContain('/module[0]  module  bytes 10 to 18');
    expect(text.out).toContain('instantiates /module[0]');
    const json = JSON.parse((await touchstone('graph', at('app.wasm'), '--json')).out) as object;
    expect(json).toMatchObject({
      nodes: [{ path: '/' }, { path: '/module[0]', offset: 10, size: 8 }],
      edges: [{ from: '/', to: '/module[0]', kind: 'instantiates' }],
    });
    const dot = await touchstone('graph', at('app.wasm'), '--dot');
    expect(dot.out).toContain('"/" -> "/module[0]"');
  });

  it('embeds, extracts, attests and verifies', async () => {
    expect((await embed('app.wasm', 'full.wasm')).code).toBe(0);
    await embed('full.wasm', 'again.wasm');
    const [once, twice] = await Promise.all(
      ['full.wasm', 'again.wasm'].map((f) => readFile(at(f))),
    );
    expect(twice).toEqual(once);
    expect(once?.subarray(0, COMPONENT.length)).toEqual(Buffer.from(COMPONENT));
    expect(JSON.parse((await touchstone('extract', at('full.wasm'))).out)).toMatchObject({
      components: [{ path: '/module[0]', name: 'part', commit: 'abc' }],
      composition: { composedBy: 'Integrator', timestamp: '1970-01-01T00:00:00.000Z' },
    });
    expect((await touchstone('inspect', at('full.wasm'))).out).toContain('composedBy Integrator');
    const key = ['--key', at('integrator.key')];
    expect((await touchstone('attest', at('full.wasm'), ...key, '-o', at('a.json'))).code).toBe(0);
    const proof = ['--attestation', at('a.json'), '--public-key', at('integrator.pem')];
    const verified = await touchstone('verify', at('full.wasm'), ...proof);
    expect(verified.out).toContain('the composition is what is claimed');
    expect(verified.code).toBe(0);
  });

  it('attests in COSE, with more than one signer, and DSSE has one', async () => {
    await embed('app.wasm', 'full.wasm');
    const keys = ['--key', at('integrator.key'), at('second.key')];
    const attest = (...more: string[]) => touchstone('attest', at('full.wasm'), ...keys, ...more);
    expect((await attest('-o', at('two.json'))).code).toBe(EXIT.usage);
    expect((await attest('--format', 'cose', '-o', at('two.cose'))).code).toBe(0);
    const verify = (...pems: string[]) =>
      touchstone(
        ...['verify', at('full.wasm'), '--attestation', at('two.cose'), '--json'],
        ...['--public-key', ...pems.map(at)],
      );
    const both = await verify('integrator.pem', 'second.pem');
    expect([both.code, (JSON.parse(both.out) as { signers: string[] }).signers.length]).toEqual([
      0, 2,
    ]);
    const one = JSON.parse((await verify('integrator.pem')).out) as object;
    expect(one).toMatchObject({ ok: false, findings: [{ code: 'signer-unknown' }] });
  });

  it('holds signatures in place against keys and roots', async () => {
    await embed('app.wasm', 'full.wasm');
    const sign = [
      'wasm',
      'sign',
      at('full.wasm'),
      '--key',
      at('second.key'),
      '-o',
      at('signed.wasm'),
    ];
    expect((await runCommand([registerWasm], sign)).code).toBe(0);
    const verify = (...more: string[]) => touchstone('verify', at('signed.wasm'), ...more);
    const held = await verify('--signer-key', at('second.pem'));
    expect([held.code, held.out]).toEqual([0, expect.stringContaining('/  valid  ed25519  by ')]);
    const other = await verify('--signer-key', at('integrator.pem'), '--json');
    expect(other.code).toBe(EXIT.refuted);
    expect(JSON.parse(other.out)).toMatchObject({
      findings: [{ step: 'signatures', code: 'signature-signer-unknown', node: '/', offset: 8 }],
      signatures: [{ node: '/', status: 'signer-unknown' }],
    });
    expect((await verify('--at', '2026-01-01T00:00:00Z')).code).toBe(EXIT.usage);
  });

  it('refuses a file that is not what its manifest says, and tells where', async () => {
    await embed('app.wasm', 'full.wasm');
    const bytes = await readFile(at('full.wasm'));
    // A custom section in the nested module, and the sizes made to fit.
    const grown = Buffer.concat([
      bytes.subarray(0, 9),
      Buffer.from([MODULE.length + 4, ...MODULE, 0, 2, 1, 0x78]),
      bytes.subarray(18),
    ]);
    await writeFile(at('other.wasm'), grown);
    const { code, out } = await touchstone('verify', at('other.wasm'), '--json');
    expect(code).toBe(EXIT.refuted);
    expect(JSON.parse(out)).toMatchObject({
      ok: false,
      findings: [
        { step: 'manifest-binding', code: 'manifest-transplanted', node: '/', offset: 0 },
        { step: 'nodes', code: 'node-substituted', node: '/module[0]', offset: 10 },
        { step: 'components', code: 'node-substituted', node: '/module[0]', offset: 10 },
      ],
    });
    const attest = ['attest', at('other.wasm'), '--key', at('integrator.key'), '-o', at('b.json')];
    expect(await touchstone(...attest)).toEqual({
      code: EXIT.refuted,
      out: 'manifest-transplanted',
    });
  });

  it('tells usage, absence and refusal apart', async () => {
    expect(await touchstone('extract', at('app.wasm'))).toEqual({
      code: 3,
      out: 'manifest-missing',
    });
    expect(await touchstone('graph', at('none.wasm'))).toEqual({ code: 3, out: 'file-unreadable' });
    expect(await touchstone('verify', at('app.wasm'), '--evidence', at('x'))).toEqual({
      ...{ code: 2, out: 'usage' },
    });
    await writeFile(at('e.json'), '{}');
    const secret = ['--attestation', at('e.json'), '--public-key', at('integrator.key')];
    expect(await touchstone('verify', at('app.wasm'), ...secret)).toEqual({
      ...{ code: 2, out: 'public-key-malformed' },
    });
    expect((await touchstone('verify', at('app.wasm'))).out).toContain('manifest-missing');
    await writeFile(at('bad.json'), '{"components":[{"name":"x","path":"/module[9]"}]}');
    expect(
      await touchstone('embed', at('app.wasm'), '--claims', at('bad.json'), '-o', at('c.wasm')),
    ).toEqual({ code: EXIT.refuted, out: 'claim-unknown-node' });
  });
});

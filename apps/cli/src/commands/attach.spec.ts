import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Layout, pushArtifact } from '@touchstone/oci';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Command } from 'commander';
import type { Context } from '../context.js';
import { Terminal } from '../terminal.js';
import { registerAttach } from './attach.js';
import { registerFind } from './find.js';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'attach-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function run(...argv: string[]): Promise<{ code: number; text: string }> {
  let text = '';
  const stream = { write: (chunk: string) => ((text += chunk), true) } as never;
  const context: Context = {
    terminal: new Terminal(stream, { write: () => true } as never, { NO_COLOR: '1' }),
    environment: {},
    stop: new AbortController().signal,
    exitCode: 0,
  };
  const program = new Command().exitOverride();
  registerAttach(program, context);
  registerFind(program, context);
  await program.parseAsync(argv, { from: 'user' });
  return { code: context.exitCode, text };
}

describe('touchstone attach', () => {
  it('attaches evidence and envelopes, lists them, and refuses other files', async () => {
    const layout = join(folder, 'layout');
    const store = await Layout.create(layout);
    await pushArtifact(store, { artifactType: 'application/vnd.wasm', layers: [] }, 'v1');
    const [evidence, envelope, other] = ['e', 'd', 'o'].map((name) => join(folder, `${name}.json`));
    await writeFile(evidence!, '{"schema":"https://touchstone.dev/evidence/v1"}');
    const statement = { predicateType: 'https://slsa.dev/provenance/v1' };
    const payload = Buffer.from(JSON.stringify(statement)).toString('base64');
    await writeFile(envelope!, JSON.stringify({ payload, payloadType: 'x', signatures: [] }));
    await writeFile(other!, '{}');
    const reference = `oci-layout:${layout}:v1`;
    await expect(run('attach', reference, evidence!, other!)).rejects.toMatchObject({
      code: 'file-unknown',
    });
    expect(JSON.parse((await run('attach', reference, '--list', '--json')).text)).toMatchObject({
      referrers: [],
    });
    await run('attach', reference, evidence!, envelope!);
    const { text } = await run('attach', reference, '--list');
    expect(text).toContain('application/vnd.touchstone.evidence.v1+json');
    expect(text).toContain('application/vnd.dsse.envelope.v1+json');
    await expect(run('attach', reference)).rejects.toMatchObject({ code: 'files-missing' });
  });
});

describe('touchstone find', () => {
  it('lists what a folder holds, and says when it is nothing', async () => {
    await writeFile(join(folder, 'm.wasm'), Buffer.from('0061736d01000000', 'hex'));
    const { code, text } = await run('find', folder, '--json');
    expect(code).toBe(0);
    expect(JSON.parse(text)).toMatchObject({
      modules: [{ name: 'm', location: { kind: 'file', path: 'm.wasm' }, size: 8 }],
    });
    expect((await run('find', join(folder, 'o.json'))).code).toBe(1);
  });
});

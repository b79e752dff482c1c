import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveGraph } from '@touchstone/compose';
import { buyer, till } from '@touchstone/kit';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { EXIT } from '../failure.js';
import { registerCompose } from './compose.js';

let dir: string;
const at = (name: string): string => join(dir, name);
const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerCompose], ['compose', ...args]);
const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-compose-build-'));
  await writeFile(at('till.wasm'), till);
  await writeFile(at('buyer.wasm'), buyer);
  await touchstone('plan', at('till.wasm'), '--socket', at('buyer.wasm'), '-o', at('plan.json'));
});

afterAll(() => rm(dir, { recursive: true }));

async function changed(change: (plan: Record<string, unknown>) => void): Promise<string> {
  const plan = JSON.parse(await readFile(at('plan.json'), 'utf8')) as Record<string, unknown>;
  change(plan);
  await writeFile(at('changed.json'), JSON.stringify(plan));
  return at('changed.json');
}

describe('compose build', () => {
  it('composes what compose plan planned, and says who is given what', async () => {
    const ran = await touchstone('build', at('plan.json'), '-o', at('app.wasm'));
    expect(ran).toMatchObject({ code: EXIT.ok });
    expect(ran.out).toContain('demo:till/checkout@1.0.0 ← till, demo:till/checkout@1.0.0');
    const bytes = await readFile(at('app.wasm'));
    expect(ran.out).toContain(`sha256:${hex(bytes)}`);
    const digests = deriveGraph(bytes).nodes.map(({ digest }) => digest.sha256);
    expect(digests).toEqual(expect.arrayContaining([hex(till), hex(buyer)]));
  });

  it('writes nothing on a dry run, and finds components by digest in a folder', async () => {
    const bare = await changed(({ components }) => {
      for (const component of Object.values(components as Record<string, { file?: string }>))
        delete component.file;
    });
    const ran = await touchstone('build', bare, '--dry-run', '--folder', dir, '--json');
    expect(ran.code).toBe(EXIT.ok);
    const written = hex(await readFile(at('app.wasm')));
    expect(JSON.parse(ran.out)).toMatchObject({ file: null, digest: { sha256: written } });
    const lost = await touchstone('build', bare, '--dry-run', '--component', at('till.wasm'));
    expect(lost).toMatchObject({ code: EXIT.absent, error: 'component-unknown' });
  });

  it.each<[string, number, (plan: Record<string, unknown>) => void]>([
    ['plan-malformed', EXIT.refuted, (plan) => delete plan['components']],
    [
      'component-unknown',
      EXIT.refuted,
      (plan) => (plan['plug'] = { socket: 'x', plugs: ['till'] }),
    ],
    [
      'component-digest-mismatch',
      EXIT.refuted,
      ({ components }) => {
        (components as Record<string, { sha256: string }>)['till']!.sha256 = 'ab'.repeat(32);
      },
    ],
    [
      'file-unreadable',
      EXIT.absent,
      ({ components }) => {
        (components as Record<string, { file: string }>)['till']!.file = 'nowhere.wasm';
      },
    ],
  ])('refuses with %s', async (error, code, change) => {
    const ran = await touchstone('build', await changed(change), '--dry-run');
    expect(ran).toMatchObject({ code, error });
  });

  it('wants to know where to write', async () => {
    expect(await touchstone('build', at('plan.json'))).toMatchObject({ code: EXIT.usage });
  });
});

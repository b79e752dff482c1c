import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deriveGraph } from '@touchstone/compose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { EXIT } from '../failure.js';
import { registerCompose } from './compose.js';

/** Those of libs/compose/src/build/shop.fixture.ts. */
const till = Buffer.from(
  `
  AGFzbQ0AAQAB/AEAYXNtAQAAAAEKAmABfwF/YAABfwI2AR1bZXhwb3J0XWRlbW86dGlsbC90eXBlc0AxLjAuMBRbcmVzb3Vy
  Y2UtbmV3XWJhc2tldAAAAwMCAQAFAwEAAQdVAwZtZW1vcnkCAClkZW1vOnRpbGwvdHlwZXNAMS4wLjAjW2NvbnN0cnVjdG9y
  XWJhc2tldAABHGRlbW86dGlsbC9jaGVja291dEAxLjAuMCNwYXkAAgoNAgYAQSoQAAsEACAACwANBG5hbWUBBgEAA25ldwAv
  CXByb2R1Y2VycwEMcHJvY2Vzc2VkLWJ5AQ13aXQtY29tcG9uZW50BzAuMjI1LjAHBAE/fwAIAwECAAI9AgEBFFtyZXNvdXJj
  ZS1uZXddYmFza2V0AAAAAAEdW2V4cG9ydF1kZW1vOnRpbGwvdHlwZXNAMS4wLjASAAYMAQACAQEGbWVtb3J5BwcCaQBAAAAB
  Bi8BAAABASlkZW1vOnRpbGwvdHlwZXNAMS4wLjAjW2NvbnN0cnVjdG9yXWJhc2tldAgGAQAAAQACBH4AYXNtDQABAAoXAQAS
  aW1wb3J0LXR5cGUtYmFza2V0AwEHBwJpAEAAAAEKHgEAGWltcG9ydC1jb25zdHJ1Y3Rvci1iYXNrZXQBAgsMAQAGYmFza2V0
  AwAABwcCaQNAAAAECxsBABNbY29uc3RydWN0b3JdYmFza2V0AQABAQUFNQEAAAIZaW1wb3J0LWNvbnN0cnVjdG9yLWJhc2tl
  dAEAEmltcG9ydC10eXBlLWJhc2tldAMACxsBABVkZW1vOnRpbGwvdHlwZXNAMS4wLjAFAAAGCwEDAAEGYmFza2V0BwoCaANA
  AQFiBAB5BiIBAAABARxkZW1vOnRpbGwvY2hlY2tvdXRAMS4wLjAjcGF5CAYBAAACAAUEggEAYXNtDQABAAovAgASaW1wb3J0
  LXR5cGUtYmFza2V0AwEAE2ltcG9ydC10eXBlLWJhc2tldDADAAAHCgJoAUABAWICAHkKFAEAD2ltcG9ydC1mdW5jLXBheQED
  CwwBAAZiYXNrZXQDAAAHCgJoBEABAWIFAHkLCwEAA3BheQEAAQEGBUEBAAEDD2ltcG9ydC1mdW5jLXBheQEBEmltcG9ydC10
  eXBlLWJhc2tldAMDE2ltcG9ydC10eXBlLWJhc2tldDADAwseAQAYZGVtbzp0aWxsL2NoZWNrb3V0QDEuMC4wBQIAAC8JcHJv
  ZHVjZXJzAQxwcm9jZXNzZWQtYnkBDXdpdC1jb21wb25lbnQHMC4yMjUuMA==
`,
  'base64',
);
const buyer = Buffer.from(
  `
  AGFzbQ0AAQAHLgFCBAQABmJhc2tldAMBAWkAAUAAAAEEABNbY29uc3RydWN0b3JdYmFza2V0AQIKGgEAFWRlbW86dGlsbC90
  eXBlc0AxLjAuMAUABgsBAwAABmJhc2tldAcnAUIFAgMCAQEEAAZiYXNrZXQDAAABaAEBQAEBYgIAeQQAA3BheQEDCh0BABhk
  ZW1vOnRpbGwvY2hlY2tvdXRAMS4wLjAFAgHQAQBhc20BAAAAAQoCYAABf2ABfwF/AkwCFWRlbW86dGlsbC90eXBlc0AxLjAu
  MBNbY29uc3RydWN0b3JdYmFza2V0AAAYZGVtbzp0aWxsL2NoZWNrb3V0QDEuMC4wA3BheQABAwIBAAcdARlkZW1vOnRpbGwv
  ZnJvbnRAMS4wLjAjcnVuAAIKCAEGABAAEAELAA4EbmFtZQEHAgABYgEBcAAvCXByb2R1Y2VycwEMcHJvY2Vzc2VkLWJ5AQ13
  aXQtY29tcG9uZW50BzAuMjI1LjAGGAEBAAATW2NvbnN0cnVjdG9yXWJhc2tldAgFAQEAAAACGQEBARNbY29uc3RydWN0b3Jd
  YmFza2V0AAAGCAEBAAEDcGF5CAUBAQABAAI/AgEBA3BheQABAAACFWRlbW86dGlsbC90eXBlc0AxLjAuMBIAGGRlbW86dGls
  bC9jaGVja291dEAxLjAuMBIBBwUBQAAAeQYfAQAAAQIZZGVtbzp0aWxsL2Zyb250QDEuMC4wI3J1bggGAQAAAgADBDkAYXNt
  DQABAAcFAUAAAHkKFAEAD2ltcG9ydC1mdW5jLXJ1bgEABwUBQAAAeQsLAQADcnVuAQABAQEFFgEAAAEPaW1wb3J0LWZ1bmMt
  cnVuAQILGwEAFWRlbW86dGlsbC9mcm9udEAxLjAuMAUCAAAvCXByb2R1Y2VycwEMcHJvY2Vzc2VkLWJ5AQ13aXQtY29tcG9u
  ZW50BzAuMjI1LjA=
`,
  'base64',
);

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

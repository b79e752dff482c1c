import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { envelopeRequest, rebuildStatement, signEnvelope } from '@touchstone/attest';
import { generateKey, writePrivateKey } from '@touchstone/keys';
import { compile, readSymbolSvg, ROOT } from '@touchstone/kit';
import { cosignerKey, formatCosignerKey, toBase64, type Signer } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Program } from './child-process.js';
import { logVkey, ORIGIN, startLog, WitnessProcess } from './witness-stand.js';

/*
 * The third walk, as its users take it: processes, files and removable media. A log with a witness,
 * two sites with a chip each, three exports, parts, acknowledgements back into the log, and a log
 * that shows the sites two different trees.
 */

const rebuilders = ['Acme', 'Birch'].map((organisation) => ({
  id: organisation.toLowerCase(),
  organisation,
  key: generateKey('ecdsa-p256-sha256'),
}));
const exporter = generateKey('ecdsa-p256-sha256');
const logKey = generateKey('ed25519');

interface Run {
  readonly code: number;
  readonly json: Record<string, unknown>;
}

let dir: string;
let log: { program: Program; url: string };
let witness: WitnessProcess;
const chips: Program[] = [];

function touchstone(...args: string[]): Promise<Run> {
  const program = join(ROOT, 'apps/cli/bin/touchstone.js');
  return new Promise((resolve) => {
    execFile(process.execPath, [program, ...args, '--json'], { cwd: dir }, (error, out, said) => {
      const code = typeof error?.code === 'number' ? error.code : error ? -1 : 0;
      resolve({ code, json: (out === '' ? { said } : JSON.parse(out)) as Run['json'] });
    });
  });
}

const at = (name: string): string => join(dir, name);
const enrolled = ({ publicKey }: Signer) =>
  ({ algorithm: publicKey.algorithm as 'ed25519', spki: toBase64(publicKey.spki) }) as const;

async function reproduced(module: string, url = log.url): Promise<void> {
  const sha256 = Buffer.from(module).toString('hex').padEnd(64, '0');
  const digest = { sha256: createHash('sha256').update(module).digest('hex') };
  for (const { key } of rebuilders) {
    const file = { digest, size: module.length };
    const statement = rebuildStatement({
      outcome: 'reproduced',
      artifact: { uri: `pkg:npm/${module}@1.0.0`, digest: { sha512: sha256.repeat(2) } },
      recipe: { digest: { sha256 } },
      modules: [
        { name: 'main', outcome: 'reproduced', claimed: file, observed: file, normalisations: [] },
      ],
      environment: { sandbox: 'e2e', architecture: 'x86_64', network: 'none', variables: {} },
      startedOn: '2026-11-01T00:00:00Z',
      finishedOn: '2026-11-01T00:00:01Z',
    });
    const { request, attestation } = envelopeRequest(
      await signEnvelope(statement, key),
      key.publicKey,
    );
    await fetch(`${url}/v1/attestations/sha256:${attestation?.sha256}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream' },
      body: new Uint8Array(attestation?.bytes ?? []),
    });
    const answer = await fetch(`${url}/api/v2/log/entries`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(request),
    });
    expect(answer.status).toBe(201);
  }
}

/** A provisioned chip, and a site sealed by it. */
async function addSite(name: string): Promise<void> {
  const address = `unix:${at(`${name}.sock`)}`;
  const chip = new Promise<void>((ready, fail) => {
    const args = ['apps/cli/bin/touchstone.js', 'device', 'simulate', '--listen', address];
    const program = Program.spawn([...args, '--state', at(`${name}.eeprom`)]);
    chips.push(program);
    void program.ended.then(() => fail(new Error(program.said)));
    const look = setInterval(() => {
      if (!program.said.includes('listening')) return;
      clearInterval(look);
      ready();
    }, 20);
  });
  await chip;
  const key = `${name}.pub.pem`;
  expect(await touchstone('device', 'provision', '--chip', address)).toMatchObject({
    code: 0,
    json: { done: false },
  });
  expect(
    await touchstone('device', 'provision', '--chip', address, '--yes', '--out', key),
  ).toMatchObject({ code: 0, json: { done: true } });
  const trusted = ['--trust-root', 'trust-root.json'];
  const init = ['airgap', 'init', name, '--site', name, ...trusted, '--chip', address];
  expect((await touchstone(...init, '--witness-policy', 'policy')).code).toBe(0);
  expect((await touchstone('airgap', 'site', name, ...trusted, '--device-key', key)).code).toBe(0);
}

function exportTo(site: string, file: string, ...more: string[]): Promise<Run> {
  const options = ['--trust-root', 'trust-root.json', '--key', 'exporter.pem', '--log', log.url];
  return touchstone('airgap', 'export', site, ...options, '--out', file, ...more);
}

/** What a scanner makes of the QR code on a sheet. */
async function scan(sheet: string, text: string): Promise<void> {
  await writeFile(at(text), `${readSymbolSvg(await readFile(at(sheet), 'utf8'))}\n`);
}

/** Into a site, and its word back into the log: as a file, or as a sheet of paper. */
async function carry(site: string, file: string, back: 'json' | 'html' = 'json'): Promise<Run> {
  const imported = await touchstone('airgap', 'import', file, '--site', site);
  if (imported.code !== 0) return imported;
  const ack = `${file}.ack.${back}`;
  expect((await touchstone('airgap', 'ack', 'export', '--site', site, '--out', ack)).code).toBe(0);
  if (back === 'html') await scan(ack, `${file}.ack.txt`);
  const brought = back === 'html' ? `${file}.ack.txt` : ack;
  return touchstone('airgap', 'ack', 'import', brought, '--site', site, '--log', log.url);
}

beforeAll(async () => {
  await compile('apps/cli');
  dir = await mkdtemp(join(tmpdir(), 'airgap-e2e-'));
  witness = await WitnessProcess.make(dir, 'w1', logVkey(logKey));
  await witness.start();
  const courier = generateKey('ed25519');
  await writePrivateKey(at('mill-witness.pem'), courier);
  await mkdir(at('mill-w'));
  const vkey = formatCosignerKey(cosignerKey('mill.example', courier.publicKey));
  // No network reaches the witness at the mill, so it has no URL.
  await writeFile(at('policy'), `${witness.policyLine()}witness mill ${vkey}\nquorum w1\n`);
  log = await startLog(logKey, at('tiles'), at('policy'));
  await writePrivateKey(at('exporter.pem'), exporter);
  await writeFile(
    at('trust-root.json'),
    JSON.stringify({
      schema: 'https://touchstone.dev/trust-root/v1',
      version: 1,
      logs: [{ origin: ORIGIN, vkey: logVkey(logKey) }],
      rebuilders: rebuilders.map(({ id, organisation, key }) => ({
        ...{ id, organisation },
        keys: [enrolled(key)],
      })),
      policy: { quorum: 2 },
      exporters: [enrolled(exporter)],
    }),
  );
  await addSite('hut');
  await addSite('mill');
});

afterAll(async () => {
  for (const chip of chips) await chip.end('SIGTERM');
  await log.program.end('SIGTERM');
  await witness.end('SIGTERM');
  await rm(dir, { recursive: true, force: true });
});

describe('two sites', () => {
  it('get the log in parts, vouch for what is in it, and their word comes back', async () => {
    await reproduced('first');
    expect((await exportTo('hut', 'hut-1.tar')).json).toMatchObject({ from: 0, to: 2 });
    expect(
      (await touchstone('airgap', 'split', 'hut-1.tar', '--size', '4K', '--out', 'stick')).code,
    ).toBe(0);
    const [first = ''] = await readdir(at('stick'));
    await rm(at(`stick/${first}`));
    expect(await touchstone('airgap', 'join', 'stick', '--out', 'joined.tar')).toMatchObject({
      code: 1,
      json: { missing: [0] },
    });
    await touchstone('airgap', 'split', 'hut-1.tar', '--size', '4K', '--out', 'stick');
    expect((await touchstone('airgap', 'join', 'stick', '--out', 'joined.tar')).code).toBe(0);
    expect(await touchstone('airgap', 'import', 'joined.tar', '--site', 'mill')).toMatchObject({
      code: 1,
      json: { error: { code: 'wrong-site' } },
    });
    expect(await carry('hut', 'joined.tar')).toMatchObject({
      code: 0,
      json: { site: 'hut', counter: 1, verdict: 'OK', checkpoint: { size: 2 } },
    });
    await writeFile(at('first.wasm'), 'first');
    await writeFile(at('other.wasm'), 'other');
    const vouched = await touchstone('device', 'verify-artifact', 'first.wasm', '--site', 'hut');
    expect(vouched).toMatchObject({ code: 0, json: { vouched: true } });
    const unknown = await touchstone('device', 'verify-artifact', 'other.wasm', '--site', 'hut');
    expect(unknown).toMatchObject({ code: 3, json: { vouched: false } });
  });

  it('go on with deltas, each from where it stands, the acknowledgement among them', async () => {
    await reproduced('second');
    expect((await exportTo('hut', 'hut-2.tar', '--frontier')).json).toMatchObject({
      from: 2,
      // The acknowledgement of the first import is an entry by now.
      to: 5,
      entries: 3,
    });
    expect((await exportTo('mill', 'mill-1.tar')).json).toMatchObject({ from: 0, to: 5 });
    expect((await carry('hut', 'hut-2.tar')).json).toMatchObject({ counter: 2 });
    expect((await carry('mill', 'mill-1.tar', 'html')).json).toMatchObject({ counter: 1 });
    expect((await touchstone('airgap', 'import', 'hut-1.tar', '--site', 'hut')).json).toMatchObject(
      {
        error: { code: 'rollback' },
      },
    );
    const report = await touchstone('airgap', 'report', '--site', 'hut', '--html', 'report.html');
    expect(report.code).toBe(0);
    expect(await readFile(at('report.html'), 'utf8')).toContain('Import report');
  });

  it('get a checkpoint on paper', async () => {
    const source = ['--trust-root', 'trust-root.json', '--log', log.url];
    const print = ['checkpoint', 'export', 'mill', ...source, '--out', 'sheet.svg'];
    const sheet = await touchstone('airgap', ...print);
    expect(sheet).toMatchObject({ code: 0, json: { from: 5 } });
    await scan('sheet.svg', 'sheet.txt');
    const check = ['checkpoint', 'check', 'sheet.txt', '--site', 'mill'];
    expect(await touchstone('airgap', ...check)).toMatchObject({
      code: 0,
      json: { verdict: 'OK', from: 5, to: sheet.json['size'] },
    });
  });

  it('have a witness at a site cosign by courier, which the log publishes', async () => {
    const source = ['--trust-root', 'trust-root.json', '--log', log.url];
    const out = ['checkpoint', 'export', 'mill', '--for-witness', ...source, '--out', 'out.cbor'];
    expect(await touchstone('airgap', ...out)).toMatchObject({ code: 0, json: { from: 0 } });
    const offline = ['--name', 'mill.example', '--key', 'mill-witness.pem', '--state', 'mill-w'];
    const cosign = (slip: string, ...more: string[]): Promise<Run> =>
      touchstone(
        ...['airgap', 'checkpoint', 'cosign', slip, ...offline, '--log', logVkey(logKey)],
        ...['--time', '1800000000', ...more],
      );
    expect(await cosign('out.cbor', '--out', 'back.svg')).toMatchObject({
      code: 0,
      json: { signatures: `${ORIGIN}, mill.example` },
    });
    await scan('back.svg', 'back.txt');
    const publish = ['checkpoint', 'publish', 'back.txt', '--site', 'mill', '--log', log.url];
    expect(await touchstone('airgap', ...publish)).toMatchObject({
      code: 0,
      json: { cosignatures: [{ witness: 'mill', timestamp: 1_800_000_000 }] },
    });
    const published = await (await fetch(`${log.url}/checkpoint`)).text();
    expect(published).toContain('mill.example');
    // The same again is no longer what the witness stands at, and what it cosigned it never unsays.
    expect(await cosign('out.cbor')).toMatchObject({
      code: 1,
      json: { error: { code: 'witness-conflict' } },
    });
    await reproduced('after-courier');
    const next = [...out.slice(0, -1), 'next.cbor'];
    const size = Number(published.split('\n')[1]);
    expect((await touchstone('airgap', ...next)).json).toMatchObject({ from: size });
    // A bundle as of the checkpoint that the courier brought back.
    const exported = await exportTo('mill', 'couriered.tar', '--checkpoint', 'back.txt');
    expect(exported).toMatchObject({ code: 0, json: { to: size } });
  });

  it('find out an old disk, and an acknowledgement that was kept back', async () => {
    await cp(at('hut'), at('hut-old'), { recursive: true });
    await reproduced('third');
    await exportTo('hut', 'hut-3.tar');
    await touchstone('airgap', 'import', 'hut-3.tar', '--site', 'hut');
    await reproduced('fourth');
    await exportTo('hut', 'hut-4.tar');
    await touchstone('airgap', 'import', 'hut-4.tar', '--site', 'hut');
    await touchstone('airgap', 'ack', 'export', '--site', 'hut', '--out', 'late.cbor');
    expect(
      (await touchstone('airgap', 'ack', 'import', 'late.cbor', '--site', 'hut')).json,
    ).toMatchObject({
      error: { code: 'acknowledgement-gap' },
    });
    await rm(at('hut'), { recursive: true });
    await cp(at('hut-old'), at('hut'), { recursive: true });
    expect((await touchstone('device', 'status', '--site', 'hut')).json).toMatchObject({
      error: { code: 'state-rollback' },
    });
  });

  it('expose a log that forked, with both signed checkpoints; the witness never cosigned it', async () => {
    await writeFile(at('no-policy'), 'quorum none\n');
    const forked = await startLog(logKey, at('forked'), at('no-policy'));
    try {
      for (const module of ['a', 'b', 'c', 'd', 'e', 'f']) await reproduced(module, forked.url);
      const honest = log.url;
      log = { ...log, url: forked.url };
      expect((await exportTo('mill', 'forked.tar')).json).toMatchObject({
        error: { code: 'acknowledgement-fork' },
      });
      // An exporter that hides what the site acknowledged packs it all the same.
      await rm(at('sites/mill.json'));
      const trusted = ['--trust-root', 'trust-root.json', '--device-key', 'mill.pub.pem'];
      await touchstone('airgap', 'site', 'mill', ...trusted);
      expect((await exportTo('mill', 'forked.tar')).code).toBe(0);
      log = { ...log, url: honest };
      const refused = await touchstone('airgap', 'import', 'forked.tar', '--site', 'mill');
      expect(refused).toMatchObject({ code: 1, json: { error: { code: 'fork' } } });
      const [ours, theirs] = await Promise.all(
        ['ours', 'theirs'].map((name) => readFile(at(`mill/fork-${name}.note`), 'utf8')),
      );
      expect(ours).toContain('w1.example');
      expect(theirs).not.toContain('w1.example');
    } finally {
      await forked.program.end('SIGTERM');
    }
  });
});

import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { digestKey, mapCommitmentLeaf, signerKey, type MapCommitment } from '@touchstone/attest';
import { generateKey, nodeVerifier } from '@touchstone/keys';
import { keyId, noteSigner, openCheckpoint, toBase64 } from '@touchstone/note';
import { lockFolder, PosixStorage, Tlog } from '@touchstone/tlog';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { Findings, type Finding } from './findings.js';
import { ORIGIN, sha256Hex, startLiar, TestLog } from './log.fixture.js';
import { LogSource } from './log-source.js';
import { MonitorFolder, parseState } from './monitor-state.js';
import { Monitor, type MonitorStep, type WatchTarget } from './monitor.js';
import { isPublicAddress, Webhook } from './webhook.js';

const alice = generateKey('ed25519');
const bob = generateKey('ed25519');
const module = sha256Hex('a module');

let dir: string;
let log: TestLog;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'touchstone-monitor-'));
  log = await TestLog.start();
});

afterEach(async () => {
  await log.remove();
  await rm(dir, { recursive: true, force: true });
});

interface Look extends MonitorStep {
  readonly findings: Finding[];
}

/** One look by a process of its own: all it knows is in the folder. */
async function look(url = log.url, watch: WatchTarget[] = []): Promise<Look> {
  const folder = await MonitorFolder.open(dir);
  const kept = await Findings.open(dir, undefined, () => new Date(0));
  const findings: Finding[] = [];
  const monitor = await Monitor.open({
    source: new LogSource(url),
    folder,
    logs: [log.vkey],
    watch,
    report: async (finding) => {
      await kept.report(finding);
      findings.push(finding);
    },
  });
  try {
    return { ...(await monitor.step()), findings };
  } finally {
    await monitor.close();
  }
}

const digest = (hex: string): WatchTarget => ({
  text: `sha256:${hex}`,
  key: digestKey('sha256', hex),
});

describe('a monitor', () => {
  it('reads every leaf and makes every committed map again', async () => {
    for (let i = 0; i < 3; i++) await log.add(`entry ${i}`, [module], alice);
    await log.committed(3);
    const first = await look();
    expect(first.findings).toEqual([]);
    expect(first.mapSize).toBeGreaterThanOrEqual(3);
    const last = await log.add('later', [module], bob);
    await log.committed(last + 1);
    const second = await look();
    expect(second).toMatchObject({ findings: [], stopped: false });
    expect(second.mapSize).toBeGreaterThan(last);
    // Once more, with nothing new.
    expect(await look()).toEqual(second);
    expect((await readdir(join(dir, 'checkpoints'))).length).toBe(2);
  });

  it('makes its own map again when the files of it are damaged', async () => {
    await log.add('one', [module], alice);
    await log.committed(1);
    await look();
    const buckets = join(dir, 'map', 'buckets.0');
    await writeFile(buckets, (await readFile(buckets)).fill(0));
    const last = await log.add('two', [module], alice);
    await log.committed(last + 1);
    const after = await look();
    expect(after).toMatchObject({ findings: [], stopped: false });
    expect(after.mapSize).toBeGreaterThan(last);
  });

  it('tells of what is watched, once', async () => {
    await log.add('unrelated', [sha256Hex('x')], alice);
    const hit = await log.add('about it', [module], bob);
    const id = keyId(bob.publicKey);
    const watch = [digest(module), { text: `signer:${id}`, key: signerKey(id) }];
    const { findings } = await look(log.url, watch);
    expect(findings).toEqual([
      {
        kind: 'watched',
        origin: ORIGIN,
        index: hit,
        targets: watch.map(({ text }) => text),
        certain: true,
      },
    ]);
    expect((await look(log.url, watch)).findings).toEqual([]);
  });

  it('finds a log that signs two histories, and keeps both checkpoints', async () => {
    await log.add('seen', [module], alice);
    await look();
    const before = await (await fetch(`${log.url}/checkpoint`)).text();
    // The same key, another history: as long, then longer.
    await log.stop();
    await rm(log.dir, { recursive: true });
    await log.restart();
    await log.add('something else', [sha256Hex('y')], bob);
    const { findings, stopped } = await look();
    expect(stopped).toBe(true);
    const after = await (await fetch(`${log.url}/checkpoint`)).text();
    const [fork] = findings;
    if (fork?.kind !== 'fork') return expect.fail('a fork');
    expect(fork.checkpoints[0].split('\n')[0]).toBe(before.split('\n')[0]);
    for (const note of fork.checkpoints) await openCheckpoint(note, [log.vkey], nodeVerifier);
    expect(fork.checkpoints[0]).not.toBe(fork.checkpoints[1]);
    expect(after).not.toBe(before);
    // It is found again at every look, and what was seen first stays.
    expect((await look()).stopped).toBe(true);
    const [file] = (await readdir(join(dir, 'findings'))).filter((name) =>
      name.startsWith('fork-'),
    );
    const document = JSON.parse(
      await readFile(join(dir, 'findings', file as string), 'utf8'),
    ) as Finding;
    expect(document).toMatchObject({ kind: 'fork', checkpoints: fork.checkpoints });
  });

  it('is not alarmed by an older checkpoint out of a cache', async () => {
    await log.add('one', [module], alice);
    const old = await (await fetch(`${log.url}/checkpoint`)).arrayBuffer();
    await log.add('two', [module], alice);
    const now = await look();
    const cache = await startLiar(
      () => log.url,
      (path, answer) => (path === '/checkpoint' ? { status: 200, body: Buffer.from(old) } : answer),
    );
    try {
      expect(await look(cache.url)).toMatchObject({ findings: [], size: now.size });
    } finally {
      await cache.close();
    }
  });

  it('finds leaves that are not those of the signed tree', async () => {
    await log.add('one', [module], alice);
    const liar = await startLiar(
      () => log.url,
      (path, answer) => {
        if (!path.startsWith('/tile/entries')) return answer;
        const body = Buffer.from(answer.body);
        body[body.length - 9] = (body[body.length - 9] ?? 0) ^ 1;
        return { status: 200, body };
      },
    );
    try {
      const { findings } = await look(liar.url);
      expect(findings.map(({ kind }) => kind)).toEqual(['tiles-wrong']);
    } finally {
      await liar.close();
    }
  });

  it('tells of an attestation that the log had and does not hand out, and waits for it', async () => {
    await log.add('one', [module], alice);
    await log.committed(1);
    const liar = await startLiar(
      () => log.url,
      (path, answer) =>
        path.startsWith('/v1/attestations') ? { status: 404, body: Buffer.from('') } : answer,
    );
    try {
      const without = await look(liar.url);
      expect(without.findings.map(({ kind }) => kind)).toEqual(['attestation-missing']);
      expect(without.mapSize).toBe(0);
      const watched = await look(liar.url, [digest(module)]);
      expect(watched.findings.map(({ kind }) => kind)).toEqual(['attestation-missing']);
    } finally {
      await liar.close();
    }
    const { findings, mapSize } = await look();
    expect(findings).toEqual([]);
    expect(mapSize).toBeGreaterThan(0);
  });

  it('says of an entry that it cannot read that it may be the one watched', async () => {
    const index = await log.add('one', [module], alice);
    const liar = await startLiar(
      () => log.url,
      (path, answer) =>
        path.startsWith('/v1/attestations') ? { status: 404, body: Buffer.from('') } : answer,
    );
    try {
      const { findings } = await look(liar.url, [digest(module)]);
      expect(findings[0]).toMatchObject({ kind: 'watched', index, certain: false });
    } finally {
      await liar.close();
    }
  });
});

describe('a committed map is found wrong when', () => {
  const root = toBase64(new Uint8Array(32).fill(7));
  const lies: [string, RegExp, (honest: MapCommitment) => MapCommitment][] = [
    ['an entry is left out of it', /another root/, (honest) => ({ ...honest, mapRoot: root })],
    ['it counts other keys', /keys/, (honest) => ({ ...honest, keys: honest.keys + 1 })],
    [
      'it says that an attestation was absent which was not, and has its keys',
      /another root/,
      (honest) => ({ ...honest, absent: [[0, 1]] }),
    ],
    ['it leaves out leaves', /continues a map/, (honest) => ({ ...honest, previous: 1 })],
    [
      'it covers leaves to come',
      /after itself/,
      (honest) => ({ ...honest, treeSize: honest.treeSize + 5 }),
    ],
    ['it names another log', /signed/, (honest) => ({ ...honest, origin: 'other.example/log' })],
  ];

  it.each(lies)('%s', async (_, why, lie) => {
    await log.restart({ LOG_MAP: 'off' });
    await log.add('one', [module], alice);
    await log.add('dissent', [module], bob);
    await log.restart();
    await log.committed(2);
    const [one, dissent, committed] = await new LogSource(log.url).leaves(0, 3, 3);
    const honest = (
      JSON.parse(new TextDecoder().decode(committed)) as { spec: { commitment: MapCommitment } }
    ).spec.commitment;
    expect(honest.treeSize).toBe(2);
    // A log of the same leaves whose operator commits to something else.
    const lying = await mkdtemp(join(tmpdir(), 'touchstone-lying-'));
    const engine = await Tlog.open({
      storage: new PosixStorage(lying),
      signer: noteSigner(ORIGIN, log.key),
      lock: await lockFolder(lying),
      verify: nodeVerifier,
    });
    for (const leaf of [one, dissent]) await engine.append(leaf as Uint8Array);
    const leaf = await mapCommitmentLeaf(lie(honest), log.key);
    await (
      await engine.append(leaf)
    ).published;
    await engine.close();
    const tiles = new PosixStorage(lying);
    const server = await startLiar(
      () => log.url,
      async (path, answer) => {
        const name = path.slice(1);
        if (name !== 'checkpoint' && !name.startsWith('tile/')) return answer;
        const bytes = await tiles.read(name);
        return bytes
          ? { status: 200, body: Buffer.from(bytes) }
          : { status: 404, body: Buffer.of() };
      },
    );
    try {
      const { findings, stopped } = await look(server.url);
      expect(stopped).toBe(true);
      const [finding] = findings;
      if (finding?.kind !== 'map-wrong') return expect.fail(JSON.stringify(findings));
      expect(finding.why).toMatch(why);
    } finally {
      await server.close();
      await rm(lying, { recursive: true });
    }
  });
});

describe('the webhook', () => {
  it.each([
    'http://127.0.0.1/x',
    'http://[::1]/x',
    'http://10.1.2.3/',
    'http://169.254.169.254/latest',
    'http://[::ffff:10.0.0.1]/',
    'http://0x7f000001/',
    'ftp://example.org/',
    'nonsense',
  ])('is refused at %s', (url) => {
    expect(() => new Webhook(url, false)).toThrow(
      expect.objectContaining({ code: 'webhook-refused' }),
    );
  });

  it('is refused when its name stands for a private address', async () => {
    const webhook = new Webhook('http://localhost:9/x', false);
    await expect(webhook.send('{}')).rejects.toMatchObject({ code: 'webhook-refused' });
  });

  it.each([
    ['8.8.8.8', true],
    ['2606:4700::1111', true],
    ['192.168.1.1', false],
    ['100.64.0.1', false],
    ['fd00::1', false],
    ['fe80::1', false],
    ['::ffff:8.8.8.8', false],
    ['2002:a00:1::', false],
    ['no address', false],
  ])('knows whether %s is public', (address, isPublic) => {
    expect(isPublicAddress(address)).toBe(isPublic);
  });

  it('is told of a finding until it took it, then never again', async () => {
    const bodies: string[] = [];
    let status = 500;
    const server = createServer((request, response) => {
      request.on('data', (chunk: Buffer) => bodies.push(chunk.toString()));
      request.on('end', () => response.writeHead(status).end());
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
    const findings = await Findings.open(dir, new Webhook(url, true), () => new Date(0));
    const finding: Finding = { kind: 'tiles-wrong', origin: ORIGIN, checkpoint: 'note' };
    await expect(findings.report(finding)).rejects.toMatchObject({ code: 'webhook-failed' });
    status = 200;
    await findings.report(finding);
    await findings.report(finding);
    expect(bodies).toHaveLength(2);
    expect(JSON.parse(bodies[1] as string)).toMatchObject(finding);
    await new Promise((done) => server.close(done));
  });
});

it('a state file of any other content is refused, never misread', () => {
  const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value));
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array(), fc.jsonValue().map(bytes)), (input) => {
      expect(() => parseState(input, 'state.json')).toThrow(
        expect.objectContaining({ code: 'monitor-state' }),
      );
    }),
    { seed: 60, numRuns: 300 },
  );
});

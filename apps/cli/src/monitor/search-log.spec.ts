import {
  digestKey,
  nameKey,
  predicateKey,
  signerKey,
  type SearchAnswer,
  type SearchTarget,
} from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { keyId } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sha256Hex, startLiar, TestLog, type Answered } from './log.fixture.js';
import { LogSource } from './log-source.js';
import { searchLog, type SearchReport } from './search-log.js';

const alice = generateKey('ed25519');
const bob = generateKey('ecdsa-p256-sha256');
const module = sha256Hex('a module');
const other = sha256Hex('another module');
const unheardOf = sha256Hex('never logged');

let log: TestLog;
let indices: number[];

beforeAll(async () => {
  log = await TestLog.start();
  indices = [
    await log.add('reproduced', [module], alice),
    await log.add('elsewhere', [other], alice),
    await log.add('different', [module, other], bob),
  ];
  await log.committed((indices.at(-1) ?? 0) + 1);
});

afterAll(() => log.remove());

function search(hex: string, url = log.url, logs = [log.vkey]): Promise<SearchReport> {
  return searchLog({
    source: new LogSource(url),
    targets: [{ key: digestKey('sha256', hex), query: { digest: `sha256:${hex}` } }],
    logs,
    signers: [alice, bob].map(({ publicKey }) => keyId(publicKey)),
    maxScan: 1000,
  });
}

const checkpoint = async (): Promise<string> => (await fetch(`${log.url}/checkpoint`)).text();
const found = (report: SearchReport): number[] => report.entries.map(({ index }) => index);
const code = (name: string | RegExp): unknown =>
  expect.objectContaining({ code: expect.stringMatching(name) as unknown });

describe('a search', () => {
  it('finds every entry that speaks of a digest, and proves it', async () => {
    const report = await search(module);
    expect(found(report)).toEqual([indices[0], indices[2]]);
    expect(report.entries.every(({ by, confirmed }) => by === 'map' && confirmed)).toBe(true);
    expect(report.unread).toEqual([]);
    expect(report.search.commitment.treeSize).toBeGreaterThanOrEqual(3);
    const { size } = report.search.checkpoint;
    expect(report.scanned).toBe(size - report.search.commitment.treeSize);
  });

  it('proves that there is none', async () => {
    const report = await search(unheardOf);
    expect(report.entries).toEqual([]);
    expect(report.search.found.count).toBe(0);
  });

  it('finds by signer', async () => {
    const id = keyId(bob.publicKey);
    const report = await searchLog({
      source: new LogSource(log.url),
      targets: [{ key: signerKey(id), query: { signer: id } }],
      logs: [log.vkey],
      signers: [],
      maxScan: 1000,
    });
    expect(found(report)).toEqual([indices[2]]);
    expect(report.entries[0]?.signers).toEqual([id]);
  });

  const PREDICATE = 'https://example.org/seen/v1';
  const byKey = (signer: typeof alice): SearchTarget => {
    const id = keyId(signer.publicKey);
    return { key: signerKey(id), query: { signer: id } };
  };
  it.each<[string, SearchTarget[], number[]]>([
    ['a subject name', [{ key: nameKey('elsewhere'), query: { name: 'elsewhere' } }], [1]],
    ['a name that no subject has', [{ key: nameKey('else'), query: { name: 'else' } }], []],
    [
      'a predicate type',
      [{ key: predicateKey(PREDICATE), query: { predicateType: PREDICATE } }],
      [0, 1, 2],
    ],
    ['all keys of an organisation', [byKey(bob), byKey(alice)], [0, 1, 2]],
  ])('finds by %s', async (_, targets, expected) => {
    const report = await searchLog({
      source: new LogSource(log.url),
      targets: targets as [SearchTarget, ...SearchTarget[]],
      logs: [log.vkey],
      signers: [],
      maxScan: 1000,
    });
    expect(found(report)).toEqual(expected.map((at) => indices[at]));
    expect(report.entries.every(({ confirmed }) => confirmed)).toBe(true);
  });

  it('leaves out what came at another time', async () => {
    const now = Math.floor(Date.now() / 1000);
    const during = async (time: { since?: number; until?: number }): Promise<number[]> => {
      const options = { source: new LogSource(log.url), targets: [byKey(alice)], time } as const;
      const report = await searchLog({ ...options, logs: [log.vkey], signers: [], maxScan: 1000 });
      return found(report);
    };
    expect(await during({ since: now - 3600, until: now + 3600 })).toEqual(indices.slice(0, 2));
    expect(await during({ since: now + 3600 })).toEqual([]);
    expect(await during({ until: now - 3600 })).toEqual([]);
    const { from, to } = await new LogSource(log.url).times({});
    expect([from, to]).toEqual([0, Number((await checkpoint()).split('\n')[1])]);
  });

  it('trusts no other key than those it was given', async () => {
    const stranger = await TestLog.start();
    try {
      await expect(search(module, log.url, [stranger.vkey])).rejects.toEqual(
        code('checkpoint-signature'),
      );
    } finally {
      await stranger.remove();
    }
  });

  it('reads the leaves after the map itself, however old a map it is given', async () => {
    const old = await fetch(`${log.url}/v1/search?digest=sha256:${module}`);
    const stale = Buffer.from(await old.arrayBuffer());
    const late = await log.add('late', [module], bob);
    // The log's newest checkpoint, so that the late entry is in its tree.
    const note = await (await fetch(`${log.url}/checkpoint`)).text();
    const size = Number(note.split('\n')[1]);
    const liar = await startLiar(
      () => log.url,
      async (path, answer) => {
        if (!path.startsWith('/v1/search?digest')) return answer;
        const body = JSON.parse(stale.toString()) as SearchAnswer;
        const { index } = body.commitment;
        const proof = await fetch(`${log.url}/v1/proof/inclusion?index=${index}&size=${size}`);
        const { hashes } = (await proof.json()) as { hashes: string[] };
        const commitment = { ...body.commitment, inclusionProof: hashes };
        return json({ ...body, checkpoint: note, commitment });
      },
    );
    try {
      const report = await search(module, liar.url);
      expect(found(report)).toEqual([indices[0], indices[2], late]);
      expect(report.entries.at(-1)?.by).toBe('scan');
    } finally {
      await liar.close();
    }
    await log.committed(late + 1);
  });
});

function json(value: unknown): Answered {
  return { status: 200, body: Buffer.from(JSON.stringify(value)) };
}

type Spoil = (answer: SearchAnswer) => unknown;

/** What a log could answer to keep the entry of bob, who dissents, from being seen. */
const lies: [string, RegExp, Spoil][] = [
  [
    'leaves it off the page',
    /^map-page$/,
    ({ found, ...rest }) => ({
      ...rest,
      found: { ...found, page: { ...found.page, indices: found.page?.indices.slice(0, 1) } },
    }),
  ],
  [
    'shortens the list with it',
    /^map-(?:page|proof)$/,
    ({ found, ...rest }) => ({
      ...rest,
      found: {
        ...found,
        list: { ...found.list, count: 1 },
        page: { ...found.page, indices: found.page?.indices.slice(0, 1) },
      },
    }),
  ],
  [
    'names another entry in its place',
    /^map-page$/,
    ({ found, ...rest }) => ({
      ...rest,
      found: {
        ...found,
        page: { ...found.page, indices: [found.page?.indices[0], 1].sort() },
      },
    }),
  ],
  [
    'leaves the page out',
    /^map-page$/,
    ({ found: { siblings, list }, ...rest }) => ({ ...rest, found: { siblings, list } }),
  ],
  [
    'says that the digest is not there',
    /^map-proof$/,
    ({ found: { siblings }, ...rest }) => ({ ...rest, found: { siblings } }),
  ],
  [
    "shows another key's leaf instead",
    /^map-proof$/,
    ({ found: { siblings, list }, ...rest }) => ({
      ...rest,
      found: { siblings, other: { key: sha256Hex('x'), ...list } },
    }),
  ],
  [
    'keeps silent on what it could not read',
    /^map-proof$/,
    ({ unread, ...rest }) => ({ ...rest, unread: { siblings: unread.siblings.slice(1) } }),
  ],
  [
    'commits to a map that nobody logged',
    /^map-commitment-signature$/,
    ({ commitment, ...rest }) => {
      const leaf = Buffer.from(commitment.leaf, 'base64').toString();
      const forged = leaf.replace(/"mapRoot":"..../, '"mapRoot":"AAAA');
      return {
        ...rest,
        commitment: { ...commitment, leaf: Buffer.from(forged).toString('base64') },
      };
    },
  ],
  [
    'says that the commitment is another leaf',
    /^(?:inclusion-proof|map-commitment-mismatch)$/,
    ({ commitment, ...rest }) => ({
      ...rest,
      commitment: { ...commitment, index: commitment.index - 1 },
    }),
  ],
  ['answers nonsense', /^(?:search-malformed|malformed-answer)$/, () => ({ found: [] })],
];

describe('a log that lies is refused when it', () => {
  it.each(lies)('%s', async (_, expected, spoil) => {
    const liar = await startLiar(
      () => log.url,
      (path, answer) =>
        path.startsWith('/v1/search')
          ? json(spoil(JSON.parse(answer.body.toString()) as SearchAnswer))
          : answer,
    );
    try {
      await expect(search(module, liar.url)).rejects.toEqual(code(expected));
    } finally {
      await liar.close();
    }
  });

  it('answers for another digest', async () => {
    const liar = await startLiar(
      () => log.url,
      async (path, answer) => {
        if (!path.startsWith('/v1/search')) return answer;
        const swapped = await fetch(log.url + path.replace(module, unheardOf));
        return { status: 200, body: Buffer.from(await swapped.arrayBuffer()) };
      },
    );
    try {
      await expect(search(module, liar.url)).rejects.toEqual(code(/^map-proof$/));
    } finally {
      await liar.close();
    }
  });

  it('hides the attestation: the entry stays on the list, marked as not seen', async () => {
    const liar = await startLiar(
      () => log.url,
      (path, answer) =>
        path.startsWith('/v1/attestations') ? { status: 404, body: Buffer.from('{}') } : answer,
    );
    try {
      const report = await search(module, liar.url);
      expect(found(report)).toEqual(expect.arrayContaining([indices[0], indices[2]]));
      expect(report.entries.every(({ confirmed }) => !confirmed)).toBe(true);
    } finally {
      await liar.close();
    }
  });
});

describe('the map of a log', () => {
  it('comes back from its journal, and without it from tiles and attestations', async () => {
    const before = await search(module);
    await log.restart();
    expect(found(await retried(() => search(module)))).toEqual(found(before));
    await log.stop();
    await rm(join(log.dir, 'map'), { recursive: true });
    await log.restart();
    // Earlier maps are answered from while later ones are made.
    await log.committed(before.search.commitment.treeSize);
    const after = await search(module);
    expect(found(after)).toEqual(found(before));
    expect(after.search.commitment).toEqual(before.search.commitment);
  });

  it('is made again when its files turn out to be damaged', async () => {
    const before = await search(module);
    await log.stop();
    const map = join(log.dir, 'map');
    const buckets = (await readdir(map)).find((name) => name.startsWith('buckets.')) ?? '';
    await writeFile(join(map, buckets), (await readFile(join(map, buckets))).fill(0));
    await log.restart();
    // Refused while it is damaged, and never answered wrongly.
    const after = await retried(() => search(module));
    expect(found(after)).toEqual(found(before));
    expect(after.search.commitment).toEqual(before.search.commitment);
  });

  it('is not committed to again while nothing is logged', async () => {
    const { size } = (await search(module)).search.checkpoint;
    await new Promise((done) => setTimeout(done, 300));
    expect((await search(module)).search.checkpoint.size).toBe(size);
  });

  it('names an entry whose attestation was gone, and does so for good', async () => {
    const gone = await TestLog.start({ LOG_MAP: 'off' });
    try {
      await gone.add('first', [module], alice);
      const dissent = await gone.add('dissent', [module], bob);
      await rm(join(gone.dir, 'attestations'), { recursive: true });
      await gone.restart();
      await gone.committed(2);
      const report = await search(module, gone.url, [gone.vkey]);
      expect(report.entries).toEqual([]);
      expect(report.unread).toContain(dissent);
      await gone.stop();
      await rm(join(gone.dir, 'map'), { recursive: true });
      await gone.restart();
      await gone.committed(report.search.commitment.treeSize);
      const again = await search(module, gone.url, [gone.vkey]);
      expect(again.search.commitment).toEqual(report.search.commitment);
    } finally {
      await gone.remove();
    }
  });

  it('names what a signer that counts did not hand in, and passes over that of others', async () => {
    const bare = await TestLog.start();
    try {
      await bare.add('seen', [module], alice);
      const hidden = await bare.add('withheld', [module], bob, false);
      await bare.add('of no concern', [module], generateKey('ecdsa-p256-sha256'), false);
      // Once as one of the leaves after the map, if the map is not there yet, and once by the map.
      for (const covered of [1, 3]) {
        await bare.committed(covered);
        const report = await search(module, bare.url, [bare.vkey]);
        expect(report.unread).toEqual([hidden]);
        expect(report.entries).toHaveLength(1);
      }
    } finally {
      await bare.remove();
    }
  });

  it('pages a list of more than a page', async () => {
    const many = await TestLog.start({ LOG_MAP_SECONDS: '0.5' });
    try {
      const all = await Promise.all(
        Array.from({ length: 300 }, (_, i) => many.add(`entry ${i}`, [module], alice)),
      );
      await many.committed(300);
      const report = await search(module, many.url, [many.vkey]);
      expect(report.entries.filter(({ by }) => by === 'map').length).toBeGreaterThanOrEqual(257);
      expect(found(report).sort((a, b) => a - b)).toEqual(all.sort((a, b) => a - b));
    } finally {
      await many.remove();
    }
    // Three hundred requests at once, on a machine that has other things to do.
  }, 120_000);
});

/** A map that is being made is waited for. */
async function retried(attempt: () => Promise<SearchReport>): Promise<SearchReport> {
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      const { problem } = error as { problem?: { code: string } };
      if (problem?.code !== 'map-not-ready') throw error;
      await new Promise((done) => setTimeout(done, 20));
    }
  }
}

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  encodeSearchEvidence,
  mapKeyOf,
  parseSearchEvidence,
  SearchEvidenceSource,
  type Asked,
  type EntrySearch,
  type SearchEvidence,
  type SearchTarget,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey } from '@touchstone/keys';
import { cosign, cosignerKey, encodeUtf8, formatCosignerKey } from '@touchstone/note';
import { formatNote, keyId, parseNote, parseWitnessPolicy, toBase64 } from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { registerSearch } from '../commands/search.js';
import { sha256Hex, TestLog } from './log.fixture.js';
import { LogSource } from './log-source.js';
import { recordSearch, searchBy, type SearchTerms } from './search-log.js';

const alice = generateKey('ed25519');
const bob = generateKey('ecdsa-p256-sha256');
const module = sha256Hex('a module');

let log: TestLog;
let dir: string;
let terms: SearchTerms;
let online: EntrySearch;
let kept: SearchEvidence;
/** Of the log before the last entries. */
let early: SearchEvidence;
let indices: number[];

const target = (query: Asked): SearchTarget => ({ query, key: mapKeyOf(query) });
const again = (evidence: SearchEvidence, change: Partial<SearchTerms> = {}): Promise<EntrySearch> =>
  searchBy(new SearchEvidenceSource(parseSearchEvidence(encodeSearchEvidence(evidence))), {
    ...terms,
    ...change,
  });
const code = (name: string): unknown => expect.objectContaining({ code: name });

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'search-evidence-'));
  log = await TestLog.start();
  terms = {
    targets: [target({ digest: `sha256:${module}` })],
    logs: [log.vkey],
    signers: [alice, bob].map(({ publicKey }) => keyId(publicKey)),
    maxScan: 1000,
  };
  indices = [
    await log.add('reproduced', [module], alice),
    await log.add('elsewhere', [sha256Hex('another module')], alice),
    await log.add('withheld', [module], bob, false),
    await log.add('different', [module], bob),
  ];
  await log.committed(4);
  early = (await recordSearch(new LogSource(log.url), terms)).evidence;
  await log.stop();
  // No commitment from here on: what comes is in the tail alone.
  await log.restart({ LOG_MAP_SECONDS: '3600' });
  await log.committed(4);
  indices.push(await log.add('late', [module], bob));
  const { report, evidence } = await recordSearch(new LogSource(log.url), terms);
  [online, kept] = [report, evidence];
});

afterAll(async () => {
  await log.remove();
  await rm(dir, { recursive: true });
});

describe('what was kept of a search', () => {
  it('gives the same answer again, without the log', async () => {
    const [reproduced, , withheld, different, late] = indices;
    expect(online.entries.map(({ index }) => index)).toEqual([reproduced, different, late]);
    expect(online.unread).toEqual([withheld]);
    expect(await again(kept)).toEqual(online);
  });

  it('answers what it was asked, and nothing else', async () => {
    const others: Partial<SearchTerms>[] = [
      { targets: [target({ digest: `sha256:${sha256Hex('another module')}` })] },
      { targets: [...terms.targets, target({ name: 'late' })] },
      { signers: [...terms.signers, 'ab'.repeat(32)] },
    ];
    for (const change of others) {
      await expect(again(kept, change)).rejects.toEqual(code('search-evidence-incomplete'));
    }
    await expect(again(kept, { maxScan: 0 })).rejects.toEqual(code('commitment-too-old'));
  });

  it('counts for a log with that key, and a tree of that size, alone', async () => {
    const stranger = await TestLog.start();
    await stranger.remove();
    const [size, key] = [online.search.checkpoint.size, log.vkey];
    const cases: [SearchTerms['logs'], string][] = [
      [[stranger.vkey], 'checkpoint-signature'],
      [[{ ...key, until: size - 1 }], 'checkpoint-key-retired'],
      [[{ ...key, from: size + 1 }], 'checkpoint-key-retired'],
    ];
    for (const [logs, expected] of cases) {
      await expect(again(kept, { logs })).rejects.toEqual(code(expected));
    }
  });

  it('has the cosignatures that are asked for', async () => {
    const key = cosignerKey('west', alice.publicKey);
    const text = `witness west ${formatCosignerKey(key)}\nquorum west\n`;
    const witnessPolicy = parseWitnessPolicy(text);
    await expect(again(kept, { witnessPolicy })).rejects.toEqual(code('checkpoint-unwitnessed'));
    const note = parseNote(kept.checkpoint);
    const line = await cosign(note.text, 1_700_000_000, key, alice);
    const checkpoint = formatNote({ ...note, signatures: [...note.signatures, line] });
    const { entries } = await again({ ...kept, checkpoint }, { witnessPolicy });
    expect(entries).toEqual(online.entries);
  });

  it('without an attestation names the entry, and does not confirm it', async () => {
    const report = await again({ ...kept, attestations: [] });
    expect(report.entries.map(({ confirmed }) => confirmed)).toEqual([false, false]);
    expect(report.unread).toEqual([indices[2], indices[4]]);
  });

  type Spoil = (evidence: SearchEvidence) => SearchEvidence;
  const answerChanged =
    (change: (answer: SearchEvidence['answers'][number]['answer']) => object): Spoil =>
    (evidence) => {
      const [first, ...others] = evidence.answers;
      if (!first) throw new Error('there is an answer');
      const answer = { ...first.answer, ...change(first.answer) };
      return { ...evidence, answers: [{ ...first, answer }, ...others] };
    };
  const attacks: [string, string, Spoil][] = [
    [
      'an entry is left off the list',
      'map-page',
      answerChanged(({ pages: [page] }) => ({
        pages: [{ ...page, indices: page?.indices.slice(0, 1) }],
      })),
    ],
    ['the page is left out', 'map-page', answerChanged(() => ({ pages: [] }))],
    [
      'the list is shortened',
      'map-proof',
      answerChanged(({ list }) => ({ list: { ...list, count: 1 } })),
    ],
    [
      'the digest is said not to be there',
      'map-proof',
      (evidence) => {
        const [first, ...others] = evidence.answers;
        const siblings = first?.answer.siblings ?? [];
        const answer = { siblings, pages: [] };
        return { ...evidence, answers: [{ for: first?.for ?? {}, answer }, ...others] };
      },
    ],
    [
      'what could not be read is kept silent',
      'map-proof',
      (evidence) => ({
        ...evidence,
        unread: { ...evidence.unread, siblings: evidence.unread.siblings.slice(1) },
      }),
    ],
    [
      'the lists of what signers withheld are left out',
      'search-evidence-incomplete',
      (evidence) => ({
        ...evidence,
        answers: evidence.answers.filter((each) => each.for.unreadOf === undefined),
      }),
    ],
    [
      'the leaf of a listed entry is left out',
      'search-evidence-incomplete',
      (evidence) => ({ ...evidence, entries: evidence.entries.slice(0, -1) }),
    ],
    [
      'a listed entry is another leaf of the tree',
      'inclusion-proof',
      (evidence) => ({
        ...evidence,
        entries: evidence.entries.map((entry) => ({
          ...entry,
          leaf: evidence.tail.leaves[0] ?? '',
        })),
      }),
    ],
    [
      'the last leaf is left out',
      'inclusion-proof',
      ({ tail, ...rest }) => ({ ...rest, tail: { ...tail, leaves: tail.leaves.slice(0, -1) } }),
    ],
    [
      'a later leaf is replaced',
      'inclusion-proof',
      ({ tail, ...rest }) => ({
        ...rest,
        tail: { ...tail, leaves: [...tail.leaves.slice(0, -1), tail.leaves[0] ?? ''] },
      }),
    ],
    [
      'the checkpoint is an older one',
      'inclusion-proof',
      (evidence) => ({ ...evidence, checkpoint: early.checkpoint }),
    ],
    [
      'the commitment is said to be another leaf',
      'inclusion-proof',
      ({ commitment, ...rest }) => ({
        ...rest,
        commitment: { ...commitment, index: commitment.index + 1 },
      }),
    ],
  ];
  it.each(attacks)('is refused when %s', async (_, expected, spoil) => {
    await expect(again(spoil(kept))).rejects.toEqual(code(expected));
  });

  it('of the time before says up to where it goes', async () => {
    const report = await again(early);
    expect(report.entries.map(({ index }) => index)).toEqual([indices[0], indices[3]]);
    expect(report.search.checkpoint.size).toBeLessThanOrEqual(indices[4] ?? 0);
  });
});

describe('touchstone search', () => {
  const at = (name: string): string => join(dir, name);
  const search = (...args: string[]): Promise<Ran> =>
    runCommand([registerSearch], ['search', ...args, '--trust-root', at('trust.json')]);

  it('writes what it was answered, and verifies that without asking the log', async () => {
    const { algorithm, spki } = alice.publicKey;
    const root: TrustRoot = {
      schema: 'https://touchstone.dev/trust-root/v1',
      version: 1,
      logs: [{ origin: log.vkey.name, vkey: log.vkeyText }],
      rebuilders: [
        { id: 'alice', organisation: 'Alice', keys: [{ algorithm, spki: toBase64(spki) }] },
      ],
      policy: { quorum: 1 },
    };
    await writeFile(at('trust.json'), JSON.stringify(root));
    const terms = ['organisation:Alice', `sha256:${module}`];
    const asked = await search(...terms, '--log', log.url, '--out', at('kept.json'), '--json');
    expect([asked.code, asked.message]).toEqual([0, '']);
    const verified = await search(...terms, '--verify', at('kept.json'), '--json');
    expect([verified.code, verified.out]).toEqual([0, asked.out]);
    expect(JSON.parse(verified.out)).toMatchObject({
      searched: terms,
      complete: true,
      entries: [0, 1, 3, 4].map((at) => ({ index: indices[at] })),
    });
    const other = await search(`sha256:${'ab'.repeat(32)}`, '--verify', at('kept.json'));
    expect([other.code, other.error]).toEqual([1, 'search-evidence-incomplete']);
  });

  it('refuses a file of another form, and options that ask a log', async () => {
    await writeFile(at('cut.json'), (await readFile(at('kept.json'))).subarray(0, 900));
    await writeFile(at('list.json'), encodeUtf8('[]'));
    for (const name of ['cut.json', 'list.json']) {
      const { code, error } = await search(`sha256:${module}`, '--verify', at(name));
      expect([code, error]).toEqual([1, 'search-evidence-malformed']);
    }
    const asks = ['--log', log.url, '--out', at('x')];
    const both = await search(`sha256:${module}`, '--verify', at('kept.json'), ...asks);
    expect(both).toMatchObject({ code: 2, error: 'commander.conflictingOption' });
    const timed = ['--since', '2026-01-01', '--log', log.url, '--out', at('x')];
    expect((await search(`sha256:${module}`, ...timed)).error).toBe('usage');
  });
});

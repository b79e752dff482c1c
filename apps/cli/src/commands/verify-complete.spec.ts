import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  artifactDescriptor,
  EVIDENCE_SCHEMA,
  rebuildStatement,
  recipeDigestOf,
  signEnvelope,
  type DsseEnvelope,
  type Evidence,
  type SearchEvidence,
  type Statement,
  type TrustRoot,
} from '@touchstone/attest';
import { generateKey, type PrivateKey } from '@touchstone/keys';
import {
  cosign,
  cosignerKey,
  decodeUtf8,
  formatCosignerKey,
  formatNote,
  parseCheckpoint,
  parseNote,
  toBase64,
} from '@touchstone/note';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runCommand, type Ran } from '../command.fixture.js';
import { sha256Hex, TestLog } from '../monitor/log.fixture.js';
import { LogSource, ProvenLeaves } from '../monitor/log-source.js';
import { registerSearch } from './search.js';
import { registerVerify } from './verify.js';

const [alice, bob, carol, stranger] = [
  generateKey('ed25519'),
  generateKey('ecdsa-p256-sha256'),
  generateKey('ecdsa-p256-sha256'),
  generateKey('ed25519'),
];
const module = { digest: { sha256: sha256Hex('a module') }, size: 8 };

/** Publications of one name; each is another artifact, and so another row of the table. */
function publication(number: number): {
  recipe: Record<string, unknown>;
  artifact: Evidence['artifact'];
} {
  const integrity = `sha512-${toBase64(new Uint8Array(64).fill(number))}`;
  const artifact = { kind: 'npm', name: 'part', version: `1.0.${number}`, integrity } as const;
  const schema = 'https://touchstone.dev/recipe/v1';
  const recipe = { schema, artifact, modules: [{ name: 'part.wasm' }] };
  return { recipe, artifact: artifactDescriptor(artifact) };
}
type Publication = ReturnType<typeof publication>;

function rebuilt({ recipe, artifact }: Publication, startedOn = '2026-01-02T03:04:05Z'): Statement {
  return rebuildStatement({
    ...{ outcome: 'reproduced', artifact, recipe: { digest: { sha256: recipeDigestOf(recipe) } } },
    toolchain: { name: 'clang', version: '19', digest: { sha256: '7'.repeat(64) } },
    modules: [
      {
        ...{ name: 'part.wasm', outcome: 'reproduced', normalisations: [] },
        ...{ claimed: module, observed: module },
      },
    ],
    environment: { sandbox: 'bwrap', architecture: 'x64', network: 'none', variables: {} },
    ...{ startedOn, finishedOn: '2026-01-02T04:04:06Z' },
  });
}

function failed(of: Publication): Statement {
  const { predicate, ...statement } = rebuilt(of);
  const failure = { code: 'build-failed', message: 'exit 1' };
  const [first] = statement.subject;
  return {
    ...statement,
    subject: first ? [first] : [],
    predicate: { ...predicate, outcome: 'failed', modules: [], failure },
  };
}

let dir: string;
let log: TestLog;
const at = (name: string): string => join(dir, name);

async function add(
  statement: Statement,
  by: PrivateKey,
  keep = true,
): Promise<[number, DsseEnvelope]> {
  const envelope = await signEnvelope(statement, by);
  return [await log.addEnvelope(envelope, by.publicKey, keep), envelope];
}

/** Evidence of these entries, against the newest checkpoint. */
async function evidenceOf(
  { recipe, artifact }: Publication,
  entries: readonly (readonly [number, DsseEnvelope])[],
): Promise<string> {
  const source = new LogSource(log.url);
  const checkpoint = decodeUtf8(await source.checkpoint());
  const leaves = new ProvenLeaves(source, parseCheckpoint(parseNote(checkpoint).text));
  const evidence: Evidence = {
    ...{ schema: EVIDENCE_SCHEMA, artifact, recipe, checkpoint },
    entries: [],
  };
  for (const [logIndex, envelope] of entries) {
    const [leaf = new Uint8Array()] = await leaves.read(logIndex, logIndex + 1);
    const inclusionProof = (await leaves.proof(logIndex)).map(toBase64);
    evidence.entries.push({
      logIndex,
      envelope,
      inclusionProof,
      canonicalizedBody: toBase64(leaf),
    });
  }
  const file = at(`${artifact.uri.replace(/[^0-9]/g, '')}-${entries.length}.json`);
  await writeFile(file, JSON.stringify(evidence));
  return file;
}

const touchstone = (...args: string[]): Promise<Ran> =>
  runCommand([registerVerify, registerSearch], [...args, '--trust-root', at('trust.json')]);
const verify = (file: string, ...more: string[]): Promise<Ran> =>
  touchstone('verify', file, ...more);

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'cli-complete-'));
  log = await TestLog.start();
  const enrolled = (id: string, { publicKey }: PrivateKey) => ({
    ...{ id, organisation: `${id} Labs` },
    keys: [{ algorithm: publicKey.algorithm, spki: toBase64(publicKey.spki) }],
  });
  const root: TrustRoot = {
    schema: 'https://touchstone.dev/trust-root/v1',
    version: 1,
    logs: [{ origin: log.vkey.name, vkey: log.vkeyText }],
    rebuilders: [enrolled('alice', alice), enrolled('bob', bob), enrolled('carol', carol)],
    policy: { quorum: 2 },
  };
  await writeFile(at('trust.json'), JSON.stringify(root));
});

afterAll(async () => {
  await log.remove();
  await rm(dir, { recursive: true });
});

/** Two who reproduced, logged and in evidence, and a map over both. */
async function agreed(number: number): Promise<{
  of: Publication;
  votes: [number, DsseEnvelope][];
}> {
  const of = publication(number);
  const votes = [await add(rebuilt(of), alice), await add(rebuilt(of), bob)];
  await log.committed(Math.max(...votes.map(([index]) => index)) + 1);
  return { of, votes };
}

describe('touchstone verify, with the log asked for all rebuilds', () => {
  it('says up to where there is no other one, now and from what was kept', async () => {
    const { of, votes } = await agreed(1);
    // What others say of it, and what else those who count say, are no rebuilds that were left out.
    await add(failed(of), stranger);
    await add({ ...failed(of), predicateType: 'https://example.org/review' }, carol);
    const other = { ...of, recipe: { ...of.recipe, workdir: 'elsewhere' } };
    await add(failed(other), carol);
    const file = await evidenceOf(of, votes);
    const now = await verify(file, '--log', log.url);
    expect([now.code, now.message]).toEqual([0, '']);
    expect(now.out).toMatch(/ok {2}completeness/);
    const [[algorithm, hex] = []] = Object.entries(of.artifact.digest);
    await touchstone('search', `${algorithm}:${hex}`, '--log', log.url, '--out', at('kept.json'));
    const later = await verify(file, '--search', at('kept.json'), '--json');
    expect([later.code, later.message]).toEqual([0, '']);
    const { complete } = JSON.parse(later.out) as { complete: object };
    expect(complete).toMatchObject({ origin: log.vkey.name, size: expect.any(Number) as number });
    // Without the log's answer nobody says anything of that.
    expect((await verify(file)).out).not.toContain('complete');
  });

  it('takes the same words logged in two forms for one', async () => {
    const { of, votes } = await agreed(2);
    const [, envelope] = votes[1] ?? [];
    if (!envelope) throw new Error('bob voted');
    await log.addEnvelope(envelope, bob.publicKey, true, 'dsse');
    expect(await verify(await evidenceOf(of, votes), '--log', log.url)).toMatchObject({ code: 0 });
  });

  it.each([
    ['on the list', true],
    ['after the newest map', false],
  ])('finds the one who dissents left out, %s', async (_, mapped) => {
    const { of, votes } = await agreed(mapped ? 3 : 4);
    if (!mapped) await log.restart({ LOG_MAP_SECONDS: '3600' });
    const [index, envelope] = await add(failed(of), carol);
    if (mapped) await log.committed(index + 1);
    else await log.committed(1);
    const { code, error, message } = await verify(await evidenceOf(of, votes), '--log', log.url);
    expect([code, error]).toEqual([1, 'evidence-incomplete']);
    expect(message).toContain(`entry ${index} by carol of carol Labs`);
    const whole = await verify(
      await evidenceOf(of, [...votes, [index, envelope]]),
      '--log',
      log.url,
    );
    expect([whole.code, whole.message]).toEqual([0, '']);
    if (!mapped) await log.restart();
  });

  it('finds a second word of one who reproduced', async () => {
    const { of, votes } = await agreed(5);
    await add(failed(of), alice);
    expect((await verify(await evidenceOf(of, votes), '--log', log.url)).error).toBe(
      'evidence-incomplete',
    );
  });

  it('refuses an answer that is of something else, or not whole', async () => {
    const { of, votes } = await agreed(6);
    const file = await evidenceOf(of, votes);
    const other = await verify(file, '--search', at('kept.json'));
    expect(other.error).toBe('search-evidence-incomplete');
    const [[algorithm, hex] = []] = Object.entries(of.artifact.digest);
    await touchstone('search', `${algorithm}:${hex}`, '--log', log.url, '--out', at('own.json'));
    const own = JSON.parse(await readFile(at('own.json'), 'utf8')) as SearchEvidence;
    await writeFile(at('bare.json'), JSON.stringify({ ...own, attestations: [] }));
    expect((await verify(file, '--search', at('bare.json'))).error).toBe('evidence-unread');
    for (const { answer } of own.answers) answer.pages[0]?.indices.pop();
    await writeFile(at('short.json'), JSON.stringify(own));
    expect((await verify(file, '--search', at('short.json'))).error).toBe('map-page');
    const both = await verify(file, '--search', at('own.json'), '--log', log.url);
    expect([both.code, both.error]).toEqual([2, 'commander.conflictingOption']);
  });

  it('asks further witnesses to have cosigned the answer too', async () => {
    const { of, votes } = await agreed(8);
    const file = await evidenceOf(of, votes);
    const evidence = JSON.parse(await readFile(file, 'utf8')) as Evidence;
    const key = cosignerKey('west', stranger.publicKey);
    await writeFile(at('policy'), `witness west ${formatCosignerKey(key)}\nquorum west\n`);
    const note = parseNote(evidence.checkpoint);
    const line = await cosign(note.text, 1_700_000_000, key, stranger);
    const checkpoint = formatNote({ ...note, signatures: [...note.signatures, line] });
    await writeFile(file, JSON.stringify({ ...evidence, checkpoint }));
    const policy = ['--witness-policy', at('policy')];
    expect(await verify(file, ...policy)).toMatchObject({ code: 0 });
    expect((await verify(file, ...policy, '--log', log.url)).error).toBe('checkpoint-unwitnessed');
  });

  it('fails closed over what a rebuilder did not hand in', async () => {
    const { of, votes } = await agreed(7);
    const [index] = await add(failed(of), carol, false);
    for (const covered of [0, index + 1]) {
      await log.committed(covered);
      const { error, message } = await verify(await evidenceOf(of, votes), '--log', log.url);
      expect([error, message]).toEqual(['evidence-unread', expect.stringContaining(`${index}`)]);
    }
  });
});

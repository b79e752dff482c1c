import {
  encodeSearchEvidence,
  publicationTargets,
  signEnvelope,
  type Evidence,
  type SearchEvidence,
  type Statement,
} from '@touchstone/attest';
import { fromBase64, keyId, nobleVerifier } from '@touchstone/note';
import { beforeAll, describe, expect, it } from 'vitest';
import { composition, provider, runModule } from '../assemble.fixture.js';
import { acme, birch, evidenceOf, signer, trustRoot } from '../evidence.fixture.js';
import { entryOf, searched, type LoggedEntry } from '../revocation/searched-log.fixture.js';
import { CAPSULE_SCHEMA, encodeCapsule, type Capsule } from './capsule.js';
import { verifyCapsule, type CapsuleReport } from './verify-capsule.js';

const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));
const stranger = signer();
let agreed: Evidence;
/** The same rebuild, with another word by birch. */
let dissent: LoggedEntry;

beforeAll(async () => {
  agreed = await evidenceOf(runModule(0), ['reproduced', 'reproduced']);
  const { entries } = await evidenceOf(runModule(0), ['reproduced', 'different']);
  const [, second] = entries;
  if (!second) throw new Error('both have spoken');
  dissent = entryOf(second.envelope, birch.publicKey);
});

/** A capsule with the agreed evidence, and what its log answers about the publication. */
async function capsule(
  others: readonly LoggedEntry[],
  mapped = 2,
  change: (answer: SearchEvidence) => SearchEvidence = (answer) => answer,
): Promise<Capsule> {
  const rebuilds = agreed.entries.map(({ envelope }, at) =>
    entryOf(envelope, (at === 0 ? acme : birch).publicKey),
  );
  const unread = [acme, birch].map(({ publicKey }) => ({ unreadOf: keyId(publicKey) }));
  const asked = [...publicationTargets([agreed]).map(({ query }) => query), ...unread];
  const { reprove, proof: _, ...answer } = await searched([...rebuilds, ...others], mapped, asked);
  return {
    schema: CAPSULE_SCHEMA,
    file: { name: 'app.wasm', content: composition({ first: provider(0), second: provider(0) }) },
    evidence: [text(await reprove(agreed))],
    search: encodeSearchEvidence(change(answer)),
    sboms: [],
    trustRoot: text(trustRoot),
  };
}

const judge = (content: Capsule): Promise<CapsuleReport> =>
  verifyCapsule(encodeCapsule(content), {
    ...{ trust: trustRoot, verify: nobleVerifier, mustBeComplete: true },
  });
const codes = ({ findings }: CapsuleReport): string[][] =>
  findings.map(({ step, code, node }) => [step, code, node]);

describe('evidence in a capsule, held against all that the log has', () => {
  it('is complete up to a tree size', async () => {
    const payload = fromBase64(agreed.entries[0]?.envelope.payload ?? '');
    const statement = JSON.parse(new TextDecoder().decode(payload)) as Statement;
    const others = [entryOf(await signEnvelope(statement, stranger), stranger.publicKey)];
    for (const mapped of [2, 3]) {
      const report = await judge(await capsule(others, mapped));
      expect(codes(report)).toEqual([]);
      expect(report.complete).toEqual({ origin: 'log.touchstone.test', size: 4, mapped });
    }
  });

  it.each<[string, string, () => Promise<Capsule>]>([
    ['who dissents was left out', 'evidence-incomplete', () => capsule([dissent], 3)],
    ['and came after the newest map', 'evidence-incomplete', () => capsule([dissent], 2)],
    ['cannot be read', 'evidence-unread', () => capsule([{ leaf: dissent.leaf }], 3)],
    [
      'is left out of the answer too',
      'map-page',
      () =>
        capsule([dissent], 3, (answer) => {
          answer.answers[0]?.answer.pages[0]?.indices.pop();
          return answer;
        }),
    ],
    [
      'the log was not asked what rebuilders withheld',
      'search-evidence-incomplete',
      () => capsule([], 2, (answer) => ({ ...answer, answers: answer.answers.slice(0, 1) })),
    ],
    [
      'the log was asked about something else',
      'evidence-unsearched',
      () => capsule([], 2, (answer) => ({ ...answer, answers: answer.answers.slice(1) })),
    ],
    [
      'no log was asked',
      'evidence-unsearched',
      async () => {
        const { search: _, ...rest } = await capsule([]);
        return rest;
      },
    ],
  ])('is refused when %s', async (_, code, make) => {
    expect(codes(await judge(await make()))).toEqual([['completeness', code, '/']]);
  });
});

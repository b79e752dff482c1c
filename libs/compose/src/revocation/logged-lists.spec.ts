import {
  encodeSearchEvidence,
  parseSearchEvidence,
  resolveTrustRoot,
  signCose,
  signEnvelope,
  verifyCose,
  type DsseEnvelope,
  type SearchEvidence,
  type TrustRoot,
} from '@touchstone/attest';
import { keyId, nobleVerifier, type Signer } from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import { composition, provider, runModule } from '../assemble.fixture.js';
import { encodeCapsule, CAPSULE_SCHEMA, type Capsule } from '../capsule/capsule.js';
import { verifyCapsule, type CapsuleReport } from '../capsule/verify-capsule.js';
import type { ComposeError } from '../errors.js';
import { evidenceOf, signer, trustRoot, witnessedRoot } from '../evidence.fixture.js';
import { deriveGraph } from '../graph.js';
import { verifyComposition, type CompositionReport } from '../verify.js';
import { composeManifest, embedManifest } from '../write-manifest.js';
import type { RevocationOptions } from './check-revocations.js';
import { revocationStatement, type RevocationList } from './revocation-list.js';
import {
  coseEntries,
  entryOf,
  p256Signer,
  searched,
  type LoggedEntry,
} from './searched-log.fixture.js';

const [owner, chip, stranger] = [signer(), p256Signer(), signer()];
const at = new Date('2026-11-29T12:00:00Z');
const [early, late] = [new Date('2026-11-01'), new Date('2026-11-20')];
const nextUpdate = new Date('2026-12-20');
const bare = composition({ first: provider(0), second: provider(0) });
const file = embedManifest(bare, composeManifest(bare));
const moduleDigest = deriveGraph(runModule(0)).nodes[0]?.digest.sha256 ?? '';
const revoking = { revoked: [{ digest: { sha256: moduleDigest } }] };
const NODES = ['/component[0]/module[0]', '/component[1]/module[0]'];

const listOf = (change: Partial<RevocationList> = {}, by: Signer = owner): Promise<DsseEnvelope> =>
  signEnvelope(revocationStatement({ issuedOn: early, nextUpdate, revoked: [], ...change }), by);
const entry = async (change: Partial<RevocationList> = {}, by = owner): Promise<LoggedEntry> =>
  entryOf(await listOf(change, by), by.publicKey);

async function verified(
  search: SearchEvidence | undefined,
  change: Partial<RevocationOptions> = {},
  root: TrustRoot = trustRoot,
): Promise<CompositionReport> {
  const trust = resolveTrustRoot(root);
  const evidence = search && parseSearchEvidence(encodeSearchEvidence(withoutTools(search)));
  return verifyComposition(file, {
    revocations: {
      ...{ files: [], revokers: [owner.publicKey], verify: nobleVerifier, at },
      ...(evidence && { search: { evidence, trust } }),
      ...change,
    },
  });
}

/** What the fixture hands out besides the file. */
function withoutTools(search: SearchEvidence): SearchEvidence {
  type Tools = SearchEvidence & { reprove?: unknown; proof?: unknown };
  const { reprove: _, proof: __, ...evidence } = search as Tools;
  return evidence;
}

const codes = ({ findings }: CompositionReport): string[][] =>
  findings.map(({ step, code, node }) => [step, code, node]);
const at0 = (code: string): string[][] => [['revocations', code, '/']];
const revoked = NODES.map((node) => ['revocations', 'node-revoked', node]);

describe('revocation lists, asked of a log', () => {
  it('are the newest that it has, up to a tree size', async () => {
    const entries = [await entry(), await entry({ issuedOn: late }), await entry({}, stranger)];
    const report = await verified(await searched(entries, 3, [owner.publicKey]));
    expect(codes(report)).toEqual([]);
    expect(report.revokers).toEqual([
      {
        ...{ revoker: keyId(owner.publicKey), lists: 2 },
        newest: { issuedOn: late.toISOString(), nextUpdate: nextUpdate.toISOString(), index: 1 },
        log: { origin: 'log.touchstone.test', size: 4, mapped: 3 },
      },
    ]);
  });

  const rows: [string, string[][], () => Promise<CompositionReport>][] = [
    [
      'one that takes a node back was not handed over',
      revoked,
      async () =>
        verified(await searched([await entry(), await entry(revoking)], 2, [owner.publicKey]), {
          files: [await listOf()],
        }),
    ],
    [
      'it came after the newest map',
      revoked,
      async () =>
        verified(await searched([await entry(), await entry(revoking)], 1, [owner.publicKey])),
    ],
    [
      'it was signed by a chip',
      revoked,
      async () =>
        verified(
          await searched([await entry({}, chip), await entry(revoking, chip)], 1, [chip.publicKey]),
          {
            revokers: [chip.publicKey],
          },
        ),
    ],
    [
      'an older one was handed over',
      at0('revocation-superseded'),
      async () =>
        verified(await searched([await entry({ issuedOn: late })], 1, [owner.publicKey]), {
          files: [await listOf()],
        }),
    ],
    [
      'there is none',
      at0('revocation-missing'),
      async () => verified(await searched([await entry({}, stranger)], 1, [owner.publicKey])),
    ],
    [
      'the last one has lapsed',
      at0('revocation-expired'),
      async () =>
        verified(await searched([await entry({ nextUpdate: late })], 1, [owner.publicKey])),
    ],
    [
      'one of them cannot be read',
      at0('revocation-unread'),
      async () => {
        const { leaf } = await entry(revoking);
        return verified(await searched([await entry(), { leaf }], 2, [owner.publicKey]));
      },
    ],
    [
      'one of them cannot be read, of a chip',
      at0('revocation-unread'),
      async () => {
        const { leaf } = await entry(revoking, chip);
        const entries = [await entry({}, chip), { leaf }];
        return verified(await searched(entries, 1, [chip.publicKey]), {
          revokers: [chip.publicKey],
        });
      },
    ],
    [
      'one of them is of a wrong form',
      at0('revocation-malformed'),
      async () => {
        const { subject: _, ...statement } = revocationStatement({
          issuedOn: early,
          nextUpdate,
          ...revoking,
        });
        const wrong = { ...statement, subject: [{ digest: { sha256: 'ab'.repeat(32) } }] };
        const envelope = await signEnvelope(wrong, owner);
        const entries = [await entry(), entryOf(envelope, owner.publicKey)];
        return verified(await searched(entries, 2, [owner.publicKey]));
      },
    ],
    [
      'one of them is in COSE, which no list is',
      at0('revocation-unread'),
      async () => {
        const statement = revocationStatement({ issuedOn: early, nextUpdate, ...revoking });
        const keys = [chip.publicKey];
        const cose = await verifyCose(await signCose(statement, [chip]), keys, nobleVerifier);
        const entries = [await entry({}, chip), ...coseEntries(cose)];
        return verified(await searched(entries, 1, keys), { revokers: keys });
      },
    ],
    [
      'the log was asked about somebody else',
      at0('search-evidence-incomplete'),
      async () => verified(await searched([await entry()], 1, [stranger.publicKey])),
    ],
    [
      'no log was asked, and one was to be',
      at0('revocation-unsearched'),
      async () => verified(undefined, { files: [await listOf()], mustBeSearched: true }),
    ],
    [
      'an entry was left out of the answer',
      at0('map-page'),
      async () => {
        const answer = await searched([await entry(), await entry(revoking)], 2, [owner.publicKey]);
        for (const each of answer.answers) each.answer.pages[0]?.indices.pop();
        return verified(answer);
      },
    ],
    [
      'the last leaves were left out of the answer',
      at0('inclusion-proof'),
      async () => {
        const answer = await searched([await entry(), await entry(revoking)], 1, [owner.publicKey]);
        answer.tail.leaves.pop();
        return verified(answer);
      },
    ],
    [
      'the statement was left out of the answer',
      at0('revocation-unread'),
      async () => {
        const answer = await searched([await entry(), await entry(revoking)], 2, [owner.publicKey]);
        const [first, second] = answer.attestations;
        const isRevoking = (text = ''): boolean =>
          Buffer.from(text, 'base64').includes(moduleDigest);
        const attestations = [first, second].filter((text) => !isRevoking(text)) as string[];
        return verified({ ...answer, attestations });
      },
    ],
    [
      'no witness cosigned what the log answered',
      at0('checkpoint-unwitnessed'),
      async () =>
        verified(await searched([await entry()], 1, [owner.publicKey]), {}, witnessedRoot),
    ],
  ];
  it.each(rows)('are refused when %s', async (_, expected, run) => {
    expect(codes(await run())).toEqual(expected);
  });

  it('are not held up by what others signed, nor by what else the revoker did', async () => {
    const { leaf } = await entry(revoking, stranger);
    const statement = revocationStatement({ issuedOn: early, nextUpdate, ...revoking });
    const other = { ...statement, predicateType: 'https://example.org/review' };
    const review = entryOf(await signEnvelope(other, owner), owner.publicKey);
    const entries = [{ leaf }, await entry(revoking, stranger), review, await entry()];
    for (const mapped of [1, 4]) {
      expect(codes(await verified(await searched(entries, mapped, [owner.publicKey])))).toEqual([]);
    }
  });
});

describe('a capsule with what a log answered', () => {
  const text = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

  async function capsule(
    lists: readonly LoggedEntry[],
    change: Partial<Capsule> = {},
  ): Promise<Capsule> {
    const evidence = await evidenceOf(runModule(0), ['reproduced', 'reproduced']);
    const rebuilds = evidence.entries.map(({ envelope, canonicalizedBody }) => ({
      leaf: new Uint8Array(Buffer.from(canonicalizedBody, 'base64')),
      attestation: new Uint8Array(Buffer.from(envelope.payload, 'base64')),
    }));
    const answer = await searched([...rebuilds, ...lists], 2, [owner.publicKey]);
    return {
      schema: CAPSULE_SCHEMA,
      file: { name: 'app.wasm', content: file },
      evidence: [text(await answer.reprove(evidence))],
      search: encodeSearchEvidence(withoutTools(answer)),
      sboms: [],
      trustRoot: text(trustRoot),
      ...change,
    };
  }

  const judge = (content: Capsule, revokers = [owner]): Promise<CapsuleReport> =>
    verifyCapsule(encodeCapsule(content), {
      ...{ trust: trustRoot, verify: nobleVerifier },
      ...(revokers.length > 0 && {
        revocations: {
          ...{ files: [], revokers: revokers.map(({ publicKey }) => publicKey), at },
          ...{ verify: nobleVerifier, mustBeSearched: true },
        },
      }),
    });

  it('says up to where nothing was taken back', async () => {
    const report = await judge(await capsule([await entry()]));
    expect([report.findings, report.revoked]).toEqual([[], 'searched']);
    expect(report.revokers).toMatchObject([{ newest: { index: 3 }, log: { size: 4, mapped: 2 } }]);
    expect((await judge(await capsule([]), [])).revoked).toBe('unchecked');
  });

  it('tells what was taken back, and hands over no old list', async () => {
    const lists = [await entry(), await entry({ ...revoking, issuedOn: late })];
    const old = text(await listOf());
    expect(codes(await judge(await capsule(lists, { revocations: [old] })))).toEqual([
      ...at0('revocation-superseded'),
      ...revoked,
    ]);
  });

  it('is refused when that is of another tree, of another form, or not there', async () => {
    const codeOf = (made: Capsule): Promise<string> =>
      judge(made).then(
        (report) => codes(report)[0]?.[1] ?? 'none',
        (error: unknown) => (error as ComposeError).code,
      );
    const other = await capsule([await entry({ issuedOn: late })]);
    const { search = new Uint8Array(), ...rest } = await capsule([await entry()]);
    expect(await codeOf({ ...other, search })).toBe('capsule-checkpoints-differ');
    expect(await codeOf({ ...other, search: search.subarray(1) })).toBe(
      'search-evidence-malformed',
    );
    expect(await codeOf(rest)).toBe('revocation-unsearched');
    expect(await codeOf({ ...rest, evidence: [], search })).toBe('capsule-evidence-missing');
  });
});

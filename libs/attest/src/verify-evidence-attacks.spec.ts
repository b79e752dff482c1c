import { describe, expect, it } from 'vitest';
import { keyId, toBase64, type Signer } from '@touchstone/note';
import {
  encodeStatement,
  paeBytes,
  rebuildStatement,
  signEnvelope,
  STATEMENT_PAYLOAD_TYPE,
  verifyEvidence,
  type AttestErrorCode,
  type Evidence,
  type EvidenceEntry,
  type RebuildPredicate,
  type Statement,
  type Verdict,
} from './index.js';
import {
  attest,
  evidenceOf,
  failure,
  hex,
  predicate,
  provenanceOf,
  rebuilt,
  recipe,
  trustRoot,
  vote,
  type Logged,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

type Presented = { name?: string; sha256: string; size: number; sha512?: string };

interface Attack {
  readonly name: string;
  readonly make: () => Promise<unknown>;
  readonly ends: AttestErrorCode | Exclude<Verdict, 'reproduced'>;
  readonly presented?: Presented[];
}

const { acme, birch, cedar, cedarWest, stranger } = signers;

async function honest(): Promise<Evidence> {
  return evidenceOf([await vote(acme), await vote(birch)]);
}

/** Honest evidence whose first entry is changed. */
async function firstEntry(change: (entry: EvidenceEntry) => unknown): Promise<unknown> {
  const evidence = await honest();
  const [first, ...rest] = evidence.entries;
  if (first === undefined) throw new Error('fixture');
  return { ...evidence, entries: [change(structuredClone(first)), ...rest] };
}

/** Evidence in which the second vote is another statement, properly signed and logged. */
async function withStatement(statement: Statement, signer: Signer = birch): Promise<Evidence> {
  return evidenceOf([await vote(acme), await attest(signer, statement)]);
}

const withRebuild = (changes: Partial<RebuildPredicate>): Promise<Evidence> =>
  withStatement(rebuildStatement(predicate(changes)));

/** Signs a payload as it is, canonical or not, true or not. */
async function signBytes(
  payload: Uint8Array,
  signer: Signer,
  payloadType = STATEMENT_PAYLOAD_TYPE,
): Promise<Logged> {
  const sig = toBase64(await signer.sign(paeBytes(payloadType, payload)));
  return {
    signer,
    envelope: {
      payload: toBase64(payload),
      payloadType,
      signatures: [{ sig, keyid: keyId(signer.publicKey) }],
    },
  };
}

async function withPayload(payload: Uint8Array, payloadType?: string): Promise<Evidence> {
  return evidenceOf([await vote(acme), await signBytes(payload, birch, payloadType)]);
}

function text(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

const observedOther = { digest: { sha256: hex('e') }, size: 8 };

const signerAttacks: Attack[] = [
  {
    name: 'a vote by a key that is not enrolled',
    make: async () => evidenceOf([await vote(acme), await vote(stranger)]),
    ends: 'signer-unknown',
  },
  {
    name: 'a vote by an unknown key under the key id of an enrolled one',
    make: async () => {
      const { envelope } = await vote(stranger);
      const [signature] = envelope.signatures;
      if (signature === undefined) throw new Error('fixture');
      const forged = {
        ...envelope,
        signatures: [{ ...signature, keyid: keyId(birch.publicKey) }],
      };
      return evidenceOf([await vote(acme), { envelope: forged, signer: birch }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'a vote by an unknown key without a key id',
    make: async () => {
      const { envelope, signer } = await vote(stranger);
      const signatures = envelope.signatures.map(({ sig }) => ({ sig }));
      return evidenceOf([await vote(acme), { envelope: { ...envelope, signatures }, signer }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'two keys of one organisation',
    make: async () => evidenceOf([await vote(cedar), await vote(cedarWest)]),
    ends: 'pending',
  },
  {
    name: 'two statements of one organisation, signed by the same key',
    make: async () =>
      evidenceOf([
        await vote(acme),
        await vote(acme, predicate({ finishedOn: '2026-01-02T04:00:00Z' })),
      ]),
    ends: 'pending',
  },
  {
    name: 'the signature of an enrolled key on another payload',
    make: async () => {
      const { envelope } = await vote(birch, failure());
      const { envelope: wanted } = await vote(birch);
      const forged = { ...wanted, signatures: envelope.signatures };
      return evidenceOf([await vote(acme), { envelope: forged, signer: birch }]);
    },
    ends: 'dsse-signature',
  },
  {
    name: 'a second signature on an envelope, valid and of another organisation',
    make: async () => {
      const one = await vote(acme);
      const two = await vote(birch);
      return evidenceOf([one]).then((evidence) => ({
        ...evidence,
        entries: evidence.entries.map((entry) => ({
          ...entry,
          envelope: {
            ...one.envelope,
            signatures: [...one.envelope.signatures, ...two.envelope.signatures],
          },
        })),
      }));
    },
    ends: 'dsse-signature-count',
  },
  {
    name: 'a second signature on an envelope that nobody knows',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        envelope: {
          ...entry.envelope,
          signatures: [...entry.envelope.signatures, { sig: 'AAAA', keyid: 'who' }],
        },
      })),
    ends: 'dsse-signature-count',
  },
  {
    name: 'an envelope of another payload type',
    make: () => withPayload(encodeStatement(rebuildStatement(predicate())), 'text/plain'),
    ends: 'dsse-payload-type',
  },
  {
    name: 'a payload type changed after signing',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        envelope: { ...entry.envelope, payloadType: 'application/json' },
      })),
    ends: 'dsse-signature',
  },
];

const logAttacks: Attack[] = [
  {
    name: 'the same entry twice',
    make: async () => {
      const evidence = await evidenceOf([await vote(acme)]);
      return { ...evidence, entries: [...evidence.entries, ...evidence.entries] };
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'the same entry logged twice',
    make: async () => {
      const one = await vote(acme);
      return evidenceOf([one, one]);
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'two entries at one index',
    make: async () => {
      const evidence = await honest();
      return { ...evidence, entries: evidence.entries.map((entry) => ({ ...entry, logIndex: 3 })) };
    },
    ends: 'duplicate-entry',
  },
  {
    name: 'the body of another entry',
    make: async () => {
      const evidence = await honest();
      const [a, b] = evidence.entries;
      if (a === undefined || b === undefined) throw new Error('fixture');
      return { ...evidence, entries: [{ ...a, envelope: b.envelope }] };
    },
    ends: 'entry-body-mismatch',
  },
  {
    name: 'a statement that was never logged, with the place of one that was',
    make: async () => {
      const evidence = await evidenceOf([await vote(acme), await vote(birch, failure())]);
      const [a, b] = evidence.entries;
      const { envelope } = await vote(birch);
      return { ...evidence, entries: [a, { ...b, envelope }] };
    },
    ends: 'entry-body-mismatch',
  },
  {
    name: 'the index of another leaf',
    make: () => firstEntry((entry) => ({ ...entry, logIndex: entry.logIndex - 1 })),
    ends: 'inclusion-proof',
  },
  {
    name: 'an index beyond the tree',
    make: () => firstEntry((entry) => ({ ...entry, logIndex: 8 })),
    ends: 'inclusion-proof',
  },
  {
    name: 'the proof of another leaf',
    make: async () => {
      const evidence = await honest();
      const [a, b] = evidence.entries;
      if (a === undefined || b === undefined) throw new Error('fixture');
      return { ...evidence, entries: [{ ...a, inclusionProof: b.inclusionProof }, b] };
    },
    ends: 'inclusion-proof',
  },
  {
    name: 'a proof without its last hash',
    make: () =>
      firstEntry((entry) => ({ ...entry, inclusionProof: entry.inclusionProof.slice(0, -1) })),
    ends: 'inclusion-proof',
  },
  {
    name: 'a proof with one hash more',
    make: () =>
      firstEntry((entry) => ({
        ...entry,
        inclusionProof: [...entry.inclusionProof, toBase64(new Uint8Array(32))],
      })),
    ends: 'inclusion-proof',
  },
  {
    name: 'a log of the attacker under the name of a known one',
    make: async () => evidenceOf([await vote(acme), await vote(birch)], { log: signers.otherLog }),
    ends: 'checkpoint-signature',
  },
  {
    name: 'a log that the trust root does not know',
    make: async () => evidenceOf([await vote(acme), await vote(birch)], { origin: 'evil.example' }),
    ends: 'checkpoint-origin-unknown',
  },
  {
    name: 'the checkpoint of another tree of the same log',
    make: async () => ({ ...(await honest()), checkpoint: (await evidenceOf([])).checkpoint }),
    ends: 'inclusion-proof',
  },
  {
    name: 'a checkpoint whose size was changed',
    make: async () => {
      const evidence = await honest();
      return { ...evidence, checkpoint: evidence.checkpoint.replace('\n8\n', '\n9\n') };
    },
    ends: 'checkpoint-signature',
  },
  {
    name: 'a checkpoint that is no note',
    make: async () => ({ ...(await honest()), checkpoint: 'trust me\n' }),
    ends: 'checkpoint-malformed',
  },
];

const otherArtifact = { uri: 'pkg:npm/other@1.0.0', digest: { sha512: hex('1') + hex('2') } };
const canonicalRebuild = new TextDecoder().decode(encodeStatement(rebuildStatement(predicate())));

const statementAttacks: Attack[] = [
  {
    name: 'a statement about another artifact',
    make: () => withRebuild({ artifact: otherArtifact }),
    ends: 'statement-artifact-mismatch',
  },
  {
    name: 'a statement about the same name with another digest',
    make: () =>
      withRebuild({ artifact: { ...predicate().artifact, digest: otherArtifact.digest } }),
    ends: 'statement-artifact-mismatch',
  },
  {
    name: 'a statement about another recipe',
    make: () => withRebuild({ recipe: { digest: { sha256: hex('0') } } }),
    ends: 'statement-recipe-mismatch',
  },
  {
    name: 'evidence with another recipe than was rebuilt',
    make: async () => ({ ...(await honest()), recipe: { ...recipe, steps: [] } }),
    ends: 'statement-recipe-mismatch',
  },
  {
    name: 'evidence with a module taken out of the recipe',
    make: async () => ({
      ...(await honest()),
      recipe: { ...recipe, modules: [{ name: 'a.wasm' }] },
    }),
    ends: 'statement-recipe-mismatch',
  },
  {
    name: 'evidence for another artifact than its recipe',
    make: async () => ({ ...(await honest()), artifact: otherArtifact }),
    ends: 'evidence-artifact-mismatch',
  },
  {
    name: 'a statement that leaves out a module of the recipe',
    make: () => withRebuild({ modules: [rebuilt('a.wasm')] }),
    ends: 'statement-modules-mismatch',
  },
  {
    name: 'a statement with a module that the recipe does not have',
    make: () => withRebuild({ modules: [...predicate().modules, rebuilt('c.wasm')] }),
    ends: 'statement-modules-mismatch',
  },
  {
    name: 'a statement that says reproduced of no module',
    make: () => withRebuild({ modules: [] }),
    ends: 'statement-modules-mismatch',
  },
  {
    name: 'a module digest that differs between organisations',
    make: () => {
      const file = { digest: { sha256: hex('c') }, size: 8 };
      const other = rebuilt('b.wasm', { claimed: file, observed: file });
      return withRebuild({ modules: [rebuilt('a.wasm'), other] });
    },
    ends: 'disputed',
  },
  {
    name: 'a module digest that one of three organisations differs in',
    make: async () => {
      const file = { digest: { sha256: hex('c') }, size: 8 };
      const other = rebuilt('b.wasm', { claimed: file, observed: file });
      return evidenceOf([
        await vote(acme),
        await vote(birch),
        await vote(cedar, predicate({ modules: [rebuilt('a.wasm'), other] })),
      ]);
    },
    ends: 'disputed',
  },
  {
    name: 'a module size that differs between organisations',
    make: () => {
      const file = { digest: { sha256: hex('b') }, size: 9 };
      const other = rebuilt('b.wasm', { claimed: file, observed: file });
      return withRebuild({ modules: [rebuilt('a.wasm'), other] });
    },
    ends: 'disputed',
  },
  {
    name: 'a module said reproduced whose observed digest is another',
    make: () =>
      withRebuild({ modules: [rebuilt('a.wasm'), rebuilt('b.wasm', { observed: observedOther })] }),
    ends: 'module-outcome-mismatch',
  },
  {
    name: 'an outcome better than the modules',
    make: () =>
      withRebuild({
        modules: [
          rebuilt('a.wasm'),
          rebuilt('b.wasm', { outcome: 'different', observed: observedOther }),
        ],
      }),
    ends: 'statement-outcome-mismatch',
  },
  {
    name: 'a failure whose modules are said to be reproduced',
    make: () => withRebuild({ outcome: 'failed', failure: { code: 'x', message: 'y' } }),
    ends: 'pending',
  },
  {
    name: 'subjects that are not those of the predicate',
    make: () => {
      const statement = rebuildStatement(predicate());
      return withStatement({ ...statement, subject: statement.subject.slice(0, 2) });
    },
    ends: 'statement-subject-mismatch',
  },
  {
    name: 'a field beside those of a statement',
    make: () => withStatement({ ...rebuildStatement(predicate()), note: 'hello' }),
    ends: 'statement-malformed',
  },
  {
    name: 'a predicate with an unknown field',
    make: () =>
      withStatement({ ...rebuildStatement(predicate()), predicate: { ...predicate(), ok: true } }),
    ends: 'statement-malformed',
  },
  {
    name: 'a payload that is not canonical',
    make: () => withPayload(text(canonicalRebuild.replace(',', ', '))),
    ends: 'statement-not-canonical',
  },
  {
    name: 'a payload with a key twice',
    make: () => withPayload(text(canonicalRebuild.replace('{"_type"', '{"_type":"first","_type"'))),
    ends: 'statement-not-canonical',
  },
  {
    name: 'a payload that is not JSON',
    make: () => withPayload(text('reproduced')),
    ends: 'statement-malformed',
  },
  {
    name: 'a statement of another predicate type',
    make: () =>
      withStatement({ ...rebuildStatement(predicate()), predicateType: 'https://example.com/ok' }),
    ends: 'statement-predicate-type',
  },
];

const provenanceAttacks: Attack[] = [
  {
    name: 'provenance and nothing else',
    make: async () =>
      evidenceOf([
        await attest(acme, provenanceOf(predicate(), 'acme')),
        await attest(birch, provenanceOf(predicate(), 'birch')),
      ]),
    ends: 'provenance-without-rebuild',
  },
  {
    name: 'one rebuild, and provenance by another organisation',
    make: () => withStatement(provenanceOf(predicate(), 'birch')),
    ends: 'provenance-without-rebuild',
  },
  {
    name: 'one rebuild with its own provenance',
    make: () => withStatement(provenanceOf(predicate(), 'acme'), acme),
    ends: 'pending',
  },
  {
    name: 'provenance of other modules than were observed',
    make: () => {
      const file = { digest: { sha256: hex('c') }, size: 8 };
      const modules = [rebuilt('a.wasm'), rebuilt('b.wasm', { observed: file })];
      return withStatement(provenanceOf(predicate({ modules }), 'acme'), acme);
    },
    ends: 'statement-subject-mismatch',
  },
  {
    name: 'provenance in the name of another builder',
    make: () => withStatement(provenanceOf(predicate(), 'birch'), acme),
    ends: 'provenance-builder-mismatch',
  },
];

const fileAttacks: Attack[] = [
  {
    name: 'a file of another digest',
    make: honest,
    presented: [{ sha256: hex('9'), size: 8 }],
    ends: 'artifact-mismatch',
  },
  {
    name: 'a file of another size',
    make: honest,
    presented: [{ sha256: hex('a'), size: 9 }],
    ends: 'artifact-mismatch',
  },
  {
    name: 'one module presented as the other',
    make: honest,
    presented: [{ name: 'b.wasm', sha256: hex('a'), size: 8 }],
    ends: 'artifact-mismatch',
  },
  {
    name: 'a good file followed by a bad one',
    make: honest,
    presented: [
      { sha256: hex('a'), size: 8 },
      { sha256: hex('9'), size: 8 },
    ],
    ends: 'artifact-mismatch',
  },
  {
    name: 'a file that only a failed rebuild claims',
    make: async () => {
      const file = { digest: { sha256: hex('9') }, size: 8 };
      const modules = [rebuilt('a.wasm', { claimed: file, observed: file })];
      const failed = { ...failure(), modules };
      return evidenceOf([await vote(acme), await vote(birch), await vote(cedar, failed)]);
    },
    presented: [{ sha256: hex('9'), size: 8 }],
    ends: 'artifact-mismatch',
  },
  {
    name: 'a tarball of another digest',
    make: honest,
    presented: [{ sha256: hex('9'), size: 8, sha512: hex('0') + hex('9') }],
    ends: 'artifact-mismatch',
  },
];

const shapeAttacks: Attack[] = [
  { name: 'nothing', make: async () => undefined, ends: 'evidence-malformed' },
  { name: 'bytes that are no JSON', make: async () => text('{'), ends: 'evidence-malformed' },
  {
    name: 'another schema',
    make: async () => ({ ...(await honest()), schema: 'https://touchstone.dev/evidence/v2' }),
    ends: 'evidence-malformed',
  },
  {
    name: 'an unknown field',
    make: async () => ({ ...(await honest()), verdict: 'reproduced' }),
    ends: 'evidence-malformed',
  },
  {
    name: 'an unknown field of an entry',
    make: () => firstEntry((entry) => ({ ...entry, verified: true })),
    ends: 'evidence-malformed',
  },
  {
    name: 'a fractional index',
    make: () => firstEntry((entry) => ({ ...entry, logIndex: 3.5 })),
    ends: 'evidence-malformed',
  },
  {
    name: 'base64 with stray bits',
    make: () =>
      firstEntry((entry) => ({ ...entry, envelope: { ...entry.envelope, payload: 'AB==' } })),
    ends: 'evidence-malformed',
  },
  {
    name: 'more entries than are read',
    make: async () => {
      const evidence = await honest();
      return { ...evidence, entries: Array(257).fill(evidence.entries[0]) };
    },
    ends: 'evidence-malformed',
  },
  {
    name: 'a recipe without modules',
    make: async () => ({ ...(await honest()), recipe: { ...recipe, modules: [] } }),
    ends: 'recipe-malformed',
  },
  {
    name: 'a recipe with one module name twice',
    make: async () => ({
      ...(await honest()),
      recipe: { ...recipe, modules: [{ name: 'a.wasm' }, { name: 'a.wasm' }] },
    }),
    ends: 'recipe-malformed',
  },
  {
    name: 'a recipe nested without end',
    make: async () => {
      let nested: unknown = 1;
      for (let depth = 0; depth < 100_000; depth += 1) nested = [nested];
      return { ...(await honest()), recipe: { ...recipe, nested } };
    },
    ends: 'recipe-malformed',
  },
];

describe.each([
  ['signers', signerAttacks],
  ['the log', logAttacks],
  ['statements', statementAttacks],
  ['provenance', provenanceAttacks],
  ['files', fileAttacks],
  ['shape', shapeAttacks],
])('no false "reproduced" by %s', (_, attacks) => {
  it.each(attacks)('$name: $ends', async ({ make, presented, ends }) => {
    const evidence = await make();
    const options = {
      trustRoot: trustRoot(),
      verify: nodeVerify,
      ...(presented && { artifacts: presented }),
    };
    const outcome = await verifyEvidence(evidence, options).then(
      ({ verdict }) => verdict,
      (error: { code: string }) => error.code,
    );
    expect(outcome).toBe(ends);
  });
});

describe('what the verifier trusts', () => {
  it('is nothing of a trust root that does not hold together', async () => {
    const root = trustRoot();
    const [acmeEntry] = root.rebuilders;
    if (acmeEntry === undefined) throw new Error('fixture');
    const twice = { ...acmeEntry, id: 'shadow', organisation: 'Shadow' };
    const evidence = await evidenceOf([await vote(acme)]);
    await expect(
      verifyEvidence(evidence, {
        trustRoot: { ...root, rebuilders: [...root.rebuilders, twice] },
        verify: nodeVerify,
      }),
    ).rejects.toMatchObject({ code: 'trust-root-duplicate', step: 'trust-root' });
  });

  it('refuses to sign what it would not read back', async () => {
    const statement = rebuildStatement(predicate());
    await expect(signEnvelope({ ...statement, subject: [] }, acme)).rejects.toMatchObject({
      code: 'statement-malformed',
    });
  });
});

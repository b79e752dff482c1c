import {
  cosign,
  cosignerKey,
  formatCosignerKey,
  formatNote,
  formatVerifierKey,
  parseNote,
  parseWitnessPolicy,
  toBase64,
  verifierKey,
  type NoteSignature,
} from '@touchstone/note';
import { describe, expect, it } from 'vitest';
import {
  narrowEvidence,
  verifyEvidence,
  type AttestErrorCode,
  type Evidence,
  type TrustRoot,
  type Verdict,
  type VerifyEvidenceOptions,
} from './index.js';
import { evidenceOf, ORIGIN, trustRoot, vote } from './testdata/evidence-fixture.js';
import { fixedSigner, nodeVerify, signers } from './testdata/parties.js';

const { acme, birch, cedar, cedarWest } = signers;
const honest = (): Promise<Evidence> =>
  vote(acme).then(async (a) => evidenceOf([a, await vote(birch)]));

/** What a verifier makes of it: a verdict, or the code it refuses with. */
async function outcome(
  evidence: Evidence,
  changes: Partial<TrustRoot>,
  options: Partial<VerifyEvidenceOptions> = {},
): Promise<Verdict | AttestErrorCode> {
  try {
    const settings = { trustRoot: trustRoot(changes), verify: nodeVerify, ...options };
    return (await verifyEvidence(evidence, settings)).verdict;
  } catch (error) {
    return (error as { code: AttestErrorCode }).code;
  }
}

const witnesses = ['west', 'east', 'south'].map((name, at) => {
  const signer = fixedSigner('ed25519', 40 + at);
  return { name, signer, key: cosignerKey(`${name}.example`, signer.publicKey) };
});
const POLICY = [
  ...witnesses.map(({ name, key }) => `witness ${name} ${formatCosignerKey(key)}`),
  'group coasts all west east',
  'group any 1 coasts south',
  'quorum any',
  '',
].join('\n');

/** The evidence with cosignatures of these witnesses on its checkpoint. */
async function cosigned(evidence: Evidence, ...names: string[]): Promise<Evidence> {
  const note = parseNote(evidence.checkpoint);
  const lines: NoteSignature[] = [];
  for (const { name, key, signer } of witnesses) {
    if (names.includes(name)) lines.push(await cosign(note.text, 100, key, signer));
  }
  const checkpoint = formatNote({ ...note, signatures: [...note.signatures, ...lines] });
  return { ...evidence, checkpoint };
}

describe('witnesses', () => {
  it.each<[string[], Verdict | AttestErrorCode]>([
    [[], 'checkpoint-unwitnessed'],
    [['west'], 'checkpoint-unwitnessed'],
    [['west', 'east'], 'reproduced'],
    [['south'], 'reproduced'],
  ])('cosigned by %j: %s', async (names, expected) => {
    const evidence = await cosigned(await honest(), ...names);
    expect(await outcome(evidence, { witnessPolicy: POLICY })).toBe(expected);
    const witnessPolicy = parseWitnessPolicy(POLICY);
    expect(await outcome(evidence, {}, { witnessPolicy })).toBe(expected);
    expect(await outcome(evidence, {})).toBe('reproduced');
  });

  it('are a step of their own, when they are asked for', async () => {
    const evidence = await cosigned(await honest(), 'south');
    const options = { trustRoot: trustRoot({ witnessPolicy: POLICY }), verify: nodeVerify };
    const { steps } = await verifyEvidence(evidence, options);
    expect(steps.map(({ name }) => name)).toContain('checkpoint-witnesses');
    const without = await verifyEvidence(evidence, { ...options, trustRoot: trustRoot() });
    expect(without.steps.map(({ name }) => name)).not.toContain('checkpoint-witnesses');
  });

  it('of trust root and verifier must both be content', async () => {
    const evidence = await cosigned(await honest(), 'south');
    const witnessPolicy = parseWitnessPolicy(POLICY.replace('quorum any', 'quorum coasts'));
    expect(await outcome(evidence, { witnessPolicy: POLICY }, { witnessPolicy })).toBe(
      'checkpoint-unwitnessed',
    );
  });

  it('refuse a cosignature that does not hold, whoever else cosigned', async () => {
    const evidence = await honest();
    const other = await cosigned(await evidenceOf([]), 'west');
    const forged = parseNote(other.checkpoint).signatures.slice(1);
    const note = parseNote((await cosigned(evidence, 'south')).checkpoint);
    const checkpoint = formatNote({ ...note, signatures: [...note.signatures, ...forged] });
    expect(await outcome({ ...evidence, checkpoint }, { witnessPolicy: POLICY })).toBe(
      'checkpoint-unwitnessed',
    );
  });

  it('cannot be asked for by a policy that cannot be read', async () => {
    for (const witnessPolicy of ['quorum nobody\n', 'witness a\nquorum none\n', 'nonsense\n']) {
      expect(await outcome(await honest(), { witnessPolicy })).toBe('trust-root-malformed');
    }
  });
});

describe('keys of logs', () => {
  const vkey = (signer = signers.log, origin = ORIGIN): string =>
    formatVerifierKey(verifierKey(origin, signer.publicKey));
  const old = { origin: ORIGIN, vkey: vkey() };
  const next = { origin: ORIGIN, vkey: vkey(signers.otherLog) };

  // The tree of the honest evidence has 8 leaves, and the old key signed for it.
  it.each<[string, TrustRoot['logs'], Verdict | AttestErrorCode]>([
    ['both count', [old, next], 'reproduced'],
    ['the old one counts up to this tree', [{ ...old, until: 8 }, next], 'reproduced'],
    ['the old one was retired before', [{ ...old, until: 7 }, next], 'checkpoint-signature'],
    ['no key is for this tree', [{ ...old, until: 7 }], 'checkpoint-key-retired'],
    ['the key came later', [{ ...old, from: 9 }], 'checkpoint-key-retired'],
    ['the key came by then', [{ ...old, from: 8, until: 8 }], 'reproduced'],
    [
      'the other log counts too',
      [{ origin: 'b.example', vkey: vkey(signers.log, 'b.example') }, old],
      'reproduced',
    ],
    ['a term that ends before it begins', [{ ...old, from: 9, until: 8 }], 'trust-root-malformed'],
  ])('%s: %s', async (_, logs, expected) => {
    expect(await outcome(await honest(), { logs })).toBe(expected);
  });

  it('of several logs are each for their own', async () => {
    const elsewhere = { origin: 'b.example', vkey: vkey(signers.otherLog, 'b.example') };
    const votes = [await vote(acme), await vote(birch)];
    const there = { origin: 'b.example', log: signers.otherLog };
    const logs = [old, elsewhere];
    expect(await outcome(await evidenceOf(votes, there), { logs })).toBe('reproduced');
    expect(await outcome(await evidenceOf(votes), { logs })).toBe('reproduced');
    // The key of one log under the name of the other.
    const crossed = await evidenceOf(votes, { origin: ORIGIN, log: signers.otherLog });
    expect(await outcome(crossed, { logs })).toBe('checkpoint-signature');
  });
});

describe('retired keys of rebuilders', () => {
  /** Cedar has moved from one key to another; their entries stand at leaves 3 and 4. */
  function rebuilders(retired: { origin: string; size: number }[] | undefined) {
    const root = trustRoot();
    const { algorithm, spki } = cedar.publicKey;
    const { publicKey: other } = cedarWest;
    return [
      ...root.rebuilders.slice(0, 2),
      {
        id: 'cedar',
        organisation: 'Cedar',
        keys: [
          { algorithm, spki: toBase64(spki), ...(retired && { retired }) },
          { algorithm: other.algorithm, spki: toBase64(other.spki) },
        ],
      },
    ];
  }

  it.each<[string, { origin: string; size: number }[] | undefined, Verdict | AttestErrorCode]>([
    ['in service', undefined, 'reproduced'],
    ['retired later', [{ origin: ORIGIN, size: 4 }], 'reproduced'],
    ['retired before', [{ origin: ORIGIN, size: 3 }], 'signer-retired'],
    ['retired, and never in that log', [{ origin: 'b.example', size: 9 }], 'signer-retired'],
    ['retired of all logs', [], 'signer-retired'],
  ])('%s: %s', async (_, retired, expected) => {
    const evidence = await evidenceOf([await vote(cedar), await vote(acme)]);
    const root = { rebuilders: rebuilders(retired) };
    expect(await outcome(evidence, root)).toBe(expected);
    // Who narrows the evidence first loses the vote, and nothing else.
    const narrowed = narrowEvidence(evidence, trustRoot(root));
    expect(await outcome(narrowed, root)).toBe(expected === 'reproduced' ? expected : 'pending');
  });

  it('are followed by others that count', async () => {
    const evidence = await evidenceOf([await vote(cedarWest), await vote(acme)]);
    expect(await outcome(evidence, { rebuilders: rebuilders([]) })).toBe('reproduced');
  });

  it('leave nothing to wait for when they are all of an organisation', async () => {
    const [first, second, third] = trustRoot().rebuilders;
    if (!first || !second || !third) throw new Error('fixture');
    const gone = (one: typeof second): typeof second => ({
      ...one,
      keys: one.keys.map((key) => ({ ...key, retired: [{ origin: ORIGIN, size: 3 }] })),
    });
    const evidence = await evidenceOf([await vote(acme)]);
    const some = { rebuilders: [first, gone(second), third] };
    const all = { rebuilders: [first, gone(second), gone(third)] };
    expect(await outcome(evidence, some)).toBe('pending');
    expect(await outcome(evidence, all)).toBe('insufficient');
  });
});

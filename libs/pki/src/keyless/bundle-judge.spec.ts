import { SigstoreInstance, type SignedBundle, type Workflow } from '@touchstone/kit';
import { beforeAll, describe, expect, it } from 'vitest';
import { bundleJudge } from './bundle-judge.js';

const WORKFLOW: Workflow = { repository: 'https://git.example.test/a/b', commit: 'c'.repeat(40) };
const STATEMENT = { _type: 'https://in-toto.io/Statement/v1', subject: [], predicate: {} };
/** Matching this against any address takes longer than a person lives. */
const ENDLESS = '(((((((((.)+)+)+)+)+)+)+)+)+!';

interface Root {
  tlogs: { publicKey: { validFor?: { start?: string } } }[];
  ctlogs: { publicKey: { validFor?: { start?: string } } }[];
  certificateAuthorities: { validFor?: { start?: string } }[];
}

let sigstore: SigstoreInstance;
let logged: Record<'dsse' | 'hashedrekord', SignedBundle>;

beforeAll(async () => {
  sigstore = await SigstoreInstance.start();
  logged = {
    dsse: await sigstore.sign(STATEMENT, WORKFLOW),
    hashedrekord: await sigstore.sign(STATEMENT, WORKFLOW, 'hashedrekord'),
  };
});

function judge(bundle: SignedBundle) {
  return bundleJudge(JSON.parse(sigstore.trustedRoot))(bundle, () => undefined);
}

/** The entry of a bundle that a test may alter. */
function altered(kind: keyof typeof logged) {
  const bundle = structuredClone(logged[kind]);
  const [entry] = bundle.verificationMaterial.tlogEntries;
  if (entry?.inclusionProof === undefined) throw new Error('the bundle has no proof');
  return { bundle, entry, checkpoint: entry.inclusionProof.checkpoint };
}

describe('an envelope', () => {
  it.each(['dsse', 'hashedrekord'] as const)('is taken when it was logged as %s', (kind) => {
    expect(judge(logged[kind])).toMatchObject({
      signer: { issuer: 'https://token.actions.githubusercontent.com' },
      signed: { kind: 'envelope', payloadType: 'application/vnd.in-toto+json' },
    });
  });

  it.each(['dsse', 'hashedrekord'] as const)('is refused with the entry of another: %s', (kind) => {
    const { bundle } = altered(kind);
    bundle.dsseEnvelope.payload = Buffer.from('{}').toString('base64');
    expect(judge(bundle)).toMatchObject({ code: 'bundle-invalid' });
  });

  it('is refused when its entry says it is of another kind', () => {
    const { bundle, entry } = altered('hashedrekord');
    Object.assign(entry, { kindVersion: { kind: 'dsse', version: '0.0.1' } });
    expect(judge(bundle)).toMatchObject({ code: 'bundle-invalid' });
    const two = altered('hashedrekord').bundle;
    two.verificationMaterial.tlogEntries.push(...logged.dsse.verificationMaterial.tlogEntries);
    expect(judge(two)).toMatchObject({ code: 'bundle-invalid' });
  });
});

describe('a checkpoint', () => {
  it('may carry lines of strangers, whatever they are called', () => {
    const { bundle, checkpoint } = altered('dsse');
    const [, base64] = /\u2014 \S+ (\S+)\n$/.exec(checkpoint.envelope) ?? [];
    const [text, own] = checkpoint.envelope.split('\n\n');
    const strangers = [ENDLESS, '[', 'witness.example'].map((name) => `\u2014 ${name} ${base64}\n`);
    checkpoint.envelope = `${text}\n\n${strangers.join('')}${own}`;
    expect(judge(bundle)).toHaveProperty('signer');
    checkpoint.envelope = `${text}\n\n${strangers.join('')}`;
    expect(judge(bundle)).toMatchObject({ code: 'bundle-invalid' });
  });

  it('is not signed by a line within another line', () => {
    const { bundle, checkpoint } = altered('dsse');
    checkpoint.envelope = checkpoint.envelope.replace('\n\u2014 ', '\nx \u2014 ');
    expect(judge(bundle)).toMatchObject({ code: 'bundle-invalid' });
  });
});

it('without what its version asks for is told so, and not what a parser stumbled over', () => {
  const { bundle, entry } = altered('dsse');
  for (const value of [{}, 7]) {
    Object.assign(entry, { inclusionProof: value });
    const { code, message } = judge(bundle) as { code: string; message: string };
    expect([code, message]).toEqual(['bundle-malformed', expect.not.stringMatching(/undefined/)]);
  }
});

describe('a trusted root', () => {
  const malformed: unknown = expect.objectContaining({ code: 'trusted-root-malformed' });

  it.each<[string, (root: Root) => unknown]>([
    ['a log without a beginning', ({ tlogs }) => delete tlogs[0]?.publicKey.validFor?.start],
    ['a log without validity', ({ tlogs }) => delete tlogs[0]?.publicKey.validFor],
    ['a log of certificates without one', ({ ctlogs }) => delete ctlogs[0]?.publicKey.validFor],
    [
      'an authority without one',
      ({ certificateAuthorities }) => delete certificateAuthorities[0]?.validFor?.start,
    ],
    ['no log', (root) => (root.tlogs = [])],
    ['no authority', (root) => (root.certificateAuthorities = [])],
  ])('is refused with %s', (_, alter) => {
    const root = JSON.parse(sigstore.trustedRoot) as Root;
    alter(root);
    expect(() => bundleJudge(root)).toThrow(malformed);
  });
});

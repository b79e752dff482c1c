import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { seeded, SigstoreInstance, type SignedBundle, type Workflow } from '@touchstone/kit';
import { readProvenance } from '@touchstone/rebuild';
import { afterAll, beforeAll, expect, it } from 'vitest';

// Bundles as npm publishes them, of an instance of Sigstore by the project's own mock, judged by
// @sigstore/verify. Each row but the first breaks one thing.
const commit = 'c'.repeat(40);
const repository = 'https://github.com/o/r';
const workflow: Workflow = { repository, commit };
const artifact = {
  kind: 'npm',
  ...{ name: '@s/n', version: '1.0.0' },
  integrity: `sha512-${Buffer.alloc(64).toString('base64')}`,
} as const;
const predicateType = 'https://slsa.dev/provenance/v1';
const statement = (changes: object = {}): object => ({
  _type: 'https://in-toto.io/Statement/v1',
  subject: [{ name: 'pkg:npm/%40s/n@1.0.0', digest: { sha512: '00'.repeat(64) } }],
  predicateType,
  predicate: {
    buildDefinition: {
      resolvedDependencies: [
        { uri: `git+${repository}@refs/tags/v1`, digest: { gitCommit: commit } },
      ],
    },
  },
  ...changes,
});

let ours: SigstoreInstance;
let theirs: SigstoreInstance;
let server: Server;
let registry = '';
let answer: { status: number; body: string } = { status: 404, body: '' };
beforeAll(async () => {
  [ours, theirs] = await Promise.all([SigstoreInstance.start(), SigstoreInstance.start()]);
  server = createServer((request, response) => {
    const known = request.url === '/-/npm/v1/attestations/@s%2fn@1.0.0';
    response.writeHead(known ? answer.status : 500).end(answer.body);
  });
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  registry = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
});
afterAll(() => {
  server.close();
});

const judge = (trustedRoot = ours.trustedRoot) =>
  readProvenance({ registry, scopes: new Map(), noProxy: [] }, artifact, trustedRoot, {
    allowPrivate: true,
    attempts: 1,
  });

function answers(...bundles: SignedBundle[]): void {
  const attestations = bundles.map((bundle) => ({ predicateType, bundle }));
  answer = { status: 200, body: JSON.stringify({ attestations }) };
}

it.each([
  ['as Fulcio writes certificates now', false],
  ['as it wrote them before 2023', true],
])('is believed when all of it verifies, %s', async (_, legacy) => {
  answers(await ours.sign(statement(), { ...workflow, legacy }));
  expect(await judge()).toEqual({
    state: 'verified',
    source: { kind: 'git', url: repository, commit },
    signer: {
      identity: `${repository}/.github/workflows/publish.yml@refs/tags/v1`,
      issuer: 'https://token.actions.githubusercontent.com',
    },
  });
});

it('is believed when one of several verifies', async () => {
  const [good, bad] = [
    await ours.sign(statement(), workflow),
    await theirs.sign(statement(), workflow),
  ];
  answers(bad, good);
  expect(await judge()).toMatchObject({ state: 'verified' });
});

/** Alters a bundle that is good. */
type Change = (bundle: SignedBundle) => void;
const flip = (base64: string): string => {
  const bytes = Buffer.from(base64, 'base64');
  bytes[bytes.length - 1]! ^= 1;
  return bytes.toString('base64');
};
const changes: [string, string, Change][] = [
  [
    'provenance-signature',
    'another signature',
    ({ dsseEnvelope: { signatures } }) => {
      signatures[0]!.sig = flip(signatures[0]!.sig);
    },
  ],
  [
    'provenance-signature',
    'a word more in the statement',
    ({ dsseEnvelope }) => {
      const text = Buffer.from(dsseEnvelope.payload, 'base64').toString();
      dsseEnvelope.payload = Buffer.from(text.replace('tags/v1', 'tags/v11')).toString('base64');
    },
  ],
  [
    'provenance-signature',
    'a certificate that was altered',
    ({ verificationMaterial: { certificate } }) => {
      certificate.rawBytes = flip(certificate.rawBytes);
    },
  ],
  [
    'provenance-signature',
    'another time of the log entry',
    ({ verificationMaterial: { tlogEntries } }) => {
      tlogEntries[0]!.integratedTime = String(Number(tlogEntries[0]!.integratedTime) + 1);
    },
  ],
  [
    'provenance-signature',
    'a log entry of something else',
    ({ verificationMaterial: { tlogEntries } }) => {
      tlogEntries[0]!.canonicalizedBody = flip(tlogEntries[0]!.canonicalizedBody);
    },
  ],
  [
    'provenance-signature',
    'no log entry',
    ({ verificationMaterial }) => {
      verificationMaterial.tlogEntries = [];
    },
  ],
  [
    'provenance-malformed',
    'a log entry without a proof',
    ({ verificationMaterial: { tlogEntries } }) => {
      delete tlogEntries[0]!.inclusionProof;
    },
  ],
  [
    'provenance-malformed',
    'an envelope of something else',
    ({ dsseEnvelope }) => {
      dsseEnvelope.payloadType = 'text/plain';
    },
  ],
];

it.each(changes)('%s: %s', async (code, _, change) => {
  const bundle = await ours.sign(statement(), workflow);
  change(bundle);
  answers(bundle);
  expect(await judge()).toMatchObject({ state: 'not-verified', code });
});

it.each([
  ['another repository', { ...workflow, repository: 'https://github.com/o/fork' }],
  ['another commit', { ...workflow, commit: 'd'.repeat(40) }],
  ['another commit, as before 2023', { ...workflow, commit: 'd'.repeat(40), legacy: true }],
])('a workflow of %s signed it', async (_, signer) => {
  answers(await ours.sign(statement(), signer));
  expect(await judge()).toMatchObject({
    ...{ state: 'not-verified', code: 'provenance-signer-mismatch' },
    reason: expect.stringContaining(signer.commit) as unknown,
  });
});

it('is not of this tarball', async () => {
  const subject = [{ name: 'pkg:npm/%40s/n@1.0.0', digest: { sha512: '01'.repeat(64) } }];
  answers(await ours.sign(statement({ subject }), workflow));
  expect(await judge()).toMatchObject({ code: 'provenance-subject-mismatch' });
});

it('is of another instance, or asked of the public one', async () => {
  answers(await theirs.sign(statement(), workflow));
  expect(await judge()).toMatchObject({ code: 'provenance-signature' });
  answers(await ours.sign(statement(), workflow));
  const offline = readProvenance(
    { registry, scopes: new Map(), noProxy: [] },
    artifact,
    undefined,
    { allowPrivate: true },
  );
  expect(await offline).toMatchObject({ code: 'provenance-signature' });
});

it.each([
  [404, '', { state: 'absent' }],
  [200, '{"attestations":[]}', { state: 'absent' }],
  [
    200,
    '{"attestations":[{"predicateType":"https://example.test/other","bundle":{}}]}',
    { state: 'absent' },
  ],
  [200, '{"attestations":{}}', { state: 'not-verified', code: 'provenance-malformed' }],
  [200, '[', { state: 'not-verified', code: 'provenance-malformed' }],
  [
    200,
    `{"attestations":[{"predicateType":"${predicateType}","bundle":{"mediaType":"x"}}]}`,
    { state: 'not-verified', code: 'provenance-malformed' },
  ],
  [503, '', { state: 'not-verified', code: 'provenance-unreachable' }],
])('the registry answers %i %s', async (status, body, outcome) => {
  answer = { status, body };
  expect(await judge()).toMatchObject(outcome);
});

it('believes nothing else, whatever byte of the answer is another', async () => {
  answers(await ours.sign(statement(), workflow));
  const honest = Buffer.from(answer.body);
  const random = seeded(7);
  const runs = process.env['TOUCHSTONE_LONG_FUZZ'] === '1' ? 20_000 : 150;
  const states = new Map<string, number>();
  for (let run = 0; run < runs; run += 1) {
    const altered = Buffer.from(honest);
    for (let edits = 1 + Math.floor(random() * 3); edits > 0; edits -= 1)
      altered[Math.floor(random() * altered.length)] = Math.floor(random() * 256);
    answer = { status: 200, body: altered.toString('latin1') };
    const outcome = await judge();
    if (outcome.state === 'verified')
      expect(outcome.source).toEqual({ kind: 'git', url: repository, commit });
    states.set(outcome.state, (states.get(outcome.state) ?? 0) + 1);
  }
  expect(states.get('not-verified')).toBeGreaterThan(runs / 2);
}, 3_600_000);

it.each(['', '{}', '[]', '{"certificateAuthorities":[{}],"tlogs":[{}]}'])(
  'refuses the trusted root %s',
  async (text) => {
    await expect(judge(text)).rejects.toMatchObject({ code: 'trusted-root-malformed' });
  },
);

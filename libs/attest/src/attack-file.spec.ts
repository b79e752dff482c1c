import { describe, expect, it } from 'vitest';

import { rebuildStatement, signEnvelope, verifyEvidence } from './index.js';
import { honest, firstEntry, text, itRefuses, type Attack } from './testdata/attack.js';
import {
  evidenceOf,
  failure,
  hex,
  predicate,
  rebuilt,
  recipe,
  trustRoot,
  vote,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const { acme, birch, cedar } = signers;

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
      return { ...evidence, entries: Array(513).fill(evidence.entries[0]) };
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

describe('no false "reproduced" by files at hand', () => itRefuses(fileAttacks));
describe('no false "reproduced" by the shape of evidence', () => itRefuses(shapeAttacks));

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

import { describe } from 'vitest';

import { encodeStatement, rebuildStatement, sbomStatement } from './index.js';
import {
  honest,
  withStatement,
  withRebuild,
  withPayload,
  text,
  itRefuses,
  type Attack,
} from './testdata/attack.js';
import {
  attest,
  evidenceOf,
  hex,
  predicate,
  provenanceOf,
  rebuilt,
  recipe,
  vote,
} from './testdata/evidence-fixture.js';
import { signers } from './testdata/parties.js';

const { acme, birch, cedar } = signers;

const observedOther = { digest: { sha256: hex('e') }, size: 8 };

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
    ends: 'statement-malformed',
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

describe('no false "reproduced" by what is stated', () => itRefuses(statementAttacks));
describe('no false "reproduced" by provenance', () => itRefuses(provenanceAttacks));

const bom = { bomFormat: 'CycloneDX', specVersion: '1.6', version: 1, components: [] };

const sbomAttacks: Attack[] = [
  {
    name: 'a bill of materials and nothing else',
    make: async () => evidenceOf([await attest(acme, sbomStatement(predicate(), bom))]),
    ends: 'sbom-without-rebuild',
  },
  {
    name: 'one rebuild, and a bill of materials by another organisation',
    make: () => withStatement(sbomStatement(predicate(), bom)),
    ends: 'sbom-without-rebuild',
  },
  {
    name: 'one rebuild with its own bill of materials',
    make: () => withStatement(sbomStatement(predicate(), bom), acme),
    ends: 'pending',
  },
  {
    name: 'a bill of materials of other modules than were observed',
    make: () => {
      const file = { digest: { sha256: hex('c') }, size: 8 };
      const modules = [rebuilt('a.wasm'), rebuilt('b.wasm', { observed: file })];
      return withStatement(sbomStatement(predicate({ modules }), bom), acme);
    },
    ends: 'statement-subject-mismatch',
  },
  {
    name: 'a bill of materials that is none',
    make: () => withStatement(sbomStatement(predicate(), { ...bom, bomFormat: 'SPDX' }), acme),
    ends: 'statement-malformed',
  },
];

describe('no false "reproduced" by a bill of materials', () => itRefuses(sbomAttacks));

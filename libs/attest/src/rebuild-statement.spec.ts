import { describe, expect, it } from 'vitest';
import {
  checkRebuildStatement,
  failureMessage,
  outcomeOfModules,
  RebuildPredicate,
  rebuildStatement,
  signEnvelope,
  type AttestErrorCode,
  type ModuleOutcome,
  type RebuiltModule,
  type Variation,
} from './index.js';
import {
  artifact,
  differing,
  dissent,
  failure,
  hex,
  predicate,
  rebuilt,
  recipeDigest,
} from './testdata/evidence-fixture.js';
import { nodeVerify, signers } from './testdata/parties.js';

const { acme, birch } = signers;
const expected = {
  publicKeys: [acme.publicKey],
  verify: nodeVerify,
  artifact,
  recipeDigest,
  moduleNames: ['a.wasm', 'b.wasm'],
};

const equal = { name: 'strip', claimed: { sha256: hex('1') }, observed: { sha256: hex('1') } };
const unequal = { ...equal, observed: { sha256: hex('2') } };
const otherBytes = { digest: { sha256: hex('e') }, size: 8 };
const equivalent = rebuilt('b.wasm', {
  outcome: 'equivalent',
  observed: otherBytes,
  normalisations: [unequal, equal],
});
const second = (changes: Partial<RebuiltModule>, variation?: Variation): RebuildPredicate => {
  const module = rebuilt('b.wasm', changes);
  return predicate({
    ...{ outcome: module.outcome, modules: [rebuilt('a.wasm'), module] },
    ...(variation === undefined ? {} : { variation }),
  });
};
const path = { name: 'path', applied: true, changes: false, detail: '/srv' };
const varied = (changes: Partial<Variation> = {}): Variation => ({
  ...{ builds: 3, deterministic: true, unstable: false, varied: [path], modules: [] },
  ...changes,
});
const changing: Partial<Variation> = {
  ...{ deterministic: false, modules: ['b.wasm'] },
  varied: [{ ...path, changes: true }],
};
const unstable: Partial<Variation> = {
  ...{ deterministic: false, unstable: true, modules: ['b.wasm'] },
  varied: [{ ...path, applied: false }],
};

describe('rebuildStatement', () => {
  it('has the publication as its first subject, then each module as published', () => {
    expect(rebuildStatement(dissent()).subject).toEqual([
      { name: 'pkg:npm/%40scope/pebble@1.2.3', digest: artifact.digest },
      { name: 'pkg:npm/%40scope/pebble@1.2.3#a.wasm', digest: { sha256: hex('a') } },
      { name: 'pkg:npm/%40scope/pebble@1.2.3#b.wasm', digest: { sha256: hex('b') } },
    ]);
    expect(rebuildStatement(failure()).subject).toHaveLength(1);
  });
});

describe('outcomeOfModules', () => {
  it.each<[ModuleOutcome[], ModuleOutcome]>([
    [['reproduced'], 'reproduced'],
    [['reproduced', 'reproduced'], 'reproduced'],
    [['reproduced', 'equivalent'], 'equivalent'],
    [['equivalent', 'different'], 'different'],
    [['different', 'reproduced'], 'different'],
  ])('of %j is %s', (outcomes, outcome) => {
    expect(outcomeOfModules(outcomes.map((each) => ({ outcome: each })))).toBe(outcome);
  });

  it('is nothing for no modules', () => {
    expect(() => outcomeOfModules([])).toThrow(
      expect.objectContaining({ code: 'statement-modules-mismatch' }),
    );
  });
});

describe('checkRebuildStatement', () => {
  it.each<[string, RebuildPredicate]>([
    ['reproduced', predicate()],
    ['different', dissent()],
    ['equivalent', predicate({ outcome: 'equivalent', modules: [rebuilt('a.wasm'), equivalent] })],
    ['failed', failure()],
    ['failed midway', { ...failure(), modules: [rebuilt('a.wasm')] }],
    ['unavailable', { ...failure(), outcome: 'unavailable' }],
    ['varied', { ...dissent(), variation: varied() }],
    ['varied, and not deterministic', { ...dissent(), variation: varied(changing) }],
    ['varied, and unstable', { ...dissent(), variation: varied(unstable) }],
    [
      'varied, and cut short',
      { ...dissent(), variation: varied({ deterministic: false, incomplete: 'time' }) },
    ],
    ['modules in another order', predicate({ modules: [rebuilt('b.wasm'), rebuilt('a.wasm')] })],
    [
      'different in size alone is impossible, in bytes of one size not',
      second({ outcome: 'different', observed: otherBytes }),
    ],
  ])('accepts %s', async (_, rebuild) => {
    const envelope = await signEnvelope(rebuildStatement(rebuild), acme);
    const checked = await checkRebuildStatement(envelope, expected);
    expect(checked).toEqual({ predicate: rebuild, publicKey: acme.publicKey });
  });

  it.each<[string, RebuildPredicate]>([
    ['of a build that failed', { ...failure(), variation: varied() }],
    ['deterministic with a cause', second({}, varied({ ...changing, deterministic: true }))],
    ['deterministic though cut short', second({}, varied({ incomplete: 'time' }))],
    ['not deterministic for no reason', second({}, varied({ deterministic: false }))],
    ['other bytes of no module', second({}, varied({ ...changing, modules: [] }))],
    [
      'other bytes without a cause',
      second({}, varied({ deterministic: false, modules: ['b.wasm'] })),
    ],
    ['of a module that was not built', second({}, varied({ ...changing, modules: ['c.wasm'] }))],
    ['of a module twice', second({}, varied({ ...changing, modules: ['b.wasm', 'b.wasm'] }))],
    ['unstable, with a cause', second({}, varied({ ...changing, unstable: true }))],
    [
      'a cause that was not applied',
      second({}, varied({ ...changing, varied: [{ ...path, applied: false, changes: true }] })),
    ],
    ['a circumstance twice', second({}, varied({ varied: [path, path] }))],
  ])('refuses variation that denies itself: %s', async (_, rebuild) => {
    const envelope = await signEnvelope(rebuildStatement(rebuild), acme);
    await expect(checkRebuildStatement(envelope, expected)).rejects.toMatchObject({
      code: 'statement-variation-mismatch',
    });
  });

  it('refuses a report signed with a key of somebody else', async () => {
    const envelope = await signEnvelope(rebuildStatement(predicate()), birch);
    await expect(checkRebuildStatement(envelope, expected)).rejects.toMatchObject({
      code: 'signer-unknown',
    });
  });

  it.each<[string, AttestErrorCode, RebuildPredicate]>([
    ['reproduced with another digest', 'module-outcome-mismatch', second({ observed: otherBytes })],
    [
      'reproduced with another size',
      'module-outcome-mismatch',
      second({ observed: { digest: { sha256: hex('b') }, size: 9 } }),
    ],
    [
      'reproduced with a difference',
      'module-outcome-mismatch',
      second({ difference: differing('b.wasm').difference ?? never() }),
    ],
    ['different with the same digest', 'module-outcome-mismatch', second({ outcome: 'different' })],
    [
      'different though a normalisation made it equal',
      'module-outcome-mismatch',
      second({ outcome: 'different', observed: otherBytes, normalisations: [equal] }),
    ],
    [
      'equivalent with the same digest',
      'module-outcome-mismatch',
      second({ outcome: 'equivalent', normalisations: [equal] }),
    ],
    [
      'equivalent without a normalisation',
      'module-equivalence-unproven',
      second({ outcome: 'equivalent', observed: otherBytes }),
    ],
    [
      'equivalent by a normalisation that did not make it equal',
      'module-equivalence-unproven',
      second({ outcome: 'equivalent', observed: otherBytes, normalisations: [unequal] }),
    ],
    ['reproduced of nothing observed', 'module-outcome-mismatch', withoutObserved('reproduced')],
    [
      'equivalent of nothing observed',
      'module-equivalence-unproven',
      withoutObserved('equivalent'),
    ],
    [
      'better than its modules',
      'statement-outcome-mismatch',
      { ...dissent(), outcome: 'equivalent' },
    ],
    ['worse than its modules', 'statement-outcome-mismatch', predicate({ outcome: 'different' })],
    [
      'reproduced with a failure',
      'statement-failure-mismatch',
      predicate({ failure: { code: 'x', message: '' } }),
    ],
    [
      'failed without a failure',
      'statement-failure-mismatch',
      predicate({ outcome: 'failed', modules: [] }),
    ],
    [
      'unavailable with modules',
      'statement-modules-mismatch',
      { ...failure(), outcome: 'unavailable', modules: [rebuilt('a.wasm')] },
    ],
    [
      'failed with a module of another recipe',
      'statement-modules-mismatch',
      { ...failure(), modules: [rebuilt('c.wasm')] },
    ],
    [
      'one module twice',
      'statement-malformed',
      predicate({ modules: [rebuilt('a.wasm'), rebuilt('b.wasm'), rebuilt('b.wasm')] }),
    ],
    [
      'a time with an offset',
      'statement-malformed',
      predicate({ startedOn: '2026-01-01T00:00:00+01:00' }),
    ],
    [
      'a size that is no safe integer',
      'statement-malformed',
      second({ claimed: { digest: { sha256: hex('b') }, size: 2 ** 53 } }),
    ],
    [
      'a network',
      'statement-malformed',
      predicate({ environment: { ...predicate().environment, network: 'host' as 'none' } }),
    ],
  ])('refuses %s: %s', async (_, code, rebuild) => {
    const envelope = await signEnvelope(rebuildStatement(rebuild), acme);
    await expect(checkRebuildStatement(envelope, expected)).rejects.toMatchObject({ code });
  });
});

function withoutObserved(outcome: ModuleOutcome): RebuildPredicate {
  const { observed: _, ...module } = rebuilt('b.wasm', { outcome, normalisations: [equal] });
  return predicate({ outcome, modules: [rebuilt('a.wasm'), module] });
}

function never(): never {
  throw new Error('fixture');
}

describe('failureMessage', () => {
  it.each([
    ['what is printable stays', 'line 1\n\tline 2: “ä 𝄞”', 'line 1\n\tline 2: “ä 𝄞”'],
    ['other line ends become line feeds', 'a\r\nb\rc', 'a\nb\nc'],
    ['NUL, escapes and direction marks go', 'a\0b\u001b[2Jc\u202ed\u0085', 'a�b�[2Jc�d�'],
    ['half a surrogate pair goes', 'x\ud834', 'x�'],
    ['a pair is not cut in two', `${'a'.repeat(4095)}𝄞`, `${'a'.repeat(4095)}�`],
  ])('%s', (_, text, message) => {
    expect(failureMessage(text)).toBe(message);
    const failed = predicate({ outcome: 'failed', modules: [], failure: { code: 'x', message } });
    expect(RebuildPredicate.parse(failed).failure?.message).toBe(message);
  });
});

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  moduleVerdict,
  publicationVerdict,
  voteOf,
  type ModuleVote,
  type Outcome,
  type RebuildVote,
  type Verdict,
} from './index.js';
import { dissent, failure, hex, predicate } from './testdata/evidence-fixture.js';

const OUTCOMES = ['reproduced', 'equivalent', 'different', 'failed', 'unavailable'] as const;
const ORGANISATIONS = ['Acme', 'Birch', 'Cedar'];

interface Case {
  readonly said: readonly (readonly Outcome[])[];
  readonly quorum: number;
  readonly acceptEquivalent: boolean;
}

function electorate({ quorum, acceptEquivalent }: Pick<Case, 'quorum' | 'acceptEquivalent'>) {
  return { organisations: ORGANISATIONS, policy: { quorum, acceptEquivalent } };
}

function votesOf({ said }: Case): ModuleVote[] {
  return said.flatMap((outcomes, at) =>
    outcomes.map((outcome) => ({ organisation: ORGANISATIONS[at] ?? '', outcome })),
  );
}

/** The rules as docs state them, read off one organisation at a time. */
function expected({ said, quorum, acceptEquivalent }: Case): Verdict {
  const yes = said.filter(
    (o) => o.includes('reproduced') || (acceptEquivalent && o.includes('equivalent')),
  );
  const no = said.filter((o) => o.includes('different'));
  const silent = said.filter((o) => o.length === 0);
  if (yes.length > 0 && no.length > 0) return 'disputed';
  if (yes.length >= quorum) return 'reproduced';
  if (no.length >= quorum) return 'different';
  const reachable = [yes.length, no.length].some((count) => count + silent.length >= quorum);
  return reachable ? 'pending' : 'insufficient';
}

/** Every set of outcomes that one organisation can have stated. */
const SETS = Array.from({ length: 2 ** OUTCOMES.length }, (_, mask) =>
  OUTCOMES.filter((_outcome, bit) => (mask >> bit) % 2 === 1),
);

describe('moduleVerdict', () => {
  it.each([1, 2, 3])('holds for all that three organisations can say, k = %i', (quorum) => {
    let wrong = 0;
    for (const acceptEquivalent of [false, true]) {
      for (const a of SETS) {
        for (const b of SETS) {
          for (const c of SETS) {
            const row = { said: [a, b, c], quorum, acceptEquivalent };
            if (moduleVerdict(votesOf(row), electorate(row)) !== expected(row)) wrong += 1;
          }
        }
      }
    }
    expect(wrong).toBe(0);
  });

  it.each<[string, Outcome[], number, Verdict]>([
    ['nobody spoke', [], 2, 'pending'],
    ['one of two', ['reproduced'], 2, 'pending'],
    ['two of two', ['reproduced', 'reproduced'], 2, 'reproduced'],
    ['all of them', ['reproduced', 'reproduced', 'reproduced'], 3, 'reproduced'],
    ['a majority against one', ['reproduced', 'reproduced', 'different'], 2, 'disputed'],
    ['one against a majority', ['reproduced', 'different', 'different'], 2, 'disputed'],
    ['two see a difference', ['different', 'different'], 2, 'different'],
    ['one sees a difference', ['different'], 2, 'pending'],
    ['a failure does not vote', ['reproduced', 'failed'], 2, 'pending'],
    ['too many failures', ['reproduced', 'failed', 'unavailable'], 2, 'insufficient'],
    ['equivalent is not reproduced', ['reproduced', 'equivalent', 'equivalent'], 2, 'insufficient'],
  ])('%s', (_, outcomes, quorum, verdict) => {
    const votes = outcomes.map((outcome, at) => ({
      organisation: ORGANISATIONS[at] ?? '',
      outcome,
    }));
    expect(moduleVerdict(votes, electorate({ quorum, acceptEquivalent: false }))).toBe(verdict);
  });

  it('does not hear those who have no vote', () => {
    const strangers = ['Stranger', 'Passer-by'].map((organisation) => ({
      organisation,
      outcome: 'reproduced' as const,
    }));
    const voters = electorate({ quorum: 2, acceptEquivalent: false });
    expect(moduleVerdict(strangers, voters)).toBe('pending');
  });

  it.each([0, -1, 1.5, 4, Number.NaN])('refuses a quorum of %d among three', (quorum) => {
    expect(() => moduleVerdict([], electorate({ quorum, acceptEquivalent: false }))).toThrow(
      expect.objectContaining({ code: 'policy-malformed' }),
    );
  });
});

const NAMES = ['a.wasm', 'b.wasm'];

const arbitraryVote: fc.Arbitrary<RebuildVote> = fc.record({
  organisation: fc.constantFrom(...ORGANISATIONS, 'Stranger'),
  outcome: fc.constantFrom(...OUTCOMES),
  modules: fc.uniqueArray(
    fc.record({
      name: fc.constantFrom(...NAMES, 'c.wasm'),
      digest: fc.constantFrom(hex('a'), hex('a'), hex('b')),
      size: fc.constantFrom(8, 8, 8, 9),
      outcome: fc.constantFrom('reproduced', 'equivalent', 'different'),
    }),
    { selector: ({ name }) => name, maxLength: 3 },
  ),
});
const arbitraryVotes = fc.array(arbitraryVote, { maxLength: 8 });
const arbitraryElectorate = fc
  .record({ quorum: fc.integer({ min: 1, max: 3 }), acceptEquivalent: fc.boolean() })
  .map(electorate);
const runs = { seed: 20260102, numRuns: 1000 };

describe('publicationVerdict', () => {
  it('does not depend on the order of votes, nor on hearing one twice', () => {
    fc.assert(
      fc.property(
        arbitraryVotes.chain((votes) =>
          fc.tuple(
            fc.constant(votes),
            fc.shuffledSubarray([...votes, ...votes], {
              minLength: votes.length * 2,
              maxLength: votes.length * 2,
            }),
          ),
        ),
        arbitraryElectorate,
        ([votes, shuffled], voters) => {
          expect(publicationVerdict(NAMES, shuffled, voters)).toEqual(
            publicationVerdict(NAMES, votes, voters),
          );
        },
      ),
      runs,
    );
  });

  it('says reproduced only when k organisations say so of each module, and nobody denies it', () => {
    fc.assert(
      fc.property(arbitraryVotes, arbitraryElectorate, (votes, voters) => {
        if (publicationVerdict(NAMES, votes, voters).verdict !== 'reproduced') return;
        for (const name of NAMES) {
          const said = votes
            .filter(
              ({ organisation, outcome }) =>
                ORGANISATIONS.includes(organisation) &&
                outcome !== 'failed' &&
                outcome !== 'unavailable',
            )
            .flatMap(({ organisation, modules }) =>
              modules.filter((m) => m.name === name).map((m) => ({ organisation, ...m })),
            );
          expect(said.map(({ outcome }) => outcome)).not.toContain('different');
          expect(new Set(said.map(({ digest, size }) => `${digest} ${size}`)).size).toBe(1);
          const accepted = said.filter(
            ({ outcome }) => outcome === 'reproduced' || voters.policy.acceptEquivalent,
          );
          expect(
            new Set(accepted.map(({ organisation }) => organisation)).size,
          ).toBeGreaterThanOrEqual(voters.policy.quorum);
        }
      }),
      runs,
    );
  });

  it('never gets to reproduced by one more vote of an organisation that has reproduced', () => {
    fc.assert(
      fc.property(arbitraryVotes, arbitraryVote, arbitraryElectorate, (votes, more, voters) => {
        const before = publicationVerdict(NAMES, votes, voters).verdict;
        const all = NAMES.map((name) => ({
          name,
          digest: hex('a'),
          size: 8,
          outcome: 'reproduced' as const,
        }));
        const full = {
          organisation: more.organisation,
          outcome: 'reproduced' as const,
          modules: all,
        };
        const once = publicationVerdict(NAMES, [...votes, full], voters).verdict;
        const again = publicationVerdict(NAMES, [...votes, full, full, full], voters).verdict;
        expect(again).toBe(once);
        if (before === 'disputed') expect(once).toBe('disputed');
      }),
      runs,
    );
  });

  it('is not moved by those who have no vote', () => {
    fc.assert(
      fc.property(arbitraryVotes, arbitraryElectorate, (votes, voters) => {
        const enrolled = votes.filter(({ organisation }) => organisation !== 'Stranger');
        expect(publicationVerdict(NAMES, votes, voters)).toEqual(
          publicationVerdict(NAMES, enrolled, voters),
        );
      }),
      runs,
    );
  });

  it('is never reproduced once an enrolled organisation said different', () => {
    fc.assert(
      fc.property(arbitraryVotes, arbitraryElectorate, (votes, voters) => {
        const denial = voteOf('Birch', dissent());
        const { verdict } = publicationVerdict(NAMES, [...votes, denial], voters);
        expect(['disputed', 'different', 'pending', 'insufficient']).toContain(verdict);
      }),
      runs,
    );
  });

  it('has no votes on modules from a rebuild that failed midway', () => {
    const midway = { ...failure(), modules: predicate().modules };
    expect(voteOf('Acme', midway)).toEqual({
      organisation: 'Acme',
      outcome: 'failed',
      modules: [],
    });
  });

  it('lets a later success replace a failure, and shows only the success', () => {
    const votes = [
      voteOf('Acme', failure()),
      voteOf('Acme', predicate()),
      voteOf('Birch', predicate()),
    ];
    const report = publicationVerdict(
      NAMES,
      votes,
      electorate({ quorum: 2, acceptEquivalent: false }),
    );
    expect(report.verdict).toBe('reproduced');
    expect(report.modules[0]?.votes).toEqual([
      { organisation: 'Acme', outcome: 'reproduced' },
      { organisation: 'Birch', outcome: 'reproduced' },
    ]);
  });

  it('has a row for a module that nobody got to compare', () => {
    const report = publicationVerdict(
      NAMES,
      [voteOf('Acme', failure())],
      electorate({ quorum: 3, acceptEquivalent: false }),
    );
    expect(report).toEqual({
      verdict: 'insufficient',
      modules: NAMES.map((name) => ({
        name,
        verdict: 'insufficient',
        votes: [{ organisation: 'Acme', outcome: 'failed' }],
      })),
    });
  });

  it.each<[Verdict[], Verdict]>([
    [['reproduced', 'reproduced'], 'reproduced'],
    [['reproduced', 'different'], 'different'],
    [['different', 'disputed'], 'disputed'],
    [['reproduced', 'disputed'], 'disputed'],
    [['reproduced', 'pending'], 'pending'],
    [['insufficient', 'pending'], 'pending'],
    [['insufficient', 'reproduced'], 'insufficient'],
    [['insufficient', 'different'], 'different'],
  ])('of modules that are %s is %s', (modules, verdict) => {
    // Two of three decide; what each organisation says of a module to bring its verdict about.
    const SAID: Record<
      Verdict,
      readonly (RebuildVote['modules'][number]['outcome'] | undefined)[]
    > = {
      reproduced: ['reproduced', 'reproduced', undefined],
      different: ['different', 'different', undefined],
      disputed: ['reproduced', 'different', undefined],
      pending: ['reproduced', undefined, undefined],
      insufficient: ['equivalent', 'equivalent', 'reproduced'],
    };
    const votes = ORGANISATIONS.map((organisation, at) => ({
      organisation,
      outcome: 'different' as const,
      modules: modules.flatMap((wanted, module) => {
        const outcome = SAID[wanted][at];
        return outcome === undefined
          ? []
          : [{ name: NAMES[module] ?? '', digest: hex('a'), size: 8, outcome }];
      }),
    }));
    const report = publicationVerdict(
      NAMES,
      votes,
      electorate({ quorum: 2, acceptEquivalent: false }),
    );
    expect(report.modules.map((module) => module.verdict)).toEqual(modules);
    expect(report.verdict).toBe(verdict);
  });

  it('refuses to decide about no modules', () => {
    expect(() =>
      publicationVerdict([], [], electorate({ quorum: 1, acceptEquivalent: false })),
    ).toThrow(expect.objectContaining({ code: 'recipe-malformed' }));
  });
});

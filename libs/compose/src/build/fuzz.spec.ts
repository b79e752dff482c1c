import { createHash } from 'node:crypto';
import { buyer, till } from '@touchstone/kit';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ComposeError } from '../errors.js';
import { deriveGraph } from '../graph.js';
import { compose } from './compose.js';
import { KINDS } from './kinds.fixture.js';
import { parsePlan, PLAN_SCHEMA } from './plan.js';
import { app, logger, store } from './shop.fixture.js';

const numRuns = process.env['TOUCHSTONE_LONG_FUZZ'] === '1' ? 100_000 : 200;
const hex = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex');

const edit = fc.record({
  at: fc.nat(),
  cut: fc.integer({ min: 0, max: 2 }),
  put: fc.array(fc.nat(255), { maxLength: 2 }),
});

/** A component of the shop, a few of its bytes changed. */
const mutant = fc
  .tuple(
    fc.constantFrom(logger, store, app, till, buyer, ...KINDS),
    fc.array(edit, { maxLength: 1 }),
  )
  .map(([bytes, edits]) => {
    const changed = [...bytes];
    for (const { at, cut, put } of edits) changed.splice(at % (changed.length + 1), cut, ...put);
    return Uint8Array.from(changed);
  });

const label = fc.constantFrom('a', 'b', 'c', 'ghost');
const some = (...names: string[]): fc.Arbitrary<object> =>
  fc.subarray(names).map((chosen) => (chosen.length === 0 ? {} : { with: chosen }));
/** Mostly sound: later ones are given to earlier ones. */
const wiring = fc.oneof(
  fc.record({ plug: fc.record({ socket: label, plugs: fc.array(label, { minLength: 1 }) }) }),
  fc
    .tuple(some('b', 'c'), some('c'), some('a'), fc.boolean(), label)
    .map(([a, b, c, circle, instance]) => ({
      instances: [
        { name: 'a', ...a },
        { name: 'b', ...b },
        { name: 'c', ...(circle ? c : {}) },
      ],
      exports: [{ instance }],
    })),
);

describe('hostile components and plans', () => {
  it('are composed into something that reads, with every part in it, or refused', () => {
    const parts = fc.tuple(mutant, mutant, mutant);
    let done = 0;
    fc.assert(
      fc.property(parts, wiring, ([a, b, c], rest) => {
        const files = new Map([a, b, c].map((bytes) => [hex(bytes), bytes]));
        const components = { a: hex(a), b: hex(b), c: hex(c) };
        const named = Object.entries(components).map(([name, sha256]) => [name, { sha256 }]);
        const plan = { schema: PLAN_SCHEMA, components: Object.fromEntries(named) as object };
        let composition;
        try {
          composition = compose(parsePlan({ ...plan, ...rest }), files);
        } catch (error) {
          if (!(error instanceof ComposeError)) throw error;
          return;
        }
        done += 1;
        const { nodes } = deriveGraph(composition.bytes);
        const digests = new Set(nodes.map(({ digest }) => digest.sha256));
        for (const { component } of composition.instances) {
          expect(digests).toContain(components[component as keyof typeof components]);
        }
      }),
      { seed: 71, numRuns },
    );
    expect(done).toBeGreaterThan(numRuns / 50);
  });
});

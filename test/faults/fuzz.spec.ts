import { seeded } from '@touchstone/kit';
import { expect, it } from 'vitest';
import { fuzzTargets } from './fuzz-targets.js';

/** `npm run fuzz` sets these; without them it is the short run of `npm test`. */
const CASES = Number(process.env['TOUCHSTONE_FUZZ_CASES'] ?? 1_000);
const SEED = Number(process.env['TOUCHSTONE_SEED'] ?? 7401);
const LONG = process.env['TOUCHSTONE_FUZZ_CASES'] !== undefined;

const asked = (process.env['TOUCHSTONE_FUZZ_NAMES'] ?? '').split(',').filter((name) => name !== '');
const all = await fuzzTargets();
const targets = all.filter(
  ({ name }) => asked.length === 0 || asked.some((part) => name.includes(part)),
);
if (targets.length === 0) {
  throw new Error(`no such parser; there are ${all.map(({ name }) => name).join(', ')}`);
}

it.each(targets)(
  `$name takes ${CASES} inputs from seed ${SEED}`,
  async ({ name, run }) => {
    let accepted = 0;
    const began = performance.now();
    for (let i = 0; i < CASES; i++) {
      // Each case has a seed of its own, so that one that fails is made again alone.
      const seed = SEED * 1_000_003 + i;
      try {
        const result = run(seeded(seed));
        if (typeof result === 'boolean' ? result : await result) accepted += 1;
      } catch (cause) {
        throw new Error(`${name}, case ${i} of seed ${SEED}`, { cause });
      }
    }
    const seconds = (performance.now() - began) / 1000;
    // Were none accepted, the inputs would be too wild to reach what lies behind the first check.
    expect(accepted).toBeGreaterThan(0);
    expect(accepted).toBeLessThan(CASES);
    if (LONG) {
      const took = `${seconds.toFixed(1)} s, ${((seconds * 1e6) / CASES).toFixed(1)} µs each`;
      process.stdout.write(`${name}: ${CASES} cases, ${accepted} accepted, ${took}\n`);
    }
  },
  3_600_000,
);

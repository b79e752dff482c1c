#!/usr/bin/env node
// What `npm run fuzz` runs: every parser of the log against a million inputs, the same ones for the
// same seed. `npm test` runs a few thousand of them.
//
//   npm run fuzz                                all parsers, a million cases each
//   npm run fuzz -- note --cases 10000000       one parser, by (part of) its name
//   npm run fuzz -- --seed 5                    other inputs
import { parseArgs } from 'node:util';
import { main, runBin, SetupError } from './terminal.mjs';

await main(async () => {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { cases: { type: 'string' }, seed: { type: 'string' } },
  });
  const { cases = '1000000', seed = '7401' } = values;
  for (const [name, value] of Object.entries({ cases, seed })) {
    if (/^[1-9][0-9]{0,11}$/.test(value)) continue;
    throw new SetupError('usage', `--${name} must be a whole number from 1, not ${value}.`);
  }
  const args = ['run', '--project', 'system', 'test/faults/fuzz.spec.ts'];
  const env = {
    TOUCHSTONE_FUZZ_CASES: cases,
    TOUCHSTONE_FUZZ_NAMES: positionals.join(','),
    TOUCHSTONE_SEED: seed,
  };
  return runBin('vitest', args, { timeout: 7200, env });
});

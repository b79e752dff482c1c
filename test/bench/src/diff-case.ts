import { readFileSync } from 'node:fs';
import { explainDifference } from '@touchstone/wasm';
import { percentile, printLine, round } from './bench.js';

/**
 * One case of the benchmark `diff`, in a process of its own so that its memory is its own:
 *   node diff-case.js NAME CLAIMED OBSERVED
 */
const RUNS = 7;
const LIMIT_MS = 1000;
const LIMIT_MB = 300;

const [name = '', claimedFile = '', observedFile = ''] = process.argv.slice(2);
const [claimed, observed] = [readFileSync(claimedFile), readFileSync(observedFile)];
const began = performance.now();
const { functions } = explainDifference(claimed, observed);
const firstMs = performance.now() - began;
const firstPeak = process.resourceUsage().maxRSS / 1024;
const [samples, busy] = [new Float64Array(RUNS), new Float64Array(RUNS)];
for (let i = 0; i < RUNS; i += 1) {
  const [start, before] = [performance.now(), process.cpuUsage()];
  explainDifference(claimed, observed);
  samples[i] = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  busy[i] = (user + system) / 1000;
}
const medianMs = percentile(samples, 0.5);
printLine({
  ...{ bench: 'diff', case: name, bytes: claimed.length },
  ...{ equal: functions.equal, shifted: functions.shifted, changed: functions.changed },
  // Before the engine has compiled anything, as on the command line.
  ...{ firstMs: round(firstMs), medianMs: round(medianMs) },
  // What the processors did; less than the time that went by where others keep them busy.
  cpuMs: round(percentile(busy, 0.5)),
  withinLimit: medianMs <= LIMIT_MS,
  peakMb: Math.round(firstPeak),
  withinMemory: firstPeak <= LIMIT_MB,
});

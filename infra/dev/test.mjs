// What `npm test` runs: every check of the project, stage by stage, from a fresh clone. A stage that
// fails does not stop the next ones. The last line is `N passed, N failed`, with `, N skipped` when
// tests were skipped; the exit code is 0 only when nothing failed.
//
//   npm test                                  everything
//   npm test -- --only unit                   one stage, or several: --only lint,unit
//   npm test -- --only unit libs/merkle       with what follows as vitest's own filter
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { buildAll } from './build.mjs';
import { root } from './rooms.mjs';
import { setUp } from './setup.mjs';
import { bold, dim, green, main, red, run, runBin, say, SetupError } from './terminal.mjs';

const results = join(root, '.touchstone', 'test');

/** Each stage resolves to its tally; `done` is one pass or one failure, for a stage that is one check. */
const stages = {
  setup: () => setUp({ tests: true }),
  build: () => buildAll(),
  lint: () =>
    done(runBin('nx', ['run-many', '-t', 'lint', '--outputStyle=static'], timed(900, nxPlain))),
  canary: () => done(run(process.execPath, ['infra/dev/canary.mjs'], timed(900, nxPlain))),
  imports: () =>
    done(
      runBin(
        'depcruise',
        ['--config', '.dependency-cruiser.mjs', 'libs', 'apps', 'test'],
        timed(300),
      ),
    ),
  unused: () => done(runBin('knip', ['--no-progress', '--no-config-hints'], timed(300))),
  format: () =>
    done(runBin('prettier', ['--check', '--log-level', 'warn', '--cache', '.'], timed(300))),
  unit: (filters) => vitest('unit', filters, 600),
  system: (filters) => vitest('system', filters, 1200),
};

const nxPlain = { NX_DAEMON: 'false', NX_NO_CLOUD: 'true', NX_TUI: 'false' };
const timed = (timeout, env = {}) => ({ timeout, env });

async function done(exit) {
  return tally((await exit) === 0 ? { passed: 1 } : { failed: 1 });
}

function tally({ passed = 0, failed = 0, skipped = 0 }) {
  return { passed, failed, skipped };
}

/** Runs one vitest project and counts tests from its JSON report. */
async function vitest(project, filters, timeout) {
  const report = join(results, `${project}.json`);
  rmSync(report, { force: true });
  mkdirSync(results, { recursive: true });
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const args = ['run', '--project', project, ...reporters, ...filters];
  const code = await runBin('vitest', args, { timeout });
  const counted = existsSync(report)
    ? countTests(JSON.parse(readFileSync(report, 'utf8')))
    : tally({});
  // A run may fail without a failed test: an error outside of tests, no test found, a timeout.
  return code !== 0 && counted.failed === 0 ? { ...counted, failed: 1 } : counted;
}

function countTests({ testResults }) {
  const count = tally({});
  for (const { status, assertionResults } of testResults) {
    const failed = assertionResults.filter((test) => test.status === 'failed').length;
    const passed = assertionResults.filter((test) => test.status === 'passed').length;
    count.failed += status === 'failed' && failed === 0 ? 1 : failed;
    count.passed += passed;
    count.skipped += assertionResults.length - passed - failed;
  }
  return count;
}

async function runStage(name, filters) {
  const started = performance.now();
  say(`\n${bold(`▸ ${name}`)}`);
  let outcome;
  try {
    outcome = (await stages[name](filters)) ?? tally({ passed: 1 });
  } catch (error) {
    say(red(error instanceof SetupError ? `error ${error.code}: ${error.message}` : error.stack));
    outcome = tally({ failed: 1 });
  }
  const seconds = (performance.now() - started) / 1000;
  const mark = outcome.failed === 0 ? green('✔') : red('✘');
  say(`${mark} ${name} ${dim(`${seconds.toFixed(1)} s`)}`);
  return { name, seconds, ...outcome };
}

/** Set-up always runs: it takes no time when nothing is missing, and nothing works without it. */
function chosenStages(only) {
  const names = Object.keys(stages);
  if (only === undefined) return names;
  const chosen = only.split(',');
  const unknown = chosen.find((name) => !names.includes(name));
  if (unknown !== undefined) {
    throw new SetupError('usage', `There is no stage ${unknown}; there are ${names.join(', ')}.`);
  }
  // System tests start the compiled programs.
  if (chosen.includes('system')) chosen.push('build');
  return names.filter((name) => name === 'setup' || chosen.includes(name));
}

function summary(outcomes) {
  say(`\n${bold('Stages')}`);
  for (const { name, seconds, passed, failed, skipped } of outcomes) {
    const mark = failed === 0 ? green('✔') : red('✘');
    const counts = `${passed} passed${failed ? `, ${failed} failed` : ''}${skipped ? `, ${skipped} skipped` : ''}`;
    say(`  ${mark} ${name.padEnd(8)} ${`${seconds.toFixed(1)} s`.padStart(9)}  ${counts}`);
  }
  const sum = (key) => outcomes.reduce((total, outcome) => total + outcome[key], 0);
  const skipped = sum('skipped');
  say(`\n${sum('passed')} passed, ${sum('failed')} failed${skipped ? `, ${skipped} skipped` : ''}`);
  return sum('failed') === 0 ? 0 : 1;
}

await main(async () => {
  const { values, positionals } = parseArgs({
    options: { only: { type: 'string' } },
    allowPositionals: true,
  });
  const outcomes = [];
  for (const name of chosenStages(values.only)) {
    outcomes.push(await runStage(name, positionals));
    if (name === 'setup' && outcomes[0].failed > 0) break;
  }
  return summary(outcomes);
});

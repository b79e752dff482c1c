// What `npm test` runs: every check of the project, stage by stage, from a fresh clone. The stages
// that only read the sources run beside the system tests, in the time that those leave. A stage that
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

/**
 * Each stage resolves to its tally; `done` is one pass or one failure, for a stage that is one check.
 * `options` say how its commands are to be run.
 */
const stages = {
  setup: () => setUp({ tests: true }),
  build: () => buildAll(),
  lint: (_, options) =>
    done(
      runBin('nx', ['run-many', '-t', 'lint', '--outputStyle=static'], {
        ...options,
        ...timed(1800, nxPlain),
      }),
    ),
  canary: (_, options) =>
    done(run(process.execPath, ['infra/dev/canary.mjs'], { ...options, ...timed(1800, nxPlain) })),
  imports: (_, options) =>
    done(
      runBin('depcruise', ['--config', '.dependency-cruiser.mjs', 'libs', 'apps', 'test'], {
        ...options,
        ...timed(900),
      }),
    ),
  unused: (_, options) =>
    done(runBin('knip', ['--no-progress', '--no-config-hints'], { ...options, ...timed(900) })),
  format: (_, options) =>
    done(
      runBin('prettier', ['--check', '--log-level', 'warn', '--cache', '.'], {
        ...options,
        ...timed(900),
      }),
    ),
  unit: (filters) => vitest('unit', filters, 1200),
  system: (filters) => vitest('system', filters, 2400),
};

/** They read the sources and nothing else; system tests, which mostly wait, leave them half the time. */
const READING = ['lint', 'canary', 'imports', 'unused', 'format'];

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

/** What a stage that runs beside others says is printed at once, when it has ended. */
async function runStage(name, filters, { beside = false } = {}) {
  const started = performance.now();
  const title = `\n${bold(`▸ ${name}`)}`;
  let said = '';
  if (!beside) say(title);
  let outcome;
  try {
    const options = beside ? { aside: (text) => void (said += text) } : {};
    outcome = (await stages[name](filters, options)) ?? tally({ passed: 1 });
  } catch (error) {
    said += red(
      error instanceof SetupError ? `error ${error.code}: ${error.message}` : error.stack,
    );
    outcome = tally({ failed: 1 });
  }
  const seconds = (performance.now() - started) / 1000;
  const mark = outcome.failed === 0 ? green('✔') : red('✘');
  if (beside) say(title);
  if (said !== '') say(said.trimEnd());
  say(`${mark} ${name} ${dim(`${seconds.toFixed(1)} s`)}`);
  return { name, seconds, ...outcome };
}

async function runStages(names, filters, options) {
  const outcomes = [];
  for (const name of names) outcomes.push(await runStage(name, filters, options));
  return outcomes;
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
  // System tests start the compiled programs; a unit spec composes by compiled code in a sandbox.
  if (chosen.includes('system') || chosen.includes('unit')) chosen.push('build');
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
  const [setup, ...names] = chosenStages(values.only);
  const outcomes = [await runStage(setup)];
  if (outcomes[0].failed === 0) {
    const inOrder = names.filter((name) => name !== 'system');
    if (!names.includes('system')) {
      outcomes.push(...(await runStages(inOrder, positionals)));
    } else {
      const first = inOrder.filter((name) => !READING.includes(name));
      const reading = inOrder.filter((name) => READING.includes(name));
      outcomes.push(...(await runStages(first, positionals)));
      const beside = runStages(reading, positionals, { beside: true });
      const both = await Promise.all([beside, runStages(['system'], positionals)]);
      outcomes.push(...both.flat());
    }
  }
  return summary(outcomes);
});

import { resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { resolveTrustRoot, type LifeEvent } from '@touchstone/attest';
import { lockFolder } from '@touchstone/tlog';
import { InvalidArgumentError, type Command } from 'commander';
import { DEFAULT_LOG, type Context } from '../context.js';
import { EXIT, toCliError } from '../failure.js';
import { readTrustRoot } from '../input.js';
import { Findings, isFatal, type Finding } from '../monitor/findings.js';
import { LogSource } from '../monitor/log-source.js';
import { MonitorFolder } from '../monitor/monitor-state.js';
import { Monitor, type MonitorStep } from '../monitor/monitor.js';
import { Webhook } from '../monitor/webhook.js';
import { readTarget } from './search.js';

interface Options {
  log: string;
  trustRoot: string;
  state: string;
  once?: boolean;
  interval: number;
  watch?: string[];
  webhook?: string;
  allowPrivate?: boolean;
  json?: boolean;
}

export function registerMonitor(program: Command, context: Context): void {
  program
    .command('monitor')
    .description('follow a log: that it only grows, that its map is right, what is watched')
    .requiredOption('--trust-root <file>', 'the keys of the log')
    .requiredOption('--state <dir>', 'folder for what was seen; one for each log')
    .option('--log <url>', 'the log', context.environment['TOUCHSTONE_LOG'] ?? DEFAULT_LOG)
    .option('--once', 'look once and end')
    .option('--interval <seconds>', 'from one look to the next', seconds, 60)
    .option(
      '--watch <target...>',
      'as `touchstone search` takes them: algorithm:hex, signer:, name:, type:',
    )
    .option('--webhook <url>', 'where findings are sent; without it the first one ends the watch')
    .option('--allow-private', 'the webhook may be at a private address')
    .option('--json', 'print JSON, a line for each look and each finding')
    .addHelpText(
      'after',
      '\nExit codes: 0 nothing was found; 1 a finding, see the findings folder; 3 not reached.' +
        '\n\nExample:\n  touchstone monitor --trust-root trust-root.json --state seen --once',
    )
    .action((options: Options) => monitor(options, context));
}

function seconds(text: string): number {
  const value = Number(text);
  if (!(value >= 0.1 && value <= 86_400)) throw new InvalidArgumentError('must be 0.1 to 86400');
  return value;
}

async function monitor(options: Options, context: Context): Promise<void> {
  const { terminal } = context;
  const watch = (options.watch ?? []).map((text) => ({ text, key: readTarget(text).key }));
  const { logs } = resolveTrustRoot(await readTrustRoot(options.trustRoot));
  const webhook =
    options.webhook === undefined
      ? undefined
      : new Webhook(options.webhook, options.allowPrivate === true);
  const dir = resolve(options.state);
  const folder = await MonitorFolder.open(dir);
  const lock = await lockFolder(dir);
  try {
    const findings = await Findings.open(dir, webhook, () => new Date());
    let ended = false;
    const report = async (finding: Finding): Promise<void> => {
      const { file, isNew } = await findings.report(finding);
      if (!isNew && !isFatal(finding)) return;
      if (!webhook || options.once === true || isFatal(finding)) {
        context.exitCode = EXIT.refuted;
        ended = true;
      }
      if (options.json === true) terminal.print(JSON.stringify({ finding, file }));
      else terminal.print(`${terminal.style('red', finding.kind)}  ${sentence(finding)}  ${file}`);
    };
    const source = new LogSource(options.log);
    const told = ({ event }: LifeEvent, index: number): void => {
      terminal.note(`leaf ${index}: the log said of itself: ${event}`);
    };
    const opened = await Monitor.open({ source, folder, logs, watch, report, told });
    try {
      await run(opened, options, context, () => ended);
    } finally {
      await opened.close();
    }
  } finally {
    await lock.release();
  }
}

async function run(
  opened: Monitor,
  options: Options,
  { terminal, stop }: Context,
  ended: () => boolean,
): Promise<void> {
  const once = options.once === true;
  while (!stop.aborted) {
    try {
      const step = await opened.step();
      tell(step, options, terminal);
      if (step.stopped) return;
    } catch (error) {
      const failure = toCliError(error);
      // A log that is away for a while is not given up; one that was caught is.
      if (once || failure.exitCode === EXIT.usage) throw error;
      terminal.note(`${failure.code}: ${failure.message}`);
    }
    if (once || ended()) return;
    await sleep(options.interval * 1000, undefined, { signal: stop }).catch(() => undefined);
  }
}

function tell(
  { origin, size, mapSize, frozen, stopped }: MonitorStep,
  { json }: Options,
  terminal: Context['terminal'],
): void {
  if (json === true) terminal.print(JSON.stringify({ origin, size, mapSize, frozen, stopped }));
  else if (!stopped) {
    const state = frozen ? '; frozen' : '';
    terminal.print(`${origin}  ${size} leaves, all read; map made again up to ${mapSize}${state}`);
  }
}

function sentence(finding: Finding): string {
  switch (finding.kind) {
    case 'fork':
      return `the log signed two histories (${finding.why}); both checkpoints are in`;
    case 'tiles-wrong':
      return 'the log hands out other leaves than it signed;';
    case 'map-wrong':
      return `leaf ${finding.index} commits to a map that is not right: ${finding.why};`;
    case 'life-wrong':
      return `leaf ${finding.index} about the log itself is not right: ${finding.why};`;
    case 'key-wrong':
      return `the checkpoint is signed by the wrong key: ${finding.why};`;
    case 'attestation-missing':
      return `the attestation sha256:${finding.sha256} of leaf ${finding.index} is not handed out;`;
    case 'watched':
      return finding.certain
        ? `leaf ${finding.index} speaks of ${finding.targets.join(', ')};`
        : `leaf ${finding.index} cannot be read and may speak of what is watched;`;
  }
}

import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Context } from './context.js';
import { EXIT } from './failure.js';
import { makeProgram } from './main.js';
import { Terminal } from './terminal.js';

interface Shown {
  readonly name: string;
  readonly command: Command;
  readonly help: string;
}

let all: Shown[];

function shown(command: Command, path: readonly string[]): Shown[] {
  let help = '';
  command.configureOutput({ writeOut: (text) => (help += text) });
  command.outputHelp();
  const below = command.commands.flatMap((sub) => shown(sub, [...path, sub.name()]));
  return [{ name: path.join(' '), command, help }, ...below];
}

beforeAll(async () => {
  const context: Context = {
    terminal: new Terminal(process.stdout, process.stderr, {}),
    environment: {},
    stop: new AbortController().signal,
    exitCode: EXIT.ok,
  };
  all = shown(await makeProgram(context), ['touchstone']);
});

const optionsOf = (command: Command): string[] => command.options.map(({ long }) => long ?? '');

describe('the help', () => {
  it('has an example of every command and group', () => {
    expect(all.length).toBeGreaterThan(100);
    for (const { name, help } of all) {
      expect(/^Examples?:\n {2}touchstone/mu.test(help), name).toBe(true);
    }
  });

  it('has examples that are of that command, with options that it has', () => {
    for (const { name, command, help } of all) {
      if (command.commands.length > 0) continue;
      const examples = help.slice(help.search(/^Examples?:/mu));
      expect(examples).toContain(`  ${name}`);
      for (const [option] of examples.matchAll(/(?<= )--[a-z][a-z0-9-]*/gu)) {
        expect(optionsOf(command), `${name}: ${option}`).toContain(option);
      }
    }
  });

  it('has --json of every command that does something', () => {
    for (const { name, command } of all) {
      if (command.commands.length === 0) expect(optionsOf(command), name).toContain('--json');
    }
  });
});

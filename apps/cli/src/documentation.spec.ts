import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import type { Command } from 'commander';
import { beforeAll, describe, expect, it } from 'vitest';
import { EXIT } from './failure.js';
import { makeProgram } from './main.js';
import { Terminal } from './terminal.js';

/*
 * What the documents name is there, and what an operator can set or watch is in the documents. That
 * it does what they say is for the other specs.
 */

const ROOT = join(import.meta.dirname, '../../..');

/** Every file of the repository but for what is installed, compiled or generated. */
const FILES = ['', 'apps', 'docker', 'docs', 'infra', 'libs', 'prisma', 'test'].flatMap((top) =>
  filesBelow(top, top !== ''),
);

function filesBelow(folder: string, deep: boolean): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isFile()) return [path];
    const skipped = !deep || /^(?:node_modules|dist|generated|testdata)$/u.test(entry.name);
    return skipped || !entry.isDirectory() ? [] : filesBelow(path, true);
  });
}

const read = (pattern: RegExp): Map<string, string> =>
  new Map(
    FILES.filter((file) => pattern.test(file)).map((file) => [
      file,
      readFileSync(join(ROOT, file), 'utf8'),
    ]),
  );

const documents = read(/^(?:docs\/)?[\w-]+\.md$/u);
const written = [...documents.values()].join('\n');
/** Specs of whole systems too: benchmarks and other programs are named there. */
const sources = read(
  /^(?:(?:apps|libs)\/.*(?<!\.(?:spec|fixture))\.ts|(?:infra|docker|test|libs\/rebuild\/toolchains)\/.*\.(?:ts|mjs|sh|json|yaml))$/u,
);
const source = [...sources.values()].join('\n');

/** Each match of the first group, with the file that it stands in. */
function named(pattern: RegExp, files = documents): { file: string; name: string }[] {
  return [...files].flatMap(([file, text]) =>
    [...text.matchAll(pattern)].map((match) => ({ file, name: match[1] ?? '' })),
  );
}

let program: Command;

beforeAll(async () => {
  const terminal = new Terminal(process.stdout, process.stderr, {});
  const stop = new AbortController().signal;
  program = await makeProgram({ terminal, environment: {}, stop, exitCode: EXIT.ok });
});

/** The command that the words begin with, and how many of them name it. */
function commandOf(words: readonly string[]): { command: Command; depth: number } {
  let command = program;
  let depth = 0;
  for (const word of words) {
    const below = command.commands.find((one) => one.name() === word);
    if (below === undefined) break;
    command = below;
    depth++;
  }
  return { command, depth };
}

describe('the documents', () => {
  it('name commands that there are, with options that they have', () => {
    const lines = named(/(?:^|[`$ (])touchstone ((?:[^\n`|#\\]|\\\n)+)/gmu, documents);
    expect(lines.length).toBeGreaterThan(150);
    for (const { file, name } of lines) {
      const words = name.replaceAll('\\\n', ' ').split(/\s+/u);
      if (
        !/^[a-z]+$/u.test(words[0] ?? '') ||
        /touchstone (?:is|on|runs)\b/u.test(`touchstone ${name}`)
      ) {
        continue;
      }
      const { command, depth } = commandOf(words);
      expect(depth, `${file}: touchstone ${name}`).toBeGreaterThan(0);
      if (command.commands.length > 0) {
        expect(words[depth] ?? '', `${file}: touchstone ${name}`).not.toMatch(/^[a-z][a-z-]*$/u);
      }
      const options = command.options.map(({ long }) => long);
      for (const word of words.slice(depth)) {
        const option = /^\[?(--[a-z][a-z0-9-]+)/u.exec(word)?.[1];
        if (option !== undefined && option !== '--help') {
          expect(options, `${file}: touchstone ${name}`).toContain(option);
        }
      }
    }
  });

  it('name files and headings that there are', () => {
    for (const { file, name } of named(/\]\((?!https?:)([^)\s]+)\)/gu)) {
      const [path = '', anchor] = name.split('#');
      const target = path === '' ? file : join(dirname(file), path);
      expect(existsSync(join(ROOT, target)), `${file}: ${name}`).toBe(true);
      if (anchor === undefined) continue;
      const heads = [...(documents.get(target) ?? '').matchAll(/^#+ (.*)$/gmu)].map(
        ([, head = '']) =>
          head
            .toLowerCase()
            .replaceAll(/[^\p{L}\p{N}_\- ]/gu, '')
            .replaceAll(' ', '-'),
      );
      expect(heads, `${file}: ${name}`).toContain(anchor);
    }
    for (const { file, name } of named(/`((?:apps|libs|test|infra|docker|prisma)\/[\w./-]+)`/gu)) {
      expect(existsSync(join(ROOT, name)), `${file}: ${name}`).toBe(true);
    }
    const specs = new Set(FILES.map((path) => basename(path)));
    for (const { file, name } of named(/`([a-z0-9-]+\.(?:spec|fixture)\.ts)`/gu)) {
      expect(specs.has(name), `${file}: ${name}`).toBe(true);
    }
  });

  it('name error codes, and other words of that form, that the program has', () => {
    /** Of other programs, or of the log's own names for things. */
    const others = ['wit-component', 'sign-subtree', 'wasm-as', 'implicit-resource-import'];
    for (const { file, name } of named(/`([a-z][a-z0-9]*(?:-[a-z0-9]+)+)`/gu)) {
      if (!others.includes(name)) expect(source.includes(name), `${file}: ${name}`).toBe(true);
    }
  });

  it('name metrics that there are, as do alert rules and dashboard, and all of them', () => {
    const watched = read(/^infra\/(?:prometheus\/.*\.yaml|grafana\/.*\.json)$/u);
    const pattern = /\b((?:tlog|log|touchstone)_[a-z0-9_]+)/gu;
    const made = new Set(
      named(/'((?:tlog|log|touchstone)_[a-z0-9_]+)'/gu, sources).map(({ name }) => name),
    );
    expect(made.size).toBeGreaterThan(30);
    const told = [...named(/`((?:tlog|log|touchstone)_[a-z0-9_]+)/gu), ...named(pattern, watched)];
    for (const { file, name } of told) {
      expect(made, `${file}: ${name}`).toContain(name.replace(/_(?:bucket|sum|count)$/u, ''));
    }
    for (const name of made) expect(written, name).toContain(`\`${name}`);
  });

  it('name every variable that a process reads', () => {
    const own = read(/^apps\/\w+\/src\/environment\.ts$/u);
    const variables = [
      ...named(/^ +([A-Z][A-Z0-9_]+): /gmu, own),
      ...named(/environment\['([A-Z0-9_]+)'\]/gu, sources),
    ];
    expect(variables.length).toBeGreaterThan(60);
    for (const { file, name } of variables) {
      const bare = name.replace(/_FILE$/u, '');
      const known = [name, bare, `${bare}_FILE`].some((one) =>
        new RegExp(`\\b${one}\\b`, 'u').test(written),
      );
      expect(known, `${file}: ${name}`).toBe(true);
    }
  });
});

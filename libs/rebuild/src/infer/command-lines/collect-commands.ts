import { textOf, type Clues } from '../clues.js';
import { makeCommands } from './make-rules.js';
import { scriptCommands } from './script-literals.js';
import { joinFolder, shellCommands, type ShellCommand } from './shell-commands.js';
import { SourceTree } from './source-tree.js';

/** A command line that the source itself tells. */
export interface CommandLine {
  readonly words: readonly [string, ...string[]];
  readonly variables: Readonly<Record<string, string>>;
  /** Relative to the source's root, `''` for the root itself. */
  readonly folder: string;
  /** `scripts/Makefile`, `the script build of package.json`. */
  readonly whence: string;
}

export interface ToldCommands {
  readonly tree: SourceTree;
  /** In the order of likelihood of their files, and within one in the order that they run in. */
  readonly lines: readonly CommandLine[];
}

const MAX_FILES = 200;
const MAX_LINES = 8192;

const MAKEFILE = /(?:^|\/)(?:GNU)?[Mm]akefile(?:[.-][\w.-]+)?$|\.(?:mk|mak)$/;
const SHELL = /\.(?:sh|bash|zsh)$|(?:^|\/)(?:build|compile)$/;
const SCRIPT = /\.[cm]?[jt]s$/;
const SCRIPT_NAME =
  /(?:^|\/)(?:build|make|compile|gulpfile|wasm|scripts?|tools?)\b[^/]*(?:\/[^/]+)?$/i;
const CONTAINER = /(?:^|\/)(?:[\w.-]+\.)?[Dd]ockerfile(?:[.-][\w.-]+)?$/;
const WORKFLOW = /(?:^|\/)\.github\/workflows\/[^/]+\.ya?ml$|\.gitlab-ci\.yml$/;
const PROSE =
  /(?:^|\/)(?:README|BUILD|BUILDING|CONTRIBUTING|HACKING|INSTALL)[^/]*\.(?:md|txt|rst)$/i;
const JUSTFILE = /(?:^|\/)\.?[Jj]ustfile$/;
const FOREIGN = /(?:^|\/)(?:node_modules|vendor|third_party|\.git)\//;

/**
 * Every command line that can be read out of the source's build files, most telling files first.
 * None of them is run to learn it.
 */
export function collectCommands(clues: Clues): ToldCommands {
  const { files, root } = clues;
  const inner = [...files.keys()]
    .filter((path) => path.startsWith(`${root}/`))
    .map((path) => path.slice(root.length + 1));
  const tree = new SourceTree(inner);
  const wanted = clues.modules.map(({ name }) => `${name}.wasm`);
  const lines: CommandLine[] = [];
  const add = (commands: readonly ShellCommand[], from: string, whence: string): void => {
    for (const { words, variables, folder } of commands) {
      const place = folder === undefined ? undefined : placeOf(tree, from, folder);
      const [program, ...args] = words;
      if (program === undefined || place === undefined || lines.length >= MAX_LINES) continue;
      lines.push({ words: [program, ...args], variables, folder: place, whence });
    }
  };
  const read = (path: string): string => textOf(files, `${root}/${path}`) ?? '';
  const named = (pattern: RegExp): string[] =>
    inner.filter((path) => pattern.test(path) && !FOREIGN.test(path)).slice(0, MAX_FILES);
  for (const path of named(MAKEFILE)) {
    for (const folder of new Set([folderOf(path), '']))
      add(makeCommands(read(path), tree, folder, wanted), folder, path);
  }
  for (const [name, script] of Object.entries(clues.manifest.scripts))
    add(shellCommands(script), '', `the script ${name} of package.json`);
  for (const path of named(SHELL))
    for (const folder of new Set(['', folderOf(path)]))
      add(shellCommands(read(path)), folder, path);
  for (const path of named(SCRIPT).filter((name) => SCRIPT_NAME.test(name)))
    for (const folder of new Set(['', folderOf(path)]))
      add(scriptCommands(read(path)), folder, path);
  for (const path of named(CONTAINER)) add(shellCommands(containerScript(read(path))), '', path);
  for (const path of named(WORKFLOW)) add(shellCommands(workflowScript(read(path))), '', path);
  for (const path of named(JUSTFILE)) add(shellCommands(read(path)), folderOf(path), path);
  for (const path of named(PROSE))
    add(shellCommands(proseScript(read(path))), folderOf(path), path);
  return { tree, lines };
}

function folderOf(path: string): string {
  return path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : '';
}

/** An absolute folder is one of the machine that built: the end of it that is in the tree. */
function placeOf(tree: SourceTree, from: string, folder: string): string | undefined {
  if (folder.startsWith('/')) {
    const found = tree.resolve('', folder);
    return found === undefined || !tree.hasFolder(found) ? '' : found;
  }
  const place = joinFolder(from, folder);
  return place !== undefined && tree.hasFolder(place) ? place : undefined;
}

/** What the instructions RUN of a Dockerfile run; `cd` of one does not hold in the next. */
function containerScript(text: string): string {
  return text
    .replaceAll('\r\n', '\n')
    .replaceAll(/\\\n/g, ' ')
    .split('\n')
    .flatMap((line) => {
      const [, run] = /^\s*RUN\s+((?:--\S+\s+)*.*)$/i.exec(line) ?? [];
      return run === undefined ? [] : [`(${run.replace(/^(?:--\S+\s+)+/, '')})`];
    })
    .join('\n');
}

/** What steps of a workflow run: `run: line`, or `run: |` with the lines that are indented more. */
function workflowScript(text: string): string {
  const out: string[] = [];
  let deeper: number | undefined;
  for (const line of text.replaceAll('\r\n', '\n').split('\n')) {
    const indent = line.search(/\S/);
    if (deeper !== undefined) {
      if (indent < 0 || indent > deeper) {
        out.push(line.trim());
        continue;
      }
      deeper = undefined;
    }
    const match = /^(\s*(?:- )?\s*)(?:run|- )(?::\s*(.*)|(.+))$/.exec(line);
    const [, lead = '', value, item] = match ?? [];
    if (value !== undefined && /^[|>]/.test(value)) deeper = lead.length;
    else out.push(value ?? item ?? '');
  }
  return out.join('\n');
}

/** Lines of code blocks, a prompt before them or none. */
function proseScript(text: string): string {
  const blocks = text.matchAll(/^(?:```|~~~)[^\n]*\n([\s\S]{0,20000}?)^(?:```|~~~)/gm);
  return [...blocks].map(([, block = '']) => block.replaceAll(/^\s*[$%>]\s+/gm, '')).join('\n');
}

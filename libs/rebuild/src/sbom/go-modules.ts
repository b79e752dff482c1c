import {
  checkCount,
  compareText,
  lockedFile,
  lockfileText,
  malformed,
  MAX_PACKAGES,
  plainText,
  sortedUnique,
  type DependencyGraph,
  type LockedPackage,
} from './dependency-graph.js';
import { RebuildError } from '../errors.js';
import { formatPurl } from './package-url.js';

const MOD = 'go.mod';
const SUM = 'go.sum';

interface Requirement {
  readonly path: string;
  readonly version: string;
  readonly indirect: boolean;
}

interface Replacement {
  readonly path: string;
  /** Of the module replaced; any when absent. */
  readonly version?: string;
  /** What stands in its place: another module, or a folder of the source tree. */
  readonly by: { readonly path: string; readonly version?: string };
}

interface GoMod {
  readonly module: string;
  readonly go: string;
  readonly requirements: readonly Requirement[];
  readonly replacements: readonly Replacement[];
}

/**
 * Reads go.mod and go.sum of the reference at go.dev/ref/mod. Since Go 1.17 go.mod names every module
 * that provides a package to the build or its tests; which of them needs which it does not say.
 *
 * @throws RebuildError `lockfile-malformed`, `lockfile-unsupported`, `lockfile-too-large`
 */
export function readGoModules(mod: Uint8Array, sum?: Uint8Array): DependencyGraph {
  const { module, go, requirements, replacements } = parseGoMod(lockfileText(MOD, mod));
  checkGoVersion(go);
  checkCount(MOD, 'requirements', requirements.length, MAX_PACKAGES);
  const sums = sum === undefined ? new Map<string, string>() : parseGoSum(lockfileText(SUM, sum));
  const replaced = new Map(
    replacements.map(({ path, version, by }) => [`${path}@${version ?? ''}`, by]),
  );
  const packages = new Map<string, LockedPackage>();
  const direct: string[] = [];
  const leaves = requirements.length === 0;
  for (const { path, version, indirect } of requirements) {
    const by = replaced.get(`${path}@${version}`) ?? replaced.get(`${path}@`);
    const found = lockedModule(by ?? { path, version }, sums);
    packages.set(found.ref, found);
    if (!indirect) direct.push(found.ref);
  }
  const remarks = [
    'go.mod lists what builds and tests need together, on every platform.',
    ...(leaves ? [] : ['go.mod does not say which module needs which.']),
    ...(sum === undefined && !leaves ? ['There is no go.sum: no module is held to a hash.'] : []),
  ];
  return {
    ecosystem: 'Go',
    files: [lockedFile(MOD, mod), ...(sum === undefined ? [] : [lockedFile(SUM, sum)])],
    root: { name: module, dependsOn: sortedUnique(direct) },
    packages: [...packages.values()].sort((a, b) => compareText(a.ref, b.ref)),
    complete: true,
    remarks,
  };
}

function checkGoVersion(go: string): void {
  const [, major = '0', minor = '0'] = /^(\d+)\.(\d+)/.exec(go) ?? [];
  if (Number(major) > 1 || (Number(major) === 1 && Number(minor) >= 17)) return;
  throw new RebuildError(
    'lockfile-unsupported',
    `${MOD}: go ${go} names direct requirements alone; from go 1.17 on all are named (go mod tidy -go=1.17)`,
  );
}

function lockedModule(
  { path, version }: Replacement['by'],
  sums: ReadonlyMap<string, string>,
): LockedPackage {
  const own = { name: path, hashes: [], development: false, optional: false };
  if (version === undefined) return { ...own, ref: `path:${path}`, origin: 'path' };
  const at = path.lastIndexOf('/');
  const purl = formatPurl({
    type: 'golang',
    ...(at < 0 ? {} : { namespace: path.slice(0, at) }),
    name: path.slice(at + 1),
    version,
    qualifiers: {},
  });
  const goSum = sums.get(`${path} ${version}`);
  return {
    ...own,
    ref: purl,
    purl,
    version,
    origin: 'registry',
    ...(goSum === undefined ? {} : { goSum }),
  };
}

/** Lines of directives, those of a block `verb ( … )` with their verb put before them. */
function* directives(text: string): Generator<{ verb: string; words: string[]; comment: string }> {
  let block: string | undefined;
  let number = 0;
  for (const line of text.split('\n')) {
    number += 1;
    const { words, comment } = splitLine(line.replace(/\r$/, ''), number);
    if (words.length === 0) continue;
    if (block !== undefined) {
      if (words.length === 1 && words[0] === ')') block = undefined;
      else yield { verb: block, words, comment };
      continue;
    }
    const [verb = '', ...rest] = words;
    if (rest.length === 1 && rest[0] === '(') block = verb;
    else yield { verb, words: rest, comment };
  }
  if (block !== undefined) throw malformed(MOD, `the block of ${block} does not end`);
}

function splitLine(line: string, number: number): { words: string[]; comment: string } {
  const words: string[] = [];
  // Words are bare, in double quotes with Go's escapes, or in back quotes.
  const token = /[ \t]*(?:(\/\/.*)|("(?:[^"\\]|\\.)*")|(`[^`]*`)|([()])|([^\s"`()]+))/uy;
  let end = 0;
  for (;;) {
    token.lastIndex = end;
    const found = token.exec(line);
    if (found === null) break;
    end = token.lastIndex;
    const [, comment, quoted, raw, bracket, bare] = found;
    if (comment !== undefined) return { words, comment };
    words.push(
      plainText(
        MOD,
        `line ${number}`,
        unquote(quoted, number) ?? raw?.slice(1, -1) ?? bracket ?? bare,
      ),
    );
  }
  if (line.slice(end).trim() !== '') throw malformed(MOD, `line ${number} cannot be read`);
  return { words, comment: '' };
}

function unquote(quoted: string | undefined, number: number): string | undefined {
  if (quoted === undefined) return undefined;
  try {
    return JSON.parse(quoted) as string;
  } catch (cause) {
    throw malformed(MOD, `the quoted text in line ${number} cannot be read`, cause);
  }
}

function parseGoMod(text: string): GoMod {
  let module: string | undefined;
  let go = '1.16';
  const requirements: Requirement[] = [];
  const replacements: Replacement[] = [];
  for (const { verb, words, comment } of directives(text)) {
    const [first = '', second = ''] = words;
    if (verb === 'module') module = first;
    else if (verb === 'go') go = first;
    else if (verb === 'require') {
      if (words.length !== 2) throw malformed(MOD, 'a requirement is a path and a version');
      const indirect = /^\/\/\s*indirect(?:;|\s*$)/.test(comment);
      requirements.push({ path: first, version: second, indirect });
    } else if (verb === 'replace') replacements.push(replacement(words));
  }
  if (module === undefined || module === '') throw malformed(MOD, 'names no module');
  return { module, go, requirements, replacements };
}

function replacement(words: readonly string[]): Replacement {
  const arrow = words.indexOf('=>');
  const [path, version] = words.slice(0, arrow);
  const [by, byVersion] = words.slice(arrow + 1);
  if (arrow < 1 || arrow > 2 || path === undefined || by === undefined || words.length > arrow + 3)
    throw malformed(MOD, 'a replacement is path [version] => path [version]');
  return {
    path,
    ...(version === undefined ? {} : { version }),
    by: byVersion === undefined ? { path: by } : { path: by, version: byVersion },
  };
}

/** Hashes of modules, by `path version`; those of go.mod files alone are left out. */
function parseGoSum(text: string): Map<string, string> {
  const sums = new Map<string, string>();
  for (const line of text.split('\n')) {
    if (line.trim() === '') continue;
    const found = /^(\S+) (\S+) (\S+)\r?$/u.exec(line);
    if (found === null) throw malformed(SUM, 'a line is a path, a version and a hash');
    const [, path = '', version = '', hash = ''] = found;
    if (version.endsWith('/go.mod') || !hash.startsWith('h1:')) continue;
    if (!/^h1:[A-Za-z0-9+/]{43}=$/.test(hash)) throw malformed(SUM, `a hash of ${path} is no h1`);
    const key = `${plainText(SUM, 'path', path)} ${version}`;
    if ((sums.get(key) ?? hash) !== hash) throw malformed(SUM, `${key} has two hashes`);
    sums.set(key, hash);
  }
  return sums;
}

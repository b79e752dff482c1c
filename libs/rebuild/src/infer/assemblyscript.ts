import { RECIPE_SCHEMA, type Recipe } from '@touchstone/contract';
import { moduleAt, readBinary, readExports, WasmError } from '@touchstone/wasm';
import { compilerVersions, defaultOf, runtimesOf } from './assemblyscript-version.js';
import { json, moduleClues, textOf, type Clues } from './clues.js';
import type { FoundModule } from './find-modules.js';
import { valueOf, type Choice, type Proposal, type Proposed, type Selection } from './proposal.js';

const RUNTIME_EXPORTS = ['__new', '__pin', '__unpin', '__collect'];
const OPTIMISATIONS = ['3 0', '3 1', '3 2', '2 0', '2 1', '2 2', '1 0', '0 0', '0 2'];

/** What asconfig.json or a script's command line says; the rest is left to be chosen. */
interface Told {
  readonly flags: ReadonlyMap<string, string>;
  readonly whence: string;
}

/** Modules that `asc` compiled: by its name in package.json, an asconfig.json or `assembly/`. */
export function proposeAssemblyScript(clues: Clues): Proposed {
  const { manifest, files, root } = clues;
  const range =
    manifest.devDependencies['assemblyscript'] ?? manifest.dependencies['assemblyscript'];
  const scripts = Object.values(manifest.scripts).filter((script) =>
    /(?:^|[\s;&|/])asc\s/.test(script),
  );
  const config = json(files.get(`${root}/asconfig.json`));
  const folder = [...files.keys()].some((path) => path.startsWith(`${root}/assembly/`));
  if (range === undefined && scripts.length === 0 && config === undefined)
    return { proposals: [], obstacles: [] };
  const signs = [
    ...(range === undefined ? [] : [`package.json depends on assemblyscript ${range}`]),
    ...(scripts.length === 0 ? [] : ['its scripts call asc']),
    ...(config === undefined ? [] : ['it has an asconfig.json']),
  ];
  if (!folder && entries(clues, scripts).length === 0)
    return {
      proposals: [],
      obstacles: [`${signs.join(', ')}, but the source that asc compiles is not in it`],
    };
  const proposals = clues.modules.flatMap((module) =>
    entries(clues, scripts).map((entry) =>
      proposal(clues, module, entry, { range, scripts, config, signs }),
    ),
  );
  return { proposals, obstacles: [] };
}

/** Source files that a script hands to asc, or the usual places. */
function entries({ files, root }: Clues, scripts: readonly string[]): string[] {
  const named = scripts.flatMap((script) => script.match(/[\w@./-]+\.ts\b/g) ?? []);
  const usual = ['assembly/index.ts', 'src/index.ts', 'assembly/module.ts'];
  const known = [...new Set([...named, ...usual].map((path) => path.replace(/^\.\//, '')))];
  const found = known.filter(
    (path) =>
      files.has(`${root}/${path}`) && (named.includes(path) || path.startsWith('assembly/')),
  );
  return (
    named.some((path) => found.includes(path))
      ? found.filter((path) => named.includes(path))
      : found
  ).slice(0, 4);
}

function proposal(
  clues: Clues,
  module: FoundModule,
  entry: string,
  {
    range,
    scripts,
    config,
    signs,
  }: { range: string | undefined; scripts: string[]; config: unknown; signs: string[] },
): Proposal {
  const told = toldFlags(scripts, config);
  const { sourceMappingUrl } = moduleClues(module.bytes);
  const output = outputOf(module, sourceMappingUrl);
  const exported = exportsOf(module.bytes);
  const choices = choicesOf(clues, module, range, told);
  const reasons = [
    ...signs,
    `asc compiles ${entry}`,
    ...(told === undefined
      ? ['no file of the package says with which options']
      : [
          `options ${[...told.flags].map((flag) => flag.join(' ').trim()).join(' ')} are from ${told.whence}`,
        ]),
    ...(sourceMappingUrl === undefined
      ? []
      : [
          `sourceMappingURL ${JSON.stringify(sourceMappingUrl)} is in the module: --sourceMap, and the output's name`,
        ]),
    ...(exported ? [`it exports ${RUNTIME_EXPORTS.join(', ')}: --exportRuntime`] : []),
  ];
  const flags = (selection: Selection): string[] =>
    flagsOf((name) => valueOf(choices, selection, name), {
      version: valueOf(choices, selection, 'assemblyscript'),
      exported,
      mapped: sourceMappingUrl !== undefined,
      told,
    });
  return {
    ...{
      toolchain: 'assemblyscript',
      versionsOf: 'assemblyscript',
      modules: [module],
      choices,
      reasons,
    },
    recipe: (selection): Recipe => ({
      schema: RECIPE_SCHEMA,
      artifact: clues.artifact,
      source: clues.source,
      toolchain: { name: 'assemblyscript', version: valueOf(choices, selection, 'assemblyscript') },
      workdir: clues.root,
      steps: [{ run: ['asc', entry, '--outFile', output, ...flags(selection)] }],
      modules: [{ name: module.name, output, published: module.location }],
    }),
  };
}

function flagsOf(
  value: (choice: string) => string,
  known: { version: string; exported: boolean; mapped: boolean; told: Told | undefined },
): string[] {
  const [optimize = '3', shrink = '0'] = value('optimize').split(' ');
  const flags = new Map([
    ['optimizeLevel', optimize],
    ['shrinkLevel', shrink],
  ]);
  if (value('converge') === 'yes') flags.set('converge', '');
  if (value('noAssert') === 'yes') flags.set('noAssert', '');
  if (known.mapped) flags.set('sourceMap', '');
  if (known.exported && defaultOf('exportRuntime', known.version) !== undefined)
    flags.set('exportRuntime', '');
  // What is the default is left out, and so is what this version does not know.
  for (const name of ['bindings', 'runtime', 'uncheckedBehavior']) {
    const byDefault = defaultOf(name, known.version);
    if (byDefault !== undefined && value(name) !== '' && value(name) !== byDefault)
      flags.set(name, value(name));
  }
  for (const [name, flag] of known.told?.flags ?? []) flags.set(name, flag);
  return [...flags].flatMap(([name, flag]) => [`--${name}`, ...(flag === '' ? [] : [flag])]);
}

/** Where asc writes, whose last part is what the module's sourceMappingURL says. */
function outputOf(module: FoundModule, url: string | undefined): string {
  const mapped = /^(?:\.\/)?([\w.-]+)\.map$/.exec(url ?? '')?.[1];
  const { kind, path } = module.location;
  const inner = path.slice(path.indexOf('/') + 1);
  if (kind === 'file' && (mapped === undefined || inner.split('/').at(-1) === mapped)) return inner;
  return `build/${mapped ?? `${module.name}.wasm`}`;
}

function choicesOf(
  clues: Clues,
  module: FoundModule,
  range: string | undefined,
  told: Told | undefined,
): [Choice, ...Choice[]] {
  const versions = compilerVersions(clues, range);
  const [{ label: version }] = versions;
  const open = (name: string, values: [string, string][]): Choice[] =>
    told?.flags.has(name) === true
      ? []
      : [{ name, values: values.map(([label, why]) => ({ label, why })) }];
  return [
    { name: 'assemblyscript', values: versions },
    ...open('runtime', runtimes(module.bytes, version)),
    ...open('noAssert', [
      ['no', "asc's own default"],
      ['yes', 'assertions left out'],
    ]),
    ...open('uncheckedBehavior', [
      ['default', "asc's own default"],
      ['always', 'bounds never checked'],
      ['never', 'unchecked() ignored'],
    ]),
    ...open('converge', [
      ['no', "asc's own default"],
      ['yes', 'optimised until nothing changes'],
    ]),
    ...open('bindings', bindings(clues, module)),
    ...open('optimizeLevel', []).map(() => ({
      name: 'optimize',
      values: OPTIMISATIONS.map((label) => ({
        label,
        why: 'levels of optimising and of shrinking',
      })),
    })),
  ];
}

/** Its own source file stands in the messages of each runtime, in UTF-16. */
function runtimes(bytes: Uint8Array, version: string): [string, string][] {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const all = runtimesOf(version);
  const told = all.filter(([, file]) => buffer.includes(Buffer.from(file, 'utf16le')));
  if (new Set(told.map(([, file]) => file)).size !== 1)
    return all.map(([name, , why]) => [name, why]);
  return told.map(([name, file]) => [name, `a message of the module names ${file}`]);
}

/** The script that asc writes beside a module tells which bindings were asked for. */
function bindings({ files, root }: Clues, module: FoundModule): [string, string][] {
  const inner = module.location.path.replace(/\.wasm$/, '.js');
  const script = textOf(files, inner) ?? textOf(files, `${root}/build/release.js`) ?? '';
  if (/^export async function instantiate\(/m.test(script))
    return [['raw', `${inner} has an instantiate function, as asc writes it for raw`]];
  if (
    /WebAssembly\.instantiate|compileStreaming/.test(script) &&
    /__liftString|adaptedImports/.test(script)
  )
    return [['esm', `${inner} instantiates the module itself, as asc writes it for esm`]];
  return [
    ['none', 'no script of asc lies beside the module'],
    ['raw', 'exports of the runtime may be there for a script that is elsewhere'],
  ];
}

function toldFlags(scripts: readonly string[], config: unknown): Told | undefined {
  const flags = new Map<string, string>();
  const whence: string[] = [];
  if (isRecord(config)) {
    const target = targetName(scripts);
    const options = {
      ...asRecord(config['options']),
      ...asRecord(asRecord(config['targets'])[target]),
    };
    for (const [name, value] of Object.entries(options)) addFlag(flags, name, value);
    whence.push(`asconfig.json, target ${target}`);
  }
  const script = scripts.find((line) => !line.includes('debug')) ?? scripts[0] ?? '';
  const line = script.split(/&&|;|\|/).find((part) => /(?:^|[\s/])asc\s/.test(part)) ?? '';
  const words = line.trim().split(/\s+/);
  let fromScript = false;
  for (let at = 0; at < words.length; at += 1) {
    const [word = '', attached] = (words[at] ?? '').split('=', 2);
    const short = /^-O([0-3]?)([sz]?)$/.exec(word);
    const name = /^--([A-Za-z]+)$/.exec(word)?.[1];
    if (short !== null) {
      flags.set('optimizeLevel', short[1] === '' ? (short[2] === '' ? '3' : '2') : short[1]!);
      flags.set('shrinkLevel', short[2] === 's' ? '1' : short[2] === 'z' ? '2' : '0');
      fromScript = true;
    } else if (name !== undefined) {
      const next = words[at + 1] ?? '-';
      const value = attached ?? (next.startsWith('-') || next.endsWith('.ts') ? '' : next);
      if (addFlag(flags, name, value === '' ? true : value)) fromScript = true;
    }
  }
  if (fromScript) whence.push('the script of package.json');
  return flags.size === 0 ? undefined : { flags, whence: whence.join(' and ') };
}

function targetName(scripts: readonly string[]): string {
  const targets = scripts.map((script) => /--target[ =]([\w-]+)/.exec(script)?.[1]);
  return targets.find((target) => target !== undefined && target !== 'debug') ?? 'release';
}

/** Where outputs go is ours to say; everything that changes the module is kept. */
function addFlag(flags: Map<string, string>, name: string, value: unknown): boolean {
  const ours = [
    'outFile',
    'textFile',
    'binaryFile',
    'target',
    'config',
    'baseDir',
    'sourceMap',
    'stats',
  ];
  if (ours.includes(name) || !/^[A-Za-z]{1,40}$/.test(name)) return false;
  if (name === 'optimize') {
    if (value !== false) {
      if (!flags.has('optimizeLevel')) flags.set('optimizeLevel', '3');
      if (!flags.has('shrinkLevel')) flags.set('shrinkLevel', '0');
    }
    return true;
  }
  const listed = Array.isArray(value)
    ? value.filter((item) => typeof item === 'string').join(',')
    : value;
  if (value === false || value === null) return false;
  if (listed === true) flags.set(name, '');
  else if (typeof listed === 'string' && !/[\s\0]/.test(listed)) flags.set(name, listed);
  else if (typeof listed === 'number') flags.set(name, String(listed));
  else return false;
  return true;
}

function exportsOf(bytes: Uint8Array): boolean {
  try {
    const node = readBinary(bytes);
    if (node.kind !== 'module') return false;
    const names = readExports(moduleAt(bytes, node)).map(({ name }) => name);
    return RUNTIME_EXPORTS.every((name) => names.includes(name));
  } catch (error) {
    if (error instanceof WasmError) return false;
    throw error;
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asRecord(value: unknown): Record<string, unknown> {
  return isRecord(value) ? value : {};
}

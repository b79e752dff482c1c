import { RECIPE_SCHEMA, type Recipe, type ToolchainName } from '@touchstone/contract';
import { goBuildInformation } from '../sbom/binary-inventory.js';
import { moduleClues, textOf, type Clues } from './clues.js';
import { baseName } from './command-lines/compile-command.js';
import type { CommandLine, ToldCommands } from './command-lines/collect-commands.js';
import { joinFolder, UNKNOWN } from './command-lines/shell-commands.js';
import type { FoundModule } from './find-modules.js';
import { valueOf, type Choice, type Proposal, type Proposed } from './proposal.js';
import { chooseToolchain } from './toolchain-choice.js';

/** A call of `go build`, and what of it a recipe repeats. */
interface GoBuild {
  readonly flags: readonly string[];
  readonly target: string;
  readonly variables: Readonly<Record<string, string>>;
  readonly whence?: string;
}

const FLAGS_WITH_VALUE = /^-(?:ldflags|tags|gcflags|asmflags|buildmode|mod|pgo|compiler|overlay)$/;
const PASSED = /^(?:GOOS|GOARCH|GOWASM|GOFLAGS|GOEXPERIMENT|GODEBUG)$/;
const MOST_PROPOSALS = 32;

/** Modules that `go build` made: their build information, go.mod, main packages and scripts. */
export function proposeGo(
  clues: Clues,
  told: ToldCommands,
  available: readonly ToolchainName[],
): Proposed {
  const roots = [...told.tree.files].filter((path) => /(?:^|\/)go\.mod$/.test(path)).slice(0, 16);
  const built = clues.modules.filter((module) => isGo(module));
  if (built.length === 0 && roots.length === 0) return { proposals: [], obstacles: [] };
  if (roots.length === 0)
    return {
      proposals: [],
      obstacles: ["Go's build information is in it, but no go.mod is in the source"],
    };
  const obstacles: string[] = [];
  const proposals = built.flatMap((module) => {
    const information = goBuildInformation(module.bytes) ?? [];
    const settings = settingsOf(information);
    obstacles.push(...unrepeatable(module, information));
    const version = /go(1\.\d+(?:\.\d+)?)/.exec(latin(module))?.[1];
    const wanted = version === undefined ? undefined : { version, whence: 'the module' };
    const toolchain = chooseToolchain('debian-go', available, wanted);
    if (toolchain === undefined) return [];
    return roots.flatMap((path) => {
      const folder = path.replace(/\/?go\.mod$/, '');
      return buildsOf(module, folder, clues, told, settings).map((build) =>
        proposal(clues, module, { build, folder, settings, toolchain }),
      );
    });
  });
  return { proposals: proposals.slice(0, MOST_PROPOSALS), obstacles: [...new Set(obstacles)] };
}

function isGo(module: FoundModule): boolean {
  if (module.layer !== 'module') return false;
  if (goBuildInformation(module.bytes) !== undefined) return true;
  return moduleClues(module.bytes).customSections.some((name) => /^go[.:]buildid$/.test(name));
}

/** `GOOS=wasip1`, `-trimpath=true`: the lines `build` of the information. */
function settingsOf(information: readonly string[]): Map<string, string> {
  const settings = new Map<string, string>();
  for (const line of information) {
    const [, name, value] = /^build\t([^=\t]+)=(.*)$/.exec(line) ?? [];
    if (name !== undefined && value !== undefined) settings.set(name, value);
  }
  return settings;
}

/** What comes from a checkout and its history; a rebuild has neither. */
function unrepeatable(module: FoundModule, information: readonly string[]): string[] {
  const revision = settingsOf(information).get('vcs.revision');
  if (revision === undefined) return [];
  return [
    `${module.name} was built in a checkout and names its commit ${revision}: it cannot have the same bytes without one, unless it is published from go build -buildvcs=false`,
  ];
}

/** Calls in the source's scripts that fit, else one for each main package that does. */
function buildsOf(
  module: FoundModule,
  folder: string,
  clues: Clues,
  told: ToldCommands,
  settings: ReadonlyMap<string, string>,
): GoBuild[] {
  const calls = told.lines.flatMap((line) => goBuild(line, folder) ?? []);
  const named = calls.filter(({ output }) => stem(output) === module.name.toLowerCase());
  const chosen = named.length > 0 ? named : clues.modules.length === 1 ? calls : [];
  if (chosen.length > 0) return chosen.map(({ build }) => build);
  const mains = mainPackages(clues, folder);
  const byName = mains.filter((place) => stem(place) === module.name.toLowerCase());
  const list = byName.length > 0 ? byName : mains;
  return list.slice(0, 8).map((place) => ({
    target: place === '' ? '.' : `./${place}`,
    variables: {},
    flags: flagsOfSettings(settings),
  }));
}

function flagsOfSettings(settings: ReadonlyMap<string, string>): string[] {
  const flags = ['-tags', '-buildmode', '-gcflags', '-asmflags', '-ldflags'].flatMap((name) => {
    const value = settings.get(name);
    return value === undefined || value === 'exe' ? [] : [`${name}=${value}`];
  });
  return settings.get('-trimpath') === 'true' ? ['-trimpath', ...flags] : flags;
}

/** `go build` with what it is told; undefined for what is none or builds for the host. */
function goBuild(line: CommandLine, root: string): { build: GoBuild; output: string } | undefined {
  const [program, verb, ...args] = line.words;
  if (baseName(program) !== 'go' || verb !== 'build') return undefined;
  const variables = Object.fromEntries(
    Object.entries(line.variables).filter(
      ([name, value]) => PASSED.test(name) && !value.includes(UNKNOWN),
    ),
  );
  if (!/^(?:wasip1|js)$/.test(variables['GOOS'] ?? '')) return undefined;
  const flags: string[] = [];
  let output = '';
  let target = '.';
  for (let at = 0; at < args.length; at += 1) {
    const arg = args[at] ?? '';
    if (arg.includes(UNKNOWN)) continue;
    if (arg === '-o') output = args[(at += 1)] ?? '';
    else if (FLAGS_WITH_VALUE.test(arg)) {
      const value = args[(at += 1)] ?? '';
      if (!value.includes(UNKNOWN)) flags.push(`${arg}=${value}`);
    } else if (arg.startsWith('-')) {
      if (!/^-(?:v|x|a|n|work)$/.test(arg)) flags.push(arg);
    } else target = arg;
  }
  // Packages are named from where the line runs, and the recipe runs where go.mod is.
  const inner = /^\.{0,2}(?:\/|$)/.test(target) ? joinFolder(line.folder, target) : undefined;
  if (inner !== undefined) {
    if (root !== '' && inner !== root && !inner.startsWith(`${root}/`)) return undefined;
    const below = inner.slice(root.length).replace(/^\//, '');
    target = below === '' ? '.' : `./${below}`;
  }
  return { build: { flags, target, variables, whence: line.whence }, output };
}

/** Folders below a go.mod that hold `package main`, relative to it. */
function mainPackages({ files, root }: Clues, folder: string): string[] {
  const base = folder === '' ? `${root}/` : `${root}/${folder}/`;
  const places = new Set<string>();
  for (const path of files.keys()) {
    if (!path.startsWith(base) || !path.endsWith('.go') || path.endsWith('_test.go')) continue;
    const inner = path.slice(base.length);
    if (/(?:^|\/)(?:vendor|testdata)\//.test(inner)) continue;
    const place = inner.includes('/') ? inner.slice(0, inner.lastIndexOf('/')) : '';
    if (places.has(place)) continue;
    if (/^package main\b/m.test((textOf(files, path) ?? '').slice(0, 65_536))) places.add(place);
  }
  return [...places].sort((a, b) => a.length - b.length || (a < b ? -1 : 1));
}

interface Known {
  readonly build: GoBuild;
  /** Where go.mod is, relative to the source's root. */
  readonly folder: string;
  readonly settings: ReadonlyMap<string, string>;
  readonly toolchain: Choice;
}

function proposal(clues: Clues, module: FoundModule, known: Known): Proposal {
  const { build, folder, settings, toolchain } = known;
  const workdir = folder === '' ? clues.root : `${clues.root}/${folder}`;
  const linked = linkerFlags(module, build, settings);
  const choices: [Choice, ...Choice[]] = [toolchain, ...linked];
  const environment = {
    GOOS: goos(module),
    GOARCH: 'wasm',
    ...wasmFeatures(settings),
    ...build.variables,
  };
  const output = `${module.name}.wasm`;
  const sum = `${workdir}/go.sum`;
  const fetched = clues.files.has(sum) && !clues.files.has(`${workdir}/vendor/modules.txt`);
  return {
    ...{ toolchain: toolchain.name, versionsOf: toolchain.name, modules: [module], choices },
    reasons: [
      `${folder === '' ? '' : `${folder}/`}go.mod, and ${build.target} is a main package`,
      build.whence === undefined
        ? settings.size === 0
          ? 'no file says with which options'
          : 'options are from the build information in the module'
        : `go build is called by ${build.whence}`,
      ...(fetched ? ['modules that go.sum pins are fetched before'] : []),
    ],
    recipe: (selection): Recipe => {
      const ldflags = valueOf(choices, selection, 'ldflags');
      const flags = [...build.flags, ...(ldflags === '' ? [] : [`-ldflags=${ldflags}`])];
      return {
        schema: RECIPE_SCHEMA,
        artifact: clues.artifact,
        source: clues.source,
        toolchain: { name: toolchain.name, version: valueOf(choices, selection, toolchain.name) },
        workdir,
        environment,
        ...(fetched ? { dependencies: [{ kind: 'go', lockfile: sum }] } : {}),
        steps: [{ run: ['go', 'build', ...flags, '-o', output, build.target] }],
        modules: [{ name: module.name, output, published: module.location }],
      };
    },
  };
}

/** The build information leaves `-ldflags` out when paths were trimmed; the sections tell some. */
function linkerFlags(
  module: FoundModule,
  { flags }: GoBuild,
  settings: ReadonlyMap<string, string>,
): Choice[] {
  if (flags.some((flag) => flag.startsWith('-ldflags'))) return [];
  if (settings.has('-ldflags')) return [];
  const sections = moduleClues(module.bytes).customSections;
  const identified = sections.some((name) => /^go[.:]buildid$/.test(name));
  const stripped = !sections.includes('name');
  const flag = [stripped ? '-s -w' : '', identified ? '' : '-buildid=']
    .filter((one) => one !== '')
    .join(' ');
  const why = `it has ${stripped ? 'no names' : 'names'} and ${identified ? 'a' : 'no'} build id`;
  const others = ['', '-buildid=', '-s -w', '-s -w -buildid=', '-s', '-w'].filter(
    (one) => one !== flag,
  );
  return [
    {
      name: 'ldflags',
      values: [
        { label: flag, why },
        ...others.map((label) => ({ label, why: 'another usual one' })),
      ],
    },
  ];
}

/** Which host it was built for shows in what it imports. */
function goos(module: FoundModule): string {
  const text = latin(module);
  return text.includes('wasi_snapshot_preview1')
    ? 'wasip1'
    : text.includes('gojs')
      ? 'js'
      : 'wasip1';
}

function wasmFeatures(settings: ReadonlyMap<string, string>): Record<string, string> {
  const features = settings.get('GOWASM') ?? '';
  return features === '' ? {} : { GOWASM: features };
}

function latin({ bytes }: FoundModule): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
}

function stem(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(/\.wasm$/, '').toLowerCase();
}

import { moduleAt, readBinary, readImports, WasmError } from '@touchstone/wasm';
import { RECIPE_SCHEMA, type Recipe, type ToolchainName } from '@touchstone/contract';
import { cargoTargets, toml, type CargoTarget } from './cargo-manifests.js';
import { moduleClues, textOf, type Clues } from './clues.js';
import { baseName } from './command-lines/compile-command.js';
import type { CommandLine, ToldCommands } from './command-lines/collect-commands.js';
import { UNKNOWN } from './command-lines/shell-commands.js';
import { remapFlags } from './embedded-paths.js';
import type { FoundModule } from './find-modules.js';
import { valueOf, type Choice, type Proposal, type Proposed } from './proposal.js';
import { chooseToolchain, producedBy, type WantedCompiler } from './toolchain-choice.js';

const TOOLCHAIN = 'debian-rust';
const MOST_PROPOSALS = 32;

/** What a call of cargo in the source says beside its target. */
interface CargoCall {
  readonly flags: readonly string[];
  readonly target: string | undefined;
  readonly profile: string | undefined;
  readonly rustflags: string | undefined;
  readonly whence: string;
}

/** Modules that cargo built: manifests, lock file, `.cargo/config.toml`, scripts, `producers`. */
export function proposeRust(
  clues: Clues,
  told: ToldCommands,
  available: readonly ToolchainName[],
): Proposed {
  const targets = cargoTargets(clues);
  const modules = clues.modules.filter((module) => isRust(module, clues, targets));
  if (modules.length === 0) return { proposals: [], obstacles: [] };
  if (targets.length === 0)
    return {
      proposals: [],
      obstacles: ['rustc made it, but no Cargo.toml in the source builds a cdylib or a program'],
    };
  const obstacles = new Set<string>();
  const calls = told.lines.flatMap((line) => cargoCall(line) ?? []);
  const proposals = modules.flatMap((module) => {
    const said = moduleClues(module.bytes).producers;
    const bindgen = said.find((one) => /^wasm-bindgen\b/.test(one));
    if (bindgen !== undefined)
      obstacles.add(
        `${module.name}: ${bindgen} changed what cargo built, and no toolchain holds that program`,
      );
    if (embedsUpstream(module))
      obstacles.add(
        `${module.name} holds paths of upstream's standard library (/rustc/…): Debian's rustc does not give its bytes`,
      );
    if (module.layer === 'component') {
      obstacles.add(`${module.name} is a component: what lifted it is not known`);
      return [];
    }
    const wanted = producedBy({ producers: said, customSections: [] }, /rustc/) ?? pinned(clues);
    const choice = chooseToolchain(TOOLCHAIN, available, wanted);
    if (choice === undefined) {
      obstacles.add(`there is no lock of ${TOOLCHAIN}`);
      return [];
    }
    return fitting(module, targets).flatMap((target) => {
      const lockfile = inRoot(clues, target.workspace, 'Cargo.lock');
      if (!clues.files.has(lockfile)) {
        obstacles.add(`${target.packageName} has no Cargo.lock: nothing pins its dependencies`);
        return [];
      }
      return [proposal(clues, module, { target, calls, choice, lockfile })];
    });
  });
  return { proposals: proposals.slice(0, MOST_PROPOSALS), obstacles: [...obstacles] };
}

/** rustc says so in `producers`; in a module that was stripped of it, the name of a target must do. */
function isRust(module: FoundModule, { modules }: Clues, targets: readonly CargoTarget[]): boolean {
  const said = moduleClues(module.bytes).producers;
  if (said.some((one) => /^(?:Rust|rustc)\b/.test(one))) return true;
  if (said.length > 0) return false;
  return (
    targets.some(({ file }) => same(file, module.name)) ||
    (modules.length === 1 && targets.length > 0)
  );
}

function fitting(module: FoundModule, targets: readonly CargoTarget[]): CargoTarget[] {
  const named = targets.filter(({ file }) => same(file, module.name));
  const library = !exportsStart(module);
  // A program exports `_start`; of a library and a program of one name that tells them apart.
  const byShape = (list: readonly CargoTarget[]): CargoTarget[] => {
    const shaped = list.filter(({ kind }) => (kind === 'lib') === library);
    return shaped.length > 0 ? shaped : [...list];
  };
  return byShape(named.length > 0 ? named : targets).slice(0, 4);
}

function embedsUpstream({ bytes }: FoundModule): boolean {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1');
  return /\/rustc\/[0-9a-f]{40}\//.test(text);
}

function exportsStart({ bytes }: FoundModule): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes('\u0006_start');
}

/** `rust-toolchain` or `rust-toolchain.toml`, and the least version that Cargo.toml asks for. */
function pinned(clues: Clues): WantedCompiler | undefined {
  for (const name of ['rust-toolchain.toml', 'rust-toolchain']) {
    const text = textOf(clues.files, `${clues.root}/${name}`) ?? '';
    const version = /(\d+\.\d+(?:\.\d+)?)/.exec(text)?.[1];
    if (version !== undefined) return { version, whence: name };
  }
  return undefined;
}

function cargoCall(line: CommandLine): CargoCall | undefined {
  const [program, ...rest] = line.words;
  const args = rest.filter((word) => !word.startsWith('+'));
  if (baseName(program) !== 'cargo' || !/^(?:build|b|rustc)$/.test(args[0] ?? '')) return undefined;
  const flags: string[] = [];
  let target: string | undefined;
  let profile: string | undefined;
  for (let at = 1; at < args.length; at += 1) {
    const [name = '', attached] = (args[at] ?? '').split(/=(.*)/s, 2);
    const value = (): string => attached ?? args[(at += 1)] ?? '';
    if (name === '--') break;
    if (name === '--target') target = value();
    else if (name === '--profile') profile = value();
    else if (name === '--release' || name === '-r') profile = 'release';
    else if (name === '--features' || name === '-F') flags.push('--features', value());
    else if (name === '--no-default-features' || name === '--all-features') flags.push(name);
    else if (/^(?:-p|--package|--bin|--manifest-path|--target-dir|--jobs|-j|--example)$/.test(name))
      value();
  }
  if (flags.some((flag) => flag.includes(UNKNOWN))) return undefined;
  const rustflags = line.variables['RUSTFLAGS'];
  return {
    ...{ flags, target, profile, whence: line.whence },
    rustflags: rustflags?.includes(UNKNOWN) === true ? undefined : rustflags,
  };
}

interface Known {
  readonly target: CargoTarget;
  readonly calls: readonly CargoCall[];
  readonly choice: Choice;
  readonly lockfile: string;
}

function proposal(clues: Clues, module: FoundModule, known: Known): Proposal {
  const { target, calls, choice, lockfile } = known;
  const wasi = importsWasi(module);
  const fits = calls.filter(
    ({ target: one }) =>
      one === undefined || (one.includes('wasi') === wasi && one.includes('wasm')),
  );
  const call = fits.find(({ target: one }) => one !== undefined) ?? fits[0];
  const triple = wasi ? 'wasm32-wasip1' : 'wasm32-unknown-unknown';
  const choices: [Choice, ...Choice[]] = [
    choice,
    profiles(target, call),
    features(call),
    paths(clues, module, { target, call, triple }),
  ];
  const output = (profile: string): string =>
    `target/${triple}/${profile === 'dev' ? 'debug' : profile}/${target.file}.wasm`;
  const workdir = target.workspace === '' ? clues.root : `${clues.root}/${target.workspace}`;
  const fetched = /^checksum = /m.test(textOf(clues.files, lockfile) ?? '');
  return {
    ...{ toolchain: TOOLCHAIN, versionsOf: TOOLCHAIN, modules: [module], choices },
    reasons: [
      `Cargo.toml builds ${target.kind === 'lib' ? 'the cdylib' : 'the program'} ${target.name}`,
      `it imports ${wasi ? 'WASI' : 'nothing of WASI'}: --target ${triple}`,
      ...(call === undefined ? [] : [`cargo is called by ${call.whence}`]),
      ...(fetched ? ['crates that Cargo.lock pins are fetched before'] : []),
    ],
    recipe: (selection): Recipe => {
      const value = (name: string): string => valueOf(choices, selection, name);
      const rustflags = value('RUSTFLAGS');
      const profile = value('profile');
      return {
        schema: RECIPE_SCHEMA,
        artifact: clues.artifact,
        source: clues.source,
        toolchain: { name: TOOLCHAIN, version: value(TOOLCHAIN) },
        workdir,
        ...(rustflags === '' ? {} : { environment: { RUSTFLAGS: rustflags } }),
        ...(fetched ? { dependencies: [{ kind: 'cargo', lockfile }] } : {}),
        steps: [
          {
            run: [
              ...['cargo', 'build', '--locked', '--offline', '--profile', profile],
              ...['--target', triple, '-p', target.packageName],
              ...(target.kind === 'lib' ? ['--lib'] : ['--bin', target.name]),
              ...value('features')
                .split(' ')
                .filter((word) => word !== ''),
            ],
          },
        ],
        modules: [{ name: module.name, output: output(profile), published: module.location }],
      };
    },
  };
}

function profiles({ profiles: known }: CargoTarget, call: CargoCall | undefined): Choice {
  const said = call?.profile;
  const values = [...new Set([...(said === undefined ? [] : [said]), ...known])];
  return {
    name: 'profile',
    values: values
      .filter((label) => !/^(?:dev|test|bench)$/.test(label) || label === said)
      .map((label) => ({
        label,
        why: label === said ? `as ${call?.whence ?? ''} says` : 'a profile of the workspace',
      })),
  };
}

function features(call: CargoCall | undefined): Choice {
  const said = call?.flags.join(' ') ?? '';
  const plain = { label: '', why: "the package's default" };
  return {
    name: 'features',
    values: said === '' ? [plain] : [{ label: said, why: `as ${call?.whence ?? ''} says` }, plain],
  };
}

/**
 * `RUSTFLAGS` stands in place of what the toolchain and `.cargo/config.toml` say, so what a script
 * sets is kept with the mapping of paths. Paths that are in the module tell what they were.
 */
function paths(
  clues: Clues,
  module: FoundModule,
  { target, call, triple }: { target: CargoTarget; call: CargoCall | undefined; triple: string },
): Choice {
  const configured = configuredFlags(clues, target, triple);
  const own = call?.rustflags ?? configured ?? '';
  const mapped = remapFlags(clues, module, target.workspace);
  const values = [
    ...(mapped.length === 0
      ? []
      : [
          {
            label: [own, ...mapped].join(' ').trim(),
            why: 'paths in the module name these folders',
          },
        ]),
    own === ''
      ? { label: '', why: 'no file sets it' }
      : {
          label: [own, '--remap-path-prefix={workspace}=/build'].join(' '),
          why:
            call?.rustflags === undefined ? 'as .cargo/config.toml says' : `as ${call.whence} says`,
        },
  ];
  return { name: 'RUSTFLAGS', values };
}

/** `build.rustflags` or those of the target: the latter alone would hide the toolchain's own. */
function configuredFlags(
  clues: Clues,
  { workspace }: CargoTarget,
  triple: string,
): string | undefined {
  for (const name of ['.cargo/config.toml', '.cargo/config']) {
    const config = toml(clues, inRoot(clues, workspace, name)) as
      | { build?: { rustflags?: unknown }; target?: Record<string, { rustflags?: unknown }> }
      | undefined;
    const said = config?.target?.[triple]?.rustflags ?? config?.build?.rustflags;
    const text = Array.isArray(said) ? said.join(' ') : said;
    if (typeof text === 'string' && text.length < 2000 && !/[\0\n]/.test(text)) return text;
  }
  return undefined;
}

function importsWasi(module: FoundModule): boolean {
  try {
    const node = readBinary(module.bytes);
    if (node.kind !== 'module') return false;
    return readImports(moduleAt(module.bytes, node)).some(({ module: from }) =>
      from.startsWith('wasi'),
    );
  } catch (error) {
    if (error instanceof WasmError) return false;
    throw error;
  }
}

function inRoot({ root }: Clues, folder: string, name: string): string {
  return folder === '' ? `${root}/${name}` : `${root}/${folder}/${name}`;
}

function same(file: string, name: string): boolean {
  const plain = (text: string): string =>
    text
      .toLowerCase()
      .replaceAll('-', '_')
      .replace(/_bg$/, '')
      .replace(/\.wasm$/, '');
  return plain(file) === plain(name);
}

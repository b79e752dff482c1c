import { RECIPE_SCHEMA, type Recipe } from '@touchstone/contract';
import { textOf, type Clues } from './clues.js';
import type { FoundModule } from './find-modules.js';
import { valueOf, type Choice, type Proposal, type Proposed } from './proposal.js';

/** Instructions by the names that they had before 2018; wabt reads them up to 1.0.12. */
const OLD_NAMES =
  /\b(?:get_local|set_local|tee_local|get_global|set_global|current_memory|grow_memory)\b/;
const DEFAULT_VERSIONS = ['1.0.12', '1.0.39', '1.0.32', '1.0.24', '1.0.19'];

/** Modules whose text format lies beside them: `blake2b.wat`, and `blake2b.js` with its base64. */
export function proposeWat(clues: Clues): Proposed {
  const texts = [...clues.files.keys()].filter((path) => /\.wa(?:t|st)$/.test(path));
  const proposals: Proposal[] = [];
  for (const module of clues.modules) {
    for (const path of texts) {
      const alone = texts.length === 1 && clues.modules.length === 1;
      if (!alone && stem(path) !== stem(module.location.path)) continue;
      const text = textOf(clues.files, path);
      // A text that a disassembler or a compiler wrote beside the module is no source of it.
      if (text === undefined || isGenerated(clues, path)) continue;
      proposals.push(proposal(clues, module, path, OLD_NAMES.test(text)));
    }
  }
  return { proposals, obstacles: [] };
}

function proposal(clues: Clues, module: FoundModule, path: string, old: boolean): Proposal {
  const inner = path.slice(clues.root.length + 1);
  const output = `${module.name}.wasm`;
  const wanted = clues.manifest.devDependencies['wabt']?.replace(/^[\^~=v]+/, '');
  const why = old
    ? 'the text names instructions as before 2018, which newer versions do not read'
    : 'one that reads old and new names';
  const versions = [
    ...(wanted !== undefined && /^\d+\.\d+\.\d+$/.test(wanted)
      ? [{ label: wanted, why: 'devDependencies name it' }]
      : []),
    ...DEFAULT_VERSIONS.filter((version) => version !== wanted).map((label) => ({ label, why })),
  ];
  const choices: [Choice] = [
    { name: 'wabt', values: old ? versions.filter(({ label }) => label === '1.0.12') : versions },
  ];
  return {
    ...{ toolchain: 'wabt', versionsOf: 'wabt', modules: [module], choices },
    reasons: [
      `${inner} is WebAssembly text, and stands beside ${module.location.path}`,
      'wat2wasm without options: nothing in the package says otherwise',
    ],
    recipe: (selection): Recipe => ({
      schema: RECIPE_SCHEMA,
      artifact: clues.artifact,
      source: clues.source,
      toolchain: { name: 'wabt', version: valueOf(choices, selection, 'wabt') },
      workdir: clues.root,
      steps: [{ run: ['wat2wasm', inner, '-o', output] }],
      modules: [{ name: module.name, output, published: module.location }],
    }),
  };
}

/** AssemblyScript's `--textFile` and its like begin with the type section of what they print. */
function isGenerated(clues: Clues, path: string): boolean {
  const text = textOf(clues.files, path) ?? '';
  const beside = clues.files.has(path.replace(/\.wa(?:t|st)$/, '.wasm'));
  return beside && /^\(module\n \((?:type|rec|memory|global|import) /.test(text);
}

function stem(path: string): string {
  return (path.split('/').at(-1) ?? path).replace(/\.[^.]+$/, '').toLowerCase();
}

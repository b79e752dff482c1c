import { createHash } from 'node:crypto';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Recipe, type Publication } from '@touchstone/contract';
import { readPublished } from '@touchstone/rebuild';
import { npmSource } from '../rebuilding.js';
import { alterOneInstruction } from './tamper.js';

export interface DemoPublication {
  readonly name: string;
  readonly recipe: Recipe;
  readonly expected: Publication['verdict'];
  /** The file to hand to the coordinator first, where the artifact is an upload. */
  readonly upload?: { readonly sha256: string; readonly bytes: Uint8Array<ArrayBuffer> };
  /** The published modules, as files for `touchstone verify --artifact`. */
  readonly moduleFiles: readonly string[];
}

const NAMES = [
  'keyframe-resample-0.1.0',
  'siphash24-1.3.1',
  'blake2b-wasm-2.4.0',
  'hash-wasm-4.13.0',
];
const TAMPERED = 'keyframe-resample-0.1.0';
const RECIPES = new URL('../../recipes/', import.meta.url);

/** The real publications, and a copy of one in which one instruction was altered. */
export async function loadPublications(options: {
  readonly cacheDir: string;
  /** Where the modules' files go. */
  readonly dir: string;
  readonly stop: AbortSignal;
}): Promise<DemoPublication[]> {
  const source = await npmSource(options.cacheDir, false);
  const publications: DemoPublication[] = [];
  for (const name of NAMES) {
    const recipe = await readRecipeFile(name);
    const modules = await readPublished(recipe, { source, signal: options.stop });
    const moduleFiles = await writeModules(join(options.dir, name), modules);
    publications.push({ name, recipe, expected: 'reproduced', moduleFiles });
    const [module] = modules.values();
    if (name === TAMPERED && module !== undefined) {
      publications.push(await tamperedCopy(recipe, module, options.dir));
    }
  }
  return publications;
}

async function readRecipeFile(name: string): Promise<Recipe> {
  return Recipe.parse(JSON.parse(await readFile(new URL(`${name}.json`, RECIPES), 'utf8')));
}

async function writeModules(
  dir: string,
  modules: ReadonlyMap<string, Uint8Array>,
): Promise<string[]> {
  await mkdir(dir, { recursive: true });
  const files: string[] = [];
  for (const [name, bytes] of modules) {
    const file = join(dir, `${name}.wasm`);
    await writeFile(file, bytes);
    files.push(file);
  }
  return files;
}

async function tamperedCopy(
  recipe: Recipe,
  module: Uint8Array,
  dir: string,
): Promise<DemoPublication> {
  const [first] = recipe.modules;
  if (first === undefined) throw new Error('the recipe has no module');
  const name = `${TAMPERED}-tampered`;
  const { bytes } = alterOneInstruction(module);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const path = 'release.wasm';
  const published = { kind: 'file', path } as const;
  return {
    name,
    recipe: Recipe.parse({
      ...recipe,
      artifact: { kind: 'upload', name: path, sha256 },
      modules: [{ ...first, published }],
    }),
    expected: 'different',
    upload: { sha256, bytes },
    moduleFiles: await writeModules(join(dir, name), new Map([[first.name, bytes]])),
  };
}

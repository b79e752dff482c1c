import { describe, expect, it } from 'vitest';
import { canonicalJson } from '@touchstone/attest';
import fc from 'fast-check';
import { fieldPath, Recipe, recipeDigest } from './index.js';

const integrity = `sha512-${'A'.repeat(86)}==`;
const npm = { kind: 'npm', name: '@scope/a.b', version: '1.2.3-rc.1+x', integrity };
const upload = { kind: 'upload', name: 'dir/a b#ü.wasm', sha256: '0'.repeat(64) };
const recipe = {
  schema: 'https://touchstone.dev/recipe/v1',
  artifact: npm,
  source: { ...npm },
  toolchain: { name: 'wabt', version: '1.0.12' },
  workdir: 'package',
  steps: [{ run: ['wat2wasm', '{each}.wat', '-o', 'a.wasm'], each: ['a', 'b'] }],
  modules: [
    { name: 'a', output: 'a.wasm', published: { kind: 'file', path: 'package/a.wasm' } },
    {
      name: 'b',
      output: 'b.wasm',
      published: { kind: 'base64', path: 'package/b.js', marker: 'var b = "' },
    },
  ],
};
const [module] = recipe.modules;

/** The recipe with one field changed, by its path. */
function change(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(recipe);
  const keys = path.split('.');
  const last = keys.pop() ?? '';
  const place = keys.reduce<unknown>((at, key) => (at as Record<string, unknown>)[key], copy);
  (place as Record<string, unknown>)[last] = value;
  return copy;
}

function faultOf(value: unknown): string {
  const parsed = Recipe.safeParse(value);
  return parsed.success ? 'none' : fieldPath(parsed.error.issues[0]?.path ?? [], 'recipe');
}

describe('Recipe', () => {
  it.each([
    ['as it is', recipe],
    ['of an upload', change('artifact', upload)],
    ['with a working folder deep down', change('workdir', 'package/a/b')],
  ])('is read %s', (_, value) => {
    expect(Recipe.parse(value)).toEqual(value);
  });

  it('lies in the folder that npm packs into, unless told', () => {
    const { workdir: _, ...rest } = recipe;
    expect(recipeDigest(Recipe.parse(rest))).toBe(recipeDigest(Recipe.parse(recipe)));
  });

  it.each<[string, unknown, string]>([
    ['an unknown field', change('extra', 1), 'recipe'],
    ['an unknown field of a step', change('steps.0.shell', true), 'steps[0]'],
    ['an unknown field of an artifact', change('artifact.tag', 'latest'), 'artifact'],
    ['another schema', change('schema', 'https://touchstone.dev/recipe/v2'), 'schema'],
    ['an artifact of another kind', change('artifact.kind', 'git'), 'artifact.kind'],
    ['a range of versions', change('source.version', '^1.2.3'), 'source.version'],
    ['a tag', change('source.version', 'latest'), 'source.version'],
    ['a name that leads out', change('source.name', '../a'), 'source.name'],
    ['a name in capitals', change('source.name', 'A'), 'source.name'],
    ['a weak integrity', change('source.integrity', 'sha1-2jmj7l5rSw0yVb'), 'source.integrity'],
    [
      'two integrities',
      change('source.integrity', `${integrity} ${integrity}`),
      'source.integrity',
    ],
    [
      'a digest in capitals',
      change('artifact', { ...upload, sha256: 'A'.repeat(64) }),
      'artifact.sha256',
    ],
    ['an absolute path', change('workdir', '/etc'), 'workdir'],
    ['a path that leads out', change('workdir', 'package/../..'), 'workdir'],
    ['a path with an empty part', change('workdir', 'package//a'), 'workdir'],
    ['a path with a backslash', change('workdir', 'package\\a'), 'workdir'],
    ['a path with NUL', change('workdir', 'a\0b'), 'workdir'],
    ['a path with an escape', change('workdir', 'a\u001b[2Jb'), 'workdir'],
    ['a path with half a character', change('workdir', 'a\ud800'), 'workdir'],
    ['a path without end', change('workdir', 'a'.repeat(513)), 'workdir'],
    ['no steps', change('steps', []), 'steps'],
    ['too many steps', change('steps', Array(257).fill(recipe.steps[0])), 'steps'],
    ['an empty step', change('steps.0.run', []), 'steps[0].run'],
    ['a command by its path', change('steps.0.run', ['/bin/sh']), 'steps[0].run[0]'],
    ['a shell line', change('steps.0.run', ['sh -c true']), 'steps[0].run[0]'],
    ['an argument with NUL', change('steps.0.run', ['a', 'b\0']), 'steps[0].run[1]'],
    [
      'an argument with half a character',
      change('steps.0.run', ['a', '\udc00']),
      'steps[0].run[1]',
    ],
    ['an item that is a path', change('steps.0.each', ['../a']), 'steps[0].each[0]'],
    ['no modules', change('modules', []), 'modules'],
    ['a module twice', change('modules', [module, module]), 'modules'],
    ['a module with a # in its name', change('modules.0.name', 'a#b'), 'modules[0].name'],
    ['an output that leads out', change('modules.0.output', '../../a'), 'modules[0].output'],
    [
      'a module that lies elsewhere',
      change('modules.0.published.kind', 'url'),
      'modules[0].published.kind',
    ],
    ['a marker on a file', change('modules.0.published.marker', 'x'), 'modules[0].published'],
    ['an empty marker', change('modules.1.published.marker', ''), 'modules[1].published.marker'],
    [
      'half a character as marker',
      change('modules.1.published.marker', '\ud800'),
      'modules[1].published.marker',
    ],
  ])('refuses %s, naming the field', (_, value, field) => {
    expect(faultOf(value)).toBe(field);
  });

  it('that is read always has a digest, and one that does not hang on the order of keys', () => {
    const text = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.constant('\ud800'));
    fc.assert(
      fc.property(text, text, text, (argument, marker, path) => {
        const value = change('steps.0.run', ['a', argument]) as typeof recipe;
        value.modules[1] = {
          ...{ name: 'b', output: path },
          published: { kind: 'base64', path: 'package/b.js', marker },
        };
        const parsed = Recipe.safeParse(value);
        if (!parsed.success) return;
        const turned = Object.fromEntries(Object.entries(parsed.data).reverse()) as Recipe;
        expect(recipeDigest(turned)).toBe(recipeDigest(parsed.data));
        expect(Recipe.parse(JSON.parse(canonicalJson(parsed.data)))).toEqual(parsed.data);
      }),
      { seed: 11, numRuns: 500 },
    );
  });
});

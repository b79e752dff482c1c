import { z } from 'zod';
import { artifactDescriptor, type ArtifactDescriptor } from './artifact.js';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import { MAX_MODULES, ModuleName } from './rebuild-predicate.js';
import { recipeDigestOf } from './provenance.js';

/** The few fields of a recipe that a verdict hangs on. The whole schema is libs/contract's. */
const RecipeFields = z.looseObject({
  artifact: z.discriminatedUnion('kind', [
    z.looseObject({
      kind: z.literal('npm'),
      name: z.string().max(214),
      version: z.string().max(64),
      integrity: z.string().max(128),
    }),
    z.looseObject({
      kind: z.literal('upload'),
      name: z.string().max(512),
      sha256: z.string().max(64),
    }),
    z.looseObject({
      kind: z.literal('oci'),
      repository: z.string().max(255),
      sha256: z.string().max(64),
    }),
  ]),
  modules: z
    .array(z.looseObject({ name: ModuleName }))
    .min(1)
    .max(MAX_MODULES)
    .refine((modules) => new Set(modules.map(({ name }) => name)).size === modules.length, {
      message: 'module names must be unique',
    }),
});

export interface RecipeView {
  /** Hex SHA-256 of the recipe's canonical JSON (RFC 8785). */
  readonly digest: string;
  readonly artifact: ArtifactDescriptor;
  readonly moduleNames: readonly string[];
}

/**
 * What a verifier needs of a recipe it did not write.
 *
 * @throws AttestError `recipe-malformed`
 */
export function viewRecipe(recipe: unknown): RecipeView {
  const { artifact, modules } = parseBy(RecipeFields, recipe, 'recipe-malformed', 'recipe');
  try {
    return {
      digest: recipeDigestOf(recipe),
      artifact: artifactDescriptor(artifact),
      moduleNames: modules.map(({ name }) => name),
    };
  } catch (cause) {
    throw new AttestError('recipe-malformed', 'recipe.artifact names no publication', { cause });
  }
}

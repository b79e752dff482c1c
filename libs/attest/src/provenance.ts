import { sha256 } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import { encodeUtf8, type PublicKey, type SignatureVerifier } from '@touchstone/note';
import { z } from 'zod';
import { canonicalJson, isPlainObject } from './canonical-json.js';
import { soleSigner, verifyEnvelope, type VerifiedEnvelope } from './dsse.js';
import type { DigestSet } from './digest-set.js';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import type { RebuildPredicate } from './rebuild-predicate.js';
import { checkPredicateType, checkSubjects, moduleSubjectName } from './rebuild-statement.js';
import {
  parseCanonicalStatement,
  ResourceDescriptor,
  STATEMENT_TYPE,
  type Statement,
  type Subject,
} from './statement.js';

/** SLSA v1.0, "Provenance": how something was built. */
export const PROVENANCE_PREDICATE_TYPE = 'https://slsa.dev/provenance/v1';

/** The external parameters of this build type are `{ recipe }`, the recipe as it stands. */
export const RECIPE_BUILD_TYPE = 'https://touchstone.dev/recipe/v1';

const MAX_DEPENDENCIES = 4096;
const parameters = z.custom<Record<string, unknown>>(isPlainObject, 'must be an object');

/** SLSA v1.0 asks consumers to ignore fields they do not know, so unknown ones are carried along. */
export const ProvenancePredicate = z.looseObject({
  buildDefinition: z.looseObject({
    buildType: z.string().min(1).max(1024),
    externalParameters: parameters,
    internalParameters: parameters.exactOptional(),
    resolvedDependencies: z.array(ResourceDescriptor).max(MAX_DEPENDENCIES).exactOptional(),
  }),
  runDetails: z.looseObject({
    builder: z.looseObject({
      id: z.string().min(1).max(1024),
      version: z.record(z.string(), z.string()).exactOptional(),
    }),
    metadata: z
      .looseObject({
        invocationId: z.string().max(1024).exactOptional(),
        startedOn: z.iso.datetime().exactOptional(),
        finishedOn: z.iso.datetime().exactOptional(),
      })
      .exactOptional(),
  }),
});
export type ProvenancePredicate = z.infer<typeof ProvenancePredicate>;

export interface ProvenanceInput {
  /** What came of the build; its observed modules are the subjects. */
  readonly rebuild: RebuildPredicate;
  readonly recipe: Readonly<Record<string, unknown>>;
  /** Source, artifact, toolchain tree, runtime and every fetched file. */
  readonly resolvedDependencies: readonly ResourceDescriptor[];
  /** Id of the rebuilder in the trust root. */
  readonly rebuilder: string;
  /** Versions of the parts of the builder by name, such as `{ touchstone: '0.1.0' }`. */
  readonly version: Readonly<Record<string, string>>;
  readonly invocationId: string;
}

/** The builder that a rebuilder of this id is, SLSA `runDetails.builder.id`. */
export function builderId(rebuilder: string): string {
  return `https://touchstone.dev/rebuilder/${rebuilder}`;
}

/** How the observed modules of a rebuild were built. Only for a rebuild that built something. */
export function provenanceStatement(input: ProvenanceInput): Statement {
  const { rebuild } = input;
  const predicate: ProvenancePredicate = {
    buildDefinition: {
      buildType: RECIPE_BUILD_TYPE,
      externalParameters: { recipe: input.recipe },
      internalParameters: { environment: rebuild.environment },
      resolvedDependencies: [...input.resolvedDependencies],
    },
    runDetails: {
      builder: { id: builderId(input.rebuilder), version: { ...input.version } },
      metadata: {
        invocationId: input.invocationId,
        startedOn: rebuild.startedOn,
        finishedOn: rebuild.finishedOn,
      },
    },
  };
  return {
    _type: STATEMENT_TYPE,
    subject: provenanceSubjects(rebuild),
    predicateType: PROVENANCE_PREDICATE_TYPE,
    predicate,
  };
}

/** Each module as it was built, under the same name as in the rebuild statement. */
export function provenanceSubjects({ artifact, modules }: RebuildPredicate): Subject[] {
  return modules.flatMap(({ name, observed }) =>
    observed === undefined
      ? []
      : [{ name: moduleSubjectName(artifact, name), digest: observed.digest }],
  );
}

/** What a provenance statement must say for it to belong to a rebuild. */
export interface ProvenanceExpectation {
  readonly rebuild: RebuildPredicate;
  /** Hex SHA-256 of the recipe's canonical JSON. */
  readonly recipeDigest: string;
  /** Id of the rebuilder whose key signed. */
  readonly rebuilder: string;
  /** What must be among the resolved dependencies, beside the publication, by digest. */
  readonly dependencies?: readonly DigestSet[];
}

export interface CheckedProvenance {
  readonly predicate: ProvenancePredicate;
  readonly publicKey: PublicKey;
}

/**
 * The whole check of the provenance that comes with a rebuild report.
 *
 * @throws AttestError of `verifyEnvelope`, `soleSigner` and {@link checkProvenancePayload}
 */
export async function checkProvenanceStatement(
  envelope: unknown,
  expected: ProvenanceExpectation & {
    readonly publicKeys: readonly PublicKey[];
    readonly verify: SignatureVerifier;
  },
): Promise<CheckedProvenance> {
  const verified = await verifyEnvelope(envelope, expected.publicKeys, expected.verify);
  return { predicate: checkProvenancePayload(verified, expected), publicKey: soleSigner(verified) };
}

/**
 * The part of the check that comes after the signature.
 *
 * @throws AttestError `statement-malformed`, `statement-not-canonical`,
 * `statement-predicate-type`, `provenance-build-type`, `provenance-parameter-unknown`,
 * `statement-recipe-mismatch`,
 * `provenance-builder-mismatch`, `provenance-environment-mismatch`,
 * `provenance-dependency-missing`, `statement-subject-mismatch`
 */
export function checkProvenancePayload(
  verified: VerifiedEnvelope,
  { rebuild, recipeDigest, rebuilder, dependencies = [] }: ProvenanceExpectation,
): ProvenancePredicate {
  soleSigner(verified);
  const statement = parseCanonicalStatement(verified.payload);
  checkPredicateType(statement, PROVENANCE_PREDICATE_TYPE);
  const predicate = parseBy(
    ProvenancePredicate,
    statement.predicate,
    'statement-malformed',
    'predicate',
  );
  const { buildType, externalParameters, internalParameters } = predicate.buildDefinition;
  if (buildType !== RECIPE_BUILD_TYPE) {
    throw new AttestError('provenance-build-type', `buildType must be ${RECIPE_BUILD_TYPE}`);
  }
  // SLSA: "externalParameters" are the whole of what others asked of the build.
  const unknown = Object.keys(externalParameters).find((name) => name !== 'recipe');
  if (unknown !== undefined) {
    throw new AttestError(
      'provenance-parameter-unknown',
      `externalParameters hold ${JSON.stringify(unknown)}; of this build type they are the recipe alone`,
    );
  }
  if (recipeDigestOf(externalParameters['recipe'] ?? null) !== recipeDigest) {
    throw new AttestError(
      'statement-recipe-mismatch',
      `externalParameters.recipe is not the recipe sha256:${recipeDigest}`,
    );
  }
  if (predicate.runDetails.builder.id !== builderId(rebuilder)) {
    throw new AttestError(
      'provenance-builder-mismatch',
      `builder.id must be ${builderId(rebuilder)}: the key belongs to that rebuilder`,
    );
  }
  if (
    canonicalJson(internalParameters?.['environment'] ?? null) !==
    canonicalJson(rebuild.environment)
  ) {
    throw new AttestError(
      'provenance-environment-mismatch',
      'internalParameters.environment is not the environment of the rebuild',
    );
  }
  checkDependencies(predicate, [rebuild.artifact.digest, ...dependencies]);
  checkSubjects(statement, provenanceSubjects(rebuild));
  return predicate;
}

function checkDependencies(
  { buildDefinition }: ProvenancePredicate,
  expected: readonly DigestSet[],
): void {
  const resolved = (buildDefinition.resolvedDependencies ?? []).map(({ digest }) => digest ?? {});
  for (const digest of expected) {
    const entries = Object.entries(digest);
    if (resolved.some((own) => entries.every(([algorithm, hex]) => own[algorithm] === hex)))
      continue;
    throw new AttestError(
      'provenance-dependency-missing',
      `resolvedDependencies must name ${entries.map((entry) => entry.join(':')).join()}`,
    );
  }
}

/** Hex SHA-256 of the canonical JSON (RFC 8785) of a recipe: the recipe's identity. */
export function recipeDigestOf(recipe: unknown): string {
  return bytesToHex(sha256(encodeUtf8(canonicalJson(recipe))));
}

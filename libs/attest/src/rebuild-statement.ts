import type { PublicKey, SignatureVerifier } from '@touchstone/note';
import type { ArtifactDescriptor } from './artifact.js';
import { canonicalJson } from './canonical-json.js';
import { soleSigner, verifyEnvelope, type VerifiedEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import { parseBy } from './json.js';
import {
  REBUILD_PREDICATE_TYPE,
  RebuildPredicate,
  type ModuleOutcome,
  type RebuiltModule,
} from './rebuild-predicate.js';
import { parseStatement, STATEMENT_TYPE, type Statement, type Subject } from './statement.js';

/** What a rebuild statement must be about for it to count. */
export interface RebuildExpectation {
  readonly artifact: ArtifactDescriptor;
  /** Hex SHA-256 of the recipe's canonical JSON. */
  readonly recipeDigest: string;
  /** Names of the recipe's modules; a comparison must speak of each of them. */
  readonly moduleNames: readonly string[];
}

export interface CheckedRebuild {
  readonly predicate: RebuildPredicate;
  readonly publicKey: PublicKey;
}

/** The statement of a rebuild: its subjects follow from the predicate. */
export function rebuildStatement(predicate: RebuildPredicate): Statement {
  return {
    _type: STATEMENT_TYPE,
    subject: rebuildSubjects(predicate),
    predicateType: REBUILD_PREDICATE_TYPE,
    predicate,
  };
}

/** First the publication, then each module as it was published. */
function rebuildSubjects({ artifact, modules }: RebuildPredicate): Subject[] {
  return [
    { name: artifact.uri, digest: artifact.digest },
    ...modules.map(({ name, claimed }) => ({
      name: moduleSubjectName(artifact, name),
      digest: claimed.digest,
    })),
  ];
}

export function moduleSubjectName(artifact: ArtifactDescriptor, moduleName: string): string {
  return `${artifact.uri}#${moduleName}`;
}

/** What the modules of a comparison come to: one that differs outweighs, then one equivalent. */
export function outcomeOfModules(
  modules: readonly Pick<RebuiltModule, 'outcome'>[],
): ModuleOutcome {
  if (modules.some(({ outcome }) => outcome === 'different')) return 'different';
  if (modules.some(({ outcome }) => outcome === 'equivalent')) return 'equivalent';
  if (modules.length === 0) {
    throw new AttestError('statement-modules-mismatch', 'a comparison must have a module');
  }
  return 'reproduced';
}

/**
 * The whole check of a rebuild report, for who receives one: signed once, by one of these keys,
 * and a statement that agrees with itself and with what was asked for.
 *
 * @throws AttestError of `verifyEnvelope`, `soleSigner` and {@link checkRebuildPayload}
 */
export async function checkRebuildStatement(
  envelope: unknown,
  expected: RebuildExpectation & {
    readonly publicKeys: readonly PublicKey[];
    readonly verify: SignatureVerifier;
  },
): Promise<CheckedRebuild> {
  const verified = await verifyEnvelope(envelope, expected.publicKeys, expected.verify);
  return { predicate: checkRebuildPayload(verified, expected), publicKey: soleSigner(verified) };
}

/**
 * The part of the check that comes after the signature.
 *
 * @throws AttestError `statement-malformed`, `statement-not-canonical`,
 * `statement-predicate-type`, `statement-artifact-mismatch`, `statement-recipe-mismatch`,
 * `statement-modules-mismatch`, `statement-subject-mismatch`, `statement-outcome-mismatch`,
 * `statement-failure-mismatch`, `statement-variation-mismatch`, `module-outcome-mismatch`,
 * `module-equivalence-unproven`
 */
export function checkRebuildPayload(
  verified: VerifiedEnvelope,
  expected: RebuildExpectation,
): RebuildPredicate {
  soleSigner(verified);
  const statement = parseStatement(verified.payload);
  checkPredicateType(statement, REBUILD_PREDICATE_TYPE);
  const predicate = parseBy(
    RebuildPredicate,
    statement.predicate,
    'statement-malformed',
    'predicate',
  );
  if (canonicalJson(predicate.artifact) !== canonicalJson(expected.artifact)) {
    throw new AttestError(
      'statement-artifact-mismatch',
      `the statement is about ${predicate.artifact.uri} with another digest or name than ${expected.artifact.uri}`,
    );
  }
  if (predicate.recipe.digest.sha256 !== expected.recipeDigest) {
    throw new AttestError(
      'statement-recipe-mismatch',
      `the statement is about recipe sha256:${predicate.recipe.digest.sha256}, not sha256:${expected.recipeDigest}`,
    );
  }
  checkModuleNames(predicate, expected.moduleNames);
  checkSubjects(statement, rebuildSubjects(predicate));
  checkOutcome(predicate);
  predicate.modules.forEach(checkModule);
  checkVariation(predicate);
  // Whatever else a statement may hold, ours hold nothing that does not follow from the predicate.
  if (canonicalJson(rebuildStatement(predicate)) !== canonicalJson(statement)) {
    throw new AttestError('statement-malformed', 'the statement holds fields of no meaning here');
  }
  return predicate;
}

export function checkPredicateType(statement: Statement, predicateType: string): void {
  if (statement.predicateType !== predicateType) {
    throw new AttestError(
      'statement-predicate-type',
      `predicateType must be ${predicateType}, not ${JSON.stringify(statement.predicateType)}`,
    );
  }
}

/** Subjects must be these, in this order, and carry nothing else. */
export function checkSubjects(statement: Statement, expected: readonly Subject[]): void {
  if (canonicalJson(statement.subject) !== canonicalJson(expected)) {
    throw new AttestError(
      'statement-subject-mismatch',
      'the subjects are not the publication and modules of the predicate, in its order',
    );
  }
}

/** A comparison speaks of every module of the recipe and of no other; a failure of no other. */
function checkModuleNames({ outcome, modules }: RebuildPredicate, names: readonly string[]): void {
  const known = new Set(names);
  const extra = modules.find(({ name }) => !known.has(name));
  if (extra !== undefined) {
    throw new AttestError(
      'statement-modules-mismatch',
      `module ${extra.name} is not one of the recipe's`,
    );
  }
  const compared = new Set(modules.map(({ name }) => name));
  const missing = names.find((name) => !compared.has(name));
  if (missing !== undefined && outcome !== 'failed' && outcome !== 'unavailable') {
    throw new AttestError(
      'statement-modules-mismatch',
      `the statement says ${outcome} but not what became of module ${missing}`,
    );
  }
}

function checkOutcome({ outcome, modules, failure }: RebuildPredicate): void {
  const ended = outcome === 'failed' || outcome === 'unavailable';
  if (ended !== (failure !== undefined)) {
    throw new AttestError(
      'statement-failure-mismatch',
      ended ? `outcome ${outcome} needs a failure` : `outcome ${outcome} must not have a failure`,
    );
  }
  if (outcome === 'unavailable' && modules.length > 0) {
    throw new AttestError(
      'statement-modules-mismatch',
      'outcome unavailable must not have modules: nothing was there to compare',
    );
  }
  if (!ended && outcome !== outcomeOfModules(modules)) {
    throw new AttestError(
      'statement-outcome-mismatch',
      `outcome is ${outcome} but the modules come to ${outcomeOfModules(modules)}`,
    );
  }
}

/** What is said of variation must not deny itself: readers act on `deterministic` alone. */
function checkVariation({ variation, modules, failure }: RebuildPredicate): void {
  if (variation === undefined) return;
  const { deterministic, unstable, varied, modules: differing, incomplete } = variation;
  const changing = varied.filter(({ changes }) => changes);
  const names = new Set(modules.map(({ name }) => name));
  const unique = (list: readonly string[]): boolean => new Set(list).size === list.length;
  const differs = differing.length > 0;
  const holds =
    failure === undefined &&
    differing.every((name) => names.has(name)) &&
    unique(differing) &&
    unique(varied.map(({ name }) => name)) &&
    changing.every(({ applied }) => applied) &&
    deterministic === (!differs && incomplete === undefined) &&
    (unstable ? differs && varied.every(({ applied }) => !applied) : true) &&
    // Other bytes have a cause, unless the search for it was cut short.
    differs === (unstable || changing.length > 0 || (differs && incomplete !== undefined));
  if (!holds)
    throw new AttestError(
      'statement-variation-mismatch',
      'what the statement says of variation denies itself, or speaks of what was not built',
    );
}

function checkModule(module: RebuiltModule): void {
  const { name, outcome, claimed, observed, normalisations, difference } = module;
  const sameDigest = observed?.digest.sha256 === claimed.digest.sha256;
  const sameBytes = sameDigest && observed.size === claimed.size;
  const differs = (difference?.sections.length ?? 0) + (difference?.functions.length ?? 0) > 0;
  if (outcome === 'reproduced' ? !sameBytes || differs : sameDigest) {
    throw new AttestError(
      'module-outcome-mismatch',
      `module ${name} is said to be ${outcome}, which its digests, sizes or differences deny`,
    );
  }
  const normalised = normalisations.some((n) => n.claimed.sha256 === n.observed.sha256);
  if (outcome === 'equivalent' && !(observed !== undefined && normalised)) {
    throw new AttestError(
      'module-equivalence-unproven',
      `module ${name} is said to be equivalent but no normalisation made it equal`,
    );
  }
  if (outcome === 'different' && normalised) {
    throw new AttestError(
      'module-outcome-mismatch',
      `module ${name} is said to be different but a normalisation made it equal`,
    );
  }
}

import { rfc6962, treeHasher, type Sha256 } from '@touchstone/merkle';
import type {
  Checkpoint,
  OpenedCheckpoint,
  SignatureVerifier,
  WitnessPolicy,
} from '@touchstone/note';
import { canonicalJson } from './canonical-json.js';
import { AttestError } from './errors.js';
import {
  checkCheckpoint,
  checkDistinct,
  checkInclusion,
  checkWitnesses,
  leafOf,
} from './evidence-log.js';
import {
  checkPresentedFiles,
  checkProvenances,
  checkRebuilds,
  checkSboms,
  checkSignatures,
  readStatements,
  type PresentedFile,
  type RebuildEntry,
  type SignedEntry,
  type StatedEntry,
} from './evidence-statements.js';
import { checkComplete, type SearchedLog } from './evidence-complete.js';
import { parseEvidence, type Evidence } from './evidence.js';
import { matchLogEntry } from './log-entry.js';
import type { ParsedSearchEvidence } from './map/search-evidence.js';
import type { Variation } from './rebuild-predicate.js';
import { viewRecipe, type RecipeView } from './recipe-view.js';
import { resolveTrustRoot, type ResolvedTrustRoot, type TrustRoot } from './trust-root.js';
import { publicationVerdict, voteOf, type ModuleReport, type Verdict } from './verdict.js';

/** Every step of the verification in its order, with what it follows. */
const STEPS = {
  'trust-root': 'Touchstone trust-root/v1',
  'evidence-format': 'Touchstone evidence/v1',
  recipe: 'RFC 8785 (JCS) and FIPS 180-4; package URL, type npm',
  'checkpoint-signature': 'C2SP signed-note and tlog-checkpoint',
  'checkpoint-witnesses': 'C2SP tlog-cosignature and tlog-policy',
  'entries-distinct': 'Touchstone evidence/v1',
  'statement-signatures': 'DSSE v1.0.2 protocol, "verification"',
  'entry-bodies': 'Rekor v2 hashedrekord 0.0.2 over the DSSE PAE, or dsse 0.0.2; RFC 8785',
  'inclusion-proofs': 'RFC 9162 section 2.1.3.2, hashed by RFC 6962 section 2.1',
  statements: 'in-toto attestation v1, "Statement"; RFC 8785',
  rebuilds: 'Touchstone rebuild/v1',
  provenance: 'SLSA v1.0, "Provenance"',
  sbom: 'ECMA-424 (CycloneDX) as an in-toto predicate',
  completeness: 'Touchstone search-evidence/v1',
  verdict: 'Touchstone policy k of n, by organisation',
  'presented-files': 'FIPS 180-4',
} as const;

export type VerificationStepName = keyof typeof STEPS;

/** A step that held; one that does not throws. */
export interface VerificationStep {
  readonly name: VerificationStepName;
  readonly spec: string;
  readonly ok: true;
}

export interface VerifyEvidenceOptions {
  /** From a source the verifier trusts; all else is checked by it. Resolved once for many files. */
  readonly trustRoot: TrustRoot | ResolvedTrustRoot;
  readonly verify: SignatureVerifier;
  /** Witnesses that must have cosigned besides those that the trust root asks for. */
  readonly witnessPolicy?: WitnessPolicy;
  /** What a log answered about the publication: then no rebuild of it may be left out. */
  readonly search?: ParsedSearchEvidence;
  /** For tree hashes; pure JavaScript when absent. */
  readonly sha256?: Sha256;
  /** Files at hand, each of which must be what the evidence is about. */
  readonly artifacts?: readonly PresentedFile[];
}

export interface VerifiedEvidence {
  readonly steps: readonly VerificationStep[];
  readonly verdict: Verdict;
  readonly modules: readonly ModuleReport[];
  readonly checkpoint: {
    readonly origin: string;
    readonly size: number;
    /**
     * Seconds since the epoch: by then the quorum of the witnesses had cosigned, so
     * everything in the tree was there. Absent where no witnesses are asked for.
     */
    readonly time?: number;
  };
  readonly artifact: Evidence['artifact'];
  /** Hex SHA-256 of the recipe's canonical JSON. */
  readonly recipeDigest: string;
  readonly entries: readonly VerifiedEntry[];
  /** Up to where the log has no other rebuild; absent when it was not asked. */
  readonly complete?: SearchedLog;
}

/** Who said what at which place of the log. */
export interface VerifiedEntry {
  readonly logIndex: number;
  readonly rebuilder: string;
  readonly organisation: string;
  readonly predicateType: string;
  /** Of a rebuild that was varied: what its rebuilder says of it. Counts for nothing in the verdict. */
  readonly variation?: Variation;
}

/**
 * Verifies an evidence file (bytes, or parsed JSON) offline and counts the votes in it. A step
 * that fails throws with its own code and with `step` naming it; a verdict other than
 * `reproduced` is an answer and is returned.
 *
 * What the file leaves out only the log can tell: with `search`, its answer is held against it.
 *
 * @throws AttestError
 */
export async function verifyEvidence(
  file: unknown,
  { trustRoot, verify, sha256, artifacts, witnessPolicy, search }: VerifyEvidenceOptions,
): Promise<VerifiedEvidence> {
  const { steps, step } = stepList();
  const trusted = await step('trust-root', () =>
    'root' in trustRoot ? trustRoot : resolveTrustRoot(trustRoot),
  );
  const { root, keys, organisations, retired } = trusted;
  const evidence = await step('evidence-format', () => parseEvidence(file));
  const { entries } = evidence;
  const recipe = await step('recipe', () => checkRecipe(evidence));
  const opened = await step('checkpoint-signature', () =>
    checkCheckpoint(evidence.checkpoint, trusted.logs, verify),
  );
  const { checkpoint } = opened;
  const policies = [trusted.witnessPolicy, witnessPolicy];
  const time = await witnessStep(step, opened, policies, verify);
  await step('entries-distinct', () => checkDistinct(entries));
  const signed = await step('statement-signatures', () =>
    checkSignatures(entries, keys, checkpoint.origin, verify),
  );
  await entrySteps(step, signed, checkpoint, sha256);
  const { stated, rebuilds } = await statementSteps(step, signed, recipe);
  const complete =
    search &&
    (await step('completeness', () =>
      checkComplete([evidence], search, { trusted, witnessPolicy, verify, sha256 }),
    ));
  const { verdict, modules } = await step('verdict', () =>
    publicationVerdict(
      recipe.moduleNames,
      rebuilds.map(({ signer, predicate }) => voteOf(signer.organisation, predicate)),
      { organisations, retired, policy: root.policy },
    ),
  );
  if (artifacts !== undefined) {
    await step('presented-files', () => checkPresentedFiles(artifacts, modules, recipe));
  }
  return {
    steps,
    verdict,
    modules,
    checkpoint: {
      origin: checkpoint.origin,
      size: checkpoint.size,
      ...(time === undefined ? {} : { time }),
    },
    artifact: evidence.artifact,
    recipeDigest: recipe.digest,
    entries: stated.map((entry) => viewEntry(entry, rebuilds)),
    ...(complete && { complete }),
  };
}

/** Each envelope is what its leaf says, and the leaf where it is said to be. */
async function entrySteps(
  step: Step,
  signed: readonly SignedEntry[],
  checkpoint: Checkpoint,
  sha256: Sha256 | undefined,
): Promise<void> {
  await step('entry-bodies', () => {
    for (const { entry, signer } of signed) {
      matchLogEntry(leafOf(entry), entry.envelope, signer.publicKey);
    }
  });
  await step('inclusion-proofs', () => {
    const hasher = sha256 === undefined ? rfc6962 : treeHasher(sha256);
    for (const { entry } of signed) checkInclusion(entry, checkpoint, hasher);
  });
}

/** What the statements say, each by its kind. */
async function statementSteps(
  step: Step,
  signed: readonly SignedEntry[],
  recipe: RecipeView,
): Promise<{ stated: StatedEntry[]; rebuilds: RebuildEntry[] }> {
  const stated = await step('statements', () => readStatements(signed));
  const rebuilds = await step('rebuilds', () => checkRebuilds(stated, recipe));
  await step('provenance', () => checkProvenances(stated, rebuilds, recipe));
  await step('sbom', () => checkSboms(stated, rebuilds));
  return { stated, rebuilds };
}

/** By when all had cosigned whom the first policy asks for: the trust root's, if it has one. */
async function witnessStep(
  step: Step,
  opened: OpenedCheckpoint,
  asked: readonly (WitnessPolicy | undefined)[],
  verify: SignatureVerifier,
): Promise<number | undefined> {
  const policies = asked.filter((policy) => policy !== undefined);
  if (policies.length === 0) return undefined;
  return step('checkpoint-witnesses', async () => {
    const times: (number | undefined)[] = [];
    for (const policy of policies) times.push(await checkWitnesses(opened, policy, verify));
    return times[0];
  });
}

function viewEntry(
  { entry, signer, predicateType }: StatedEntry,
  rebuilds: readonly RebuildEntry[],
): VerifiedEntry {
  const { rebuilder, organisation } = signer;
  const variation = rebuilds.find((each) => each.entry === entry)?.predicate.variation;
  const said = { logIndex: entry.logIndex, rebuilder, organisation, predicateType };
  return { ...said, ...(variation === undefined ? {} : { variation }) };
}

type Step = <T>(name: VerificationStepName, check: () => T | Promise<T>) => Promise<T>;

/** Runs steps one by one, notes which held, and marks the error of one that did not. */
function stepList(): { steps: VerificationStep[]; step: Step } {
  const steps: VerificationStep[] = [];
  const step: Step = async (name, check) => {
    try {
      const result = await check();
      steps.push({ name, spec: STEPS[name], ok: true });
      return result;
    } catch (cause) {
      if (!(cause instanceof AttestError)) throw cause;
      throw new AttestError(cause.code, cause.message, { cause, step: name });
    }
  };
  return { steps, step };
}

function checkRecipe({ artifact, recipe }: Evidence): RecipeView {
  const view = viewRecipe(recipe);
  if (canonicalJson(view.artifact) !== canonicalJson(artifact)) {
    throw new AttestError(
      'evidence-artifact-mismatch',
      `the evidence is for ${artifact.uri} but its recipe rebuilds another artifact`,
    );
  }
  return view;
}

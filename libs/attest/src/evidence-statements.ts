import { keyId, type SignatureVerifier } from '@touchstone/note';
import { soleSigner, verifyEnvelope, type VerifiedEnvelope } from './dsse.js';
import { AttestError } from './errors.js';
import type { EvidenceEntry } from './evidence.js';
import { checkProvenancePayload, PROVENANCE_PREDICATE_TYPE } from './provenance.js';
import { REBUILD_PREDICATE_TYPE, type RebuildPredicate } from './rebuild-predicate.js';
import { checkRebuildPayload } from './rebuild-statement.js';
import type { RecipeView } from './recipe-view.js';
import { parseStatement } from './statement.js';
import { checkSbomPayload, SBOM_PREDICATE_TYPE } from './sbom/sbom-statement.js';
import type { ModuleReport } from './verdict.js';
import { countsAt, type EnrolledKey } from './trust-root.js';

/** An entry whose envelope an enrolled key signed. */
export interface SignedEntry {
  readonly entry: EvidenceEntry;
  readonly verified: VerifiedEnvelope;
  readonly signer: EnrolledKey;
}

/** … and whose payload is a statement of a kind that evidence may hold. */
export interface StatedEntry extends SignedEntry {
  readonly predicateType: string;
}

export interface RebuildEntry extends SignedEntry {
  readonly predicate: RebuildPredicate;
}

/** A file that the verifier has at hand. Digests in lower-case hex, size in bytes. */
export interface PresentedFile {
  /** Name of the recipe's module that it must be; any of them, or the publication, when absent. */
  readonly name?: string;
  readonly sha256: string;
  readonly size: number;
  /** Lets the tarball of an npm publication be presented, which is known by its SHA-512. */
  readonly sha512?: string;
}

/**
 * Whose signature each entry bears: exactly one, by an enrolled key that counts at that place of
 * the log.
 *
 * @throws AttestError of `verifyEnvelope` and `soleSigner`, `signer-retired`
 */
export async function checkSignatures(
  entries: readonly EvidenceEntry[],
  keys: readonly EnrolledKey[],
  origin: string,
  verify: SignatureVerifier,
): Promise<SignedEntry[]> {
  const enrolled = new Map(keys.map((key) => [key.keyId, key]));
  const publicKeys = keys.map(({ publicKey }) => publicKey);
  const signed: SignedEntry[] = [];
  for (const entry of entries) {
    const verified = await verifyEnvelope(entry.envelope, publicKeys, verify);
    const signer = enrolled.get(keyId(soleSigner(verified)));
    if (signer === undefined) throw new AttestError('signer-unknown', 'the signer is not enrolled');
    if (!countsAt(signer, origin, entry.logIndex)) {
      throw new AttestError(
        'signer-retired',
        `entry ${entry.logIndex} is signed by a key of ${signer.rebuilder} that was retired before`,
      );
    }
    signed.push({ entry, verified, signer });
  }
  return signed;
}

const KINDS = [REBUILD_PREDICATE_TYPE, PROVENANCE_PREDICATE_TYPE, SBOM_PREDICATE_TYPE];

/** @throws AttestError of `parseStatement`, `statement-predicate-type` */
export function readStatements(signed: readonly SignedEntry[]): StatedEntry[] {
  return signed.map((entry) => {
    const { predicateType } = parseStatement(entry.verified.payload);
    if (!KINDS.includes(predicateType)) {
      throw new AttestError(
        'statement-predicate-type',
        `evidence holds rebuilds, provenance and bills of materials, not ${JSON.stringify(predicateType)}`,
      );
    }
    return { ...entry, predicateType };
  });
}

/** @throws AttestError of `checkRebuildPayload` */
export function checkRebuilds(
  stated: readonly StatedEntry[],
  { artifact, digest, moduleNames }: RecipeView,
): RebuildEntry[] {
  return stated
    .filter(({ predicateType }) => predicateType === REBUILD_PREDICATE_TYPE)
    .map(({ entry, verified, signer }) => ({
      entry,
      verified,
      signer,
      predicate: checkRebuildPayload(verified, { artifact, recipeDigest: digest, moduleNames }),
    }));
}

/**
 * Provenance counts for nothing in the verdict, but it must be that of a rebuild by the same
 * rebuilder in the same evidence.
 *
 * @throws AttestError `provenance-without-rebuild`, and as `checkProvenancePayload` does
 */
export function checkProvenances(
  stated: readonly StatedEntry[],
  rebuilds: readonly RebuildEntry[],
  { digest }: RecipeView,
): void {
  for (const { verified, signer, entry, predicateType } of stated) {
    if (predicateType !== PROVENANCE_PREDICATE_TYPE) continue;
    const own = rebuilds.filter((rebuild) => rebuild.signer.rebuilder === signer.rebuilder);
    if (own.length === 0) {
      throw new AttestError(
        'provenance-without-rebuild',
        `entry ${entry.logIndex} is provenance by ${signer.rebuilder}, of whom there is no rebuild`,
      );
    }
    checkAgainstAny(own, ({ predicate }) =>
      checkProvenancePayload(verified, {
        rebuild: predicate,
        recipeDigest: digest,
        rebuilder: signer.rebuilder,
      }),
    );
  }
}

/**
 * A bill of materials counts for nothing in the verdict either, and must be about the modules that a
 * rebuild by the same rebuilder built.
 *
 * @throws AttestError `sbom-without-rebuild`, and as `checkSbomPayload` does
 */
export function checkSboms(
  stated: readonly StatedEntry[],
  rebuilds: readonly RebuildEntry[],
): void {
  for (const { verified, signer, entry, predicateType } of stated) {
    if (predicateType !== SBOM_PREDICATE_TYPE) continue;
    const own = rebuilds.filter((rebuild) => rebuild.signer.rebuilder === signer.rebuilder);
    if (own.length === 0) {
      throw new AttestError(
        'sbom-without-rebuild',
        `entry ${entry.logIndex} is a bill of materials by ${signer.rebuilder}, of whom there is no rebuild`,
      );
    }
    checkAgainstAny(own, ({ predicate }) => checkSbomPayload(verified, predicate));
  }
}

/** One rebuilder may have tried more than once; the statement must fit one of its rebuilds. */
function checkAgainstAny<T>(choices: readonly T[], check: (expected: T) => unknown): void {
  let refusal: unknown;
  for (const expected of choices) {
    try {
      check(expected);
      return;
    } catch (cause) {
      refusal ??= cause;
    }
  }
  throw refusal;
}

/**
 * Checks that each file at hand is what the votes are about: a published module by SHA-256 and
 * size, or the publication itself by its digest. Statements that count for nothing do not vouch
 * for a file either, so this looks at the report and not at them.
 *
 * @throws AttestError `artifact-mismatch`
 */
export function checkPresentedFiles(
  files: readonly PresentedFile[],
  modules: readonly ModuleReport[],
  { artifact }: RecipeView,
): void {
  for (const { name, sha256, size, sha512 } of files) {
    const isModule = modules.some(
      (module) =>
        (name === undefined || module.name === name) &&
        module.digest === sha256 &&
        module.size === size,
    );
    const own = new Map([
      ['sha256', sha256],
      ['sha512', sha512],
    ]);
    const isPublication =
      name === undefined &&
      Object.entries(artifact.digest).every(([algorithm, hex]) => own.get(algorithm) === hex);
    if (!isModule && !isPublication) {
      throw new AttestError(
        'artifact-mismatch',
        `sha256:${sha256} of ${size} bytes is not ${name === undefined ? 'a module' : `module ${name}`} of ${artifact.uri}`,
      );
    }
  }
}

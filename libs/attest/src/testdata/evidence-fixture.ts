import { CompactRange, inclusionProof, rfc6962 } from '@touchstone/merkle';
import {
  encodeUtf8,
  formatCheckpoint,
  formatVerifierKey,
  noteSigner,
  signNote,
  toBase64,
  verifierKey,
  type Signer,
} from '@touchstone/note';
import {
  artifactDescriptor,
  envelopeLogEntry,
  EVIDENCE_SCHEMA,
  provenanceStatement,
  rebuildStatement,
  recipeDigestOf,
  signEnvelope,
  TRUST_ROOT_SCHEMA,
  type DsseEnvelope,
  type Evidence,
  type RebuildPredicate,
  type RebuiltModule,
  type Statement,
  type TrustRoot,
} from '../index.js';
import { signers } from './parties.js';

export const ORIGIN = 'log.touchstone.test';

export const recipe = {
  schema: 'https://touchstone.dev/recipe/v1',
  artifact: {
    kind: 'npm',
    name: '@scope/pebble',
    version: '1.2.3',
    integrity: `sha512-${toBase64(new Uint8Array(64).fill(9))}`,
  },
  modules: [{ name: 'a.wasm' }, { name: 'b.wasm' }],
} as const;

export const artifact = artifactDescriptor(recipe.artifact);
export const recipeDigest = recipeDigestOf(recipe);

export const hex = (digit: string): string => digit.repeat(64);

export function rebuilt(name: string, changes: Partial<RebuiltModule> = {}): RebuiltModule {
  const file = { digest: { sha256: hex(name.slice(0, 1)) }, size: 8 };
  return {
    name,
    outcome: 'reproduced',
    claimed: file,
    observed: file,
    normalisations: [],
    ...changes,
  };
}

/** A module whose build came out with other bytes. */
export function differing(name: string): RebuiltModule {
  return rebuilt(name, {
    outcome: 'different',
    observed: { digest: { sha256: hex('e') }, size: 9 },
    difference: {
      sections: [
        {
          section: 'code',
          id: 10,
          status: 'different',
          claimed: { offset: 4, size: 4 },
          observed: { offset: 4, size: 5 },
          ranges: [{ offset: 5, length: 2 }],
        },
      ],
      functions: [],
      functionCount: 1,
      truncated: false,
    },
  });
}

export function predicate(changes: Partial<RebuildPredicate> = {}): RebuildPredicate {
  return {
    outcome: 'reproduced',
    artifact,
    recipe: { digest: { sha256: recipeDigest } },
    toolchain: { name: 'assemblyscript', version: '0.27.0', digest: { sha256: hex('7') } },
    modules: [rebuilt('a.wasm'), rebuilt('b.wasm')],
    environment: {
      sandbox: 'bwrap',
      architecture: 'x64',
      network: 'none',
      variables: { TZ: 'UTC' },
    },
    startedOn: '2026-01-02T03:04:05Z',
    finishedOn: '2026-01-02T03:04:06.5Z',
    ...changes,
  };
}

/** The rebuild that says `different` about the last module. */
export function dissent(): RebuildPredicate {
  return predicate({ outcome: 'different', modules: [rebuilt('a.wasm'), differing('b.wasm')] });
}

/** The rebuild that never came to compare anything. */
export function failure(): RebuildPredicate {
  return predicate({
    outcome: 'failed',
    modules: [],
    failure: { code: 'build-failed', message: 'exit 1' },
  });
}

export function provenanceOf(rebuild: RebuildPredicate, rebuilder: string): Statement {
  return provenanceStatement({
    rebuild,
    recipe,
    resolvedDependencies: [{ uri: artifact.uri, digest: artifact.digest }],
    rebuilder,
    version: { touchstone: '0.1.0' },
    invocationId: 'lease-1',
  });
}

export function trustRoot(changes: Partial<TrustRoot> = {}): TrustRoot {
  const key = ({
    publicKey,
  }: Signer): { algorithm: 'ed25519' | 'ecdsa-p256-sha256'; spki: string } => ({
    algorithm: publicKey.algorithm,
    spki: toBase64(publicKey.spki),
  });
  return {
    schema: TRUST_ROOT_SCHEMA,
    version: 1,
    logs: [{ origin: ORIGIN, vkey: formatVerifierKey(verifierKey(ORIGIN, signers.log.publicKey)) }],
    rebuilders: [
      { id: 'acme', organisation: 'Acme', keys: [key(signers.acme)] },
      { id: 'birch', organisation: 'Birch', keys: [key(signers.birch)] },
      { id: 'cedar', organisation: 'Cedar', keys: [key(signers.cedar)] },
      { id: 'cedar-west', organisation: 'Cedar', keys: [key(signers.cedarWest)] },
    ],
    policy: { quorum: 2 },
    ...changes,
  };
}

export interface Logged {
  readonly envelope: DsseEnvelope;
  readonly signer: Signer;
}

export async function attest(signer: Signer, statement: Statement): Promise<Logged> {
  return { envelope: await signEnvelope(statement, signer), signer };
}

export async function vote(signer: Signer, rebuild = predicate()): Promise<Logged> {
  return attest(signer, rebuildStatement(rebuild));
}

/**
 * Evidence of these envelopes in a real log, which they share with entries of others. The log and
 * its name can be chosen, so that one can be made that nobody trusts; and so can the leaves.
 */
export async function evidenceOf(
  logged: readonly Logged[],
  {
    log = signers.log,
    origin = ORIGIN,
    leafOf = ({ envelope, signer }) => envelopeLogEntry(envelope, signer.publicKey),
  }: { log?: Signer; origin?: string; leafOf?: (one: Logged, at: number) => Uint8Array } = {},
): Promise<Evidence> {
  const foreign = ['x', 'y', 'z'].map(encodeUtf8);
  const bodies = logged.map(leafOf);
  const leaves = [...foreign, ...bodies, ...foreign];
  const nodes = new Map<string, Uint8Array>();
  const range = new CompactRange();
  for (const leaf of leaves) {
    range.append(rfc6962.leaf(leaf), (level, index, hash) => nodes.set(`${level}/${index}`, hash));
  }
  const checkpoint = formatCheckpoint({
    origin,
    size: leaves.length,
    root: range.root(),
    extensions: [],
  });
  const entries = logged.map(async ({ envelope }, at) => {
    const logIndex = foreign.length + at;
    const proof = await inclusionProof(logIndex, leaves.length, ({ level, index }) => {
      const node = nodes.get(`${level}/${index}`);
      if (node === undefined) throw new Error(`no node ${level}/${index}`);
      return node;
    });
    return {
      logIndex,
      canonicalizedBody: toBase64(bodies[at] ?? new Uint8Array()),
      inclusionProof: proof.map(toBase64),
      envelope,
    };
  });
  return {
    schema: EVIDENCE_SCHEMA,
    artifact,
    recipe,
    checkpoint: await signNote(checkpoint, [noteSigner(origin, log)]),
    entries: await Promise.all(entries),
  };
}

import { createHash, generateKeyPairSync, sign } from 'node:crypto';
import {
  artifactDescriptor,
  envelopeLogEntry,
  EVIDENCE_SCHEMA,
  rebuildStatement,
  recipeDigestOf,
  signEnvelope,
  TRUST_ROOT_SCHEMA,
  type Evidence,
  type RebuiltModule,
  type TrustRoot,
} from '@touchstone/attest';
import {
  cosign,
  cosignerKey,
  formatCheckpoint,
  formatCosignerKey,
  formatNote,
  formatVerifierKey,
  noteSigner,
  parseNote,
  signNote,
  toBase64,
  verifierKey,
  type Signer,
} from '@touchstone/note';
import { join } from './assemble.fixture.js';

export const ORIGIN = 'log.touchstone.test';

export function signer(): Signer {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const spki = new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }));
  return {
    publicKey: { algorithm: 'ed25519', spki },
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

export const [log, acme, birch, witness] = [signer(), signer(), signer(), signer()];
const witnessKey = cosignerKey('west', witness.publicKey);

const enrolled = (id: string, { publicKey }: Signer): TrustRoot['rebuilders'][number] => ({
  id,
  organisation: id,
  keys: [{ algorithm: publicKey.algorithm, spki: toBase64(publicKey.spki) }],
});

/** Two organisations, both of whom must have reproduced. */
export const trustRoot: TrustRoot = {
  schema: TRUST_ROOT_SCHEMA,
  version: 1,
  logs: [{ origin: ORIGIN, vkey: formatVerifierKey(verifierKey(ORIGIN, log.publicKey)) }],
  rebuilders: [enrolled('acme', acme), enrolled('birch', birch)],
  policy: { quorum: 2 },
};

/** The same, where a witness must have cosigned the checkpoint. */
export const witnessedRoot: TrustRoot = {
  ...trustRoot,
  witnessPolicy: `witness west ${formatCosignerKey(witnessKey)}\nquorum west\n`,
};

/** Evidence whose checkpoint the witness cosigned at that time, in seconds. */
export async function cosignedAt(time: number, evidence: Evidence): Promise<Evidence> {
  const note = parseNote(evidence.checkpoint);
  const line = await cosign(note.text, time, witnessKey, witness);
  return {
    ...evidence,
    checkpoint: formatNote({ ...note, signatures: [...note.signatures, line] }),
  };
}

const sha256 = (...parts: Uint8Array[]): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(join(...parts))
      .digest(),
  );

const hex = (bytes: Uint8Array): string => Buffer.from(sha256(bytes)).toString('hex');

/** Evidence about one file, in which each of the two says what is given here. */
export async function evidenceOf(
  file: Uint8Array,
  outcomes: readonly ['reproduced' | 'different', 'reproduced' | 'different'],
): Promise<Evidence> {
  const recipe = {
    schema: 'https://touchstone.dev/recipe/v1',
    artifact: {
      kind: 'npm',
      name: 'part',
      version: '1.0.0',
      integrity: `sha512-${toBase64(new Uint8Array(64).fill(9))}`,
    },
    modules: [{ name: 'part.wasm' }],
  } as const;
  const artifact = artifactDescriptor(recipe.artifact);
  const entries = await Promise.all(
    outcomes.map(async (outcome, index) => {
      const by = index === 0 ? acme : birch;
      const statement = rebuildStatement({
        ...{ outcome, artifact, recipe: { digest: { sha256: recipeDigestOf(recipe) } } },
        toolchain: { name: 'clang', version: '19', digest: { sha256: '7'.repeat(64) } },
        modules: [rebuilt(file, outcome)],
        environment: { sandbox: 'bwrap', architecture: 'x64', network: 'none', variables: {} },
        startedOn: '2026-01-02T03:04:05Z',
        finishedOn: '2026-01-02T03:04:06Z',
      });
      const envelope = await signEnvelope(statement, by);
      return { envelope, body: envelopeLogEntry(envelope, by.publicKey) };
    }),
  );
  // RFC 6962 section 2.1 for a tree of two leaves.
  const leaves = entries.map(({ body }) => sha256(Uint8Array.of(0), body));
  const root = sha256(Uint8Array.of(1), ...leaves);
  const checkpoint = formatCheckpoint({ origin: ORIGIN, size: 2, root, extensions: [] });
  return {
    ...{ schema: EVIDENCE_SCHEMA, artifact, recipe },
    checkpoint: await signNote(checkpoint, [noteSigner(ORIGIN, log)]),
    entries: entries.map(({ envelope, body }, logIndex) => ({
      ...{ logIndex, envelope, canonicalizedBody: toBase64(body) },
      inclusionProof: [toBase64(leaves[1 - logIndex] ?? new Uint8Array())],
    })),
  };
}

function rebuilt(file: Uint8Array, outcome: 'reproduced' | 'different'): RebuiltModule {
  const claimed = { digest: { sha256: hex(file) }, size: file.length };
  const same = { name: 'part.wasm', claimed, normalisations: [] };
  if (outcome === 'reproduced') return { ...same, outcome, observed: claimed };
  const span = { offset: 4, size: 4 };
  const section = {
    section: 'code',
    id: 10,
    status: 'different',
    claimed: span,
    observed: span,
  } as const;
  return {
    ...{ ...same, outcome, observed: { digest: { sha256: 'e'.repeat(64) }, size: file.length } },
    difference: {
      sections: [{ ...section, ranges: [{ offset: 5, length: 1 }] }],
      ...{ functions: [], functionCount: 1, truncated: false },
    },
  };
}
